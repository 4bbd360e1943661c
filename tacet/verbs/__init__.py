"""One file a verb: each parses its options, calls the compiler or the runtime, and prints the result."""

"""The plan: the one interface between compiler and runtime, and the only part of the runtime the compiler may see."""

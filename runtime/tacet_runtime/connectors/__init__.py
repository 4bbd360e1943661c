"""The outside: files, tables, reference data; one heavy import each."""

"""DuckDB SQL: the statements of the embedded engine."""

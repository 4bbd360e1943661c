"""Flink SQL: row types, DDL and the statement set."""

"""DuckDB with a plan's statements and lookup tables: one connection, one thread, Arrow in and out.

A statement is prepared when its columns are first seen: parsing and planning would cost more than a small batch. The
planner's optimizer is off, for it costs as much and has nothing to find: no table is scanned twice, and every join is
by key against a table that is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from tacet_runtime.engines.embedded.arrays import inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan


class _Given:
    """What a prepared statement reads: the table of the moment."""

    def __init__(self) -> None:
        self.table: pa.Table | None = None
        self.schema: pa.Schema | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the table to DuckDB (Arrow's PyCapsule interface)."""
        if self.table is None:
            raise RuntimeError("a statement was run without its table")
        return self.table.__arrow_c_stream__(requested_schema)


class Statements:
    """Runs the generated SQL."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        self._sql = plan.sql
        self._given: dict[str, _Given] = {}
        self._connection = duckdb.connect(config={"threads": "1"})
        self._connection.execute("SET arrow_lossless_conversion = true")
        self._connection.execute("SET preserve_insertion_order = true")
        for name, lookup in lookups.items():
            self._connection.register("lookup", inside(lookup.table))
            self._connection.execute(f'CREATE TABLE "{f":lookup:{name}"}" AS SELECT * FROM lookup')
            self._connection.unregister("lookup")
        self._connection.execute("PRAGMA disable_optimizer")

    def run(self, name: str, view: str, table: pa.Table) -> pa.Table:
        """Run one statement over a table. A view is read by one statement alone."""
        given = self._given.setdefault(name, _Given())
        given.table = table
        try:
            if given.schema != table.schema:
                self._connection.register(view, given)
                self._connection.execute(f'PREPARE "{f":run:{name}"}" AS {self._sql[name]}')
                given.schema = table.schema
            return self._connection.sql(f'EXECUTE "{f":run:{name}"}"').to_arrow_table()
        finally:
            given.table = None

"""DuckDB with a plan's statements and lookup tables: one connection, one thread, Arrow in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from tacet_runtime.engines.embedded.arrays import inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan


class Statements:
    """Runs the generated SQL."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        self._sql = plan.sql
        self._connection = duckdb.connect(config={"threads": "1"})
        self._connection.execute("SET arrow_lossless_conversion = true")
        self._connection.execute("SET preserve_insertion_order = true")
        for name, lookup in lookups.items():
            self._connection.register("lookup", inside(lookup.table))
            self._connection.execute(f'CREATE TABLE "{f":lookup:{name}"}" AS SELECT * FROM lookup')
            self._connection.unregister("lookup")

    def run(self, name: str, view: str, table: pa.Table) -> pa.Table:
        """Run one statement over a table."""
        self._connection.register(view, table)
        try:
            return self._connection.sql(self._sql[name]).to_arrow_table()
        finally:
            self._connection.unregister(view)

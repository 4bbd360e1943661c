"""The shop's job in a folder: compiled, run, and its tables changed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_runtime.connectors.iceberg import data_file, data_paths, replace_files
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.engines.run import Totals, run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.exactly_once import Warehouse
from tacet_runtime.verify import Proof, verify
from tests.durability.shop import lines, write_repository

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan

SMALL = {"commit_messages": 60, "block_bytes": 3_000}


@dataclass
class Job:
    """A repository with an input and a warehouse."""

    root: Path
    engine: str = "reference"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    def plan(self) -> Plan:
        [plan] = self.plans()
        return plan

    def plans(self) -> list[Plan]:
        loaded = frontend.load(self.root / "contracts")
        assert loaded.repository is not None, loaded.diagnostics
        return [compile_plan(job, loaded.repository.lock) for job in loaded.repository.jobs]

    def run(self, *inputs: Path | str, **options) -> Totals:
        paths = [str(path) for path in inputs or (self.root / "e.ndjson",)]
        return run(
            self.plan(), self.root, self.warehouse, paths, Options(**{"engine": self.engine, **SMALL, **options})
        )

    def store(self) -> Warehouse:
        return Warehouse(self.plan(), self.warehouse)

    def verify(self) -> Proof:
        return verify(self.store())

    def kinds(self) -> set[str]:
        return {finding.kind for finding in self.verify().findings}

    def rows(self, role: str) -> list[dict]:
        table = self.store().table(role).scan().to_arrow()
        return sorted(
            table.to_pylist(), key=lambda r: (r["_source"], r["_offset"], -1 if r["_index"] is None else r["_index"])
        )

    def replace_first(self, role: str, change) -> None:
        """Replace a table's first file by what `change` makes of its rows, with statistics and all."""
        store = self.store()
        table, sink = store.table(role), store.tables[role]
        path = data_paths(table)[0]
        rows = change(pq.read_table(path)).cast(pq.read_schema(path))
        finished = write_files(rows, sink, path.parent, f"by-hand-{path.stem}")
        files = [data_file(table, Path(f.path), f.partition) for f in finished]
        replace_files(table, files, [str(path)], {}, {})


def make(root: Path, messages: int = 240, **contracts) -> Job:
    write_repository(root, **contracts)
    (root / "e.ndjson").write_bytes(lines(0, messages))
    return Job(root)


def without_first(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def first_twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows.slice(0, 1), rows])

"""One plan, two engines, the same messages: every difference, as text that a person can act on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_codegen.diagnostics import has_errors
from tacet_runtime.batch import Batch
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tacet_runtime.batch import Outcome, Processor
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan

_ORDER = [("_offset", "ascending"), ("_index", "ascending")]


def plan_of(root: Path) -> Plan:
    """Compile the one job of a repository; errors in its contracts are the test's own."""
    loaded = frontend.load(root / "contracts")
    assert loaded.repository is not None and not has_errors(loaded.diagnostics), loaded.diagnostics
    [job] = loaded.repository.jobs
    return compile_plan(job, loaded.repository.lock)


def batch(messages: Sequence[bytes | None], first: int = 0) -> Batch:
    """Return messages as a batch."""
    offsets = pa.array(range(first, first + len(messages)), pa.int64())
    return Batch("file:a", 0, offsets, pa.array(messages, pa.large_binary()))


class Both:
    """The two engines over one plan."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        self.reference: Processor = make_processor("reference", plan, lookups)
        self.embedded: Processor = make_processor("embedded", plan, lookups)

    def differences(self, messages: Sequence[bytes | None], first: int = 0) -> list[str]:
        """Run both and compare everything that a batch gives."""
        given = batch(messages, first)
        return list(compare(self.reference.process(given), self.embedded.process(given), messages, first))


def both(root: Path) -> Both:
    """Compile a repository for both engines."""
    plan = plan_of(root)
    return Both(plan, load_lookups(plan, root))


def compare(wanted: Outcome, got: Outcome, messages: Sequence[bytes | None], first: int) -> Iterator[str]:
    """Yield what differs: counts, ranges, then rows by table, column and message."""
    for name, value in asdict(wanted.counts).items():
        if asdict(got.counts)[name] != value:
            yield f"counts.{name}: reference {value}, embedded {asdict(got.counts)[name]}"
    if not got.counts.closes():
        yield f"counts do not close: {got.counts}"
    for name in ("skipped", "filtered"):
        if getattr(wanted, name) != getattr(got, name):
            yield f"{name}: reference {getattr(wanted, name)}, embedded {getattr(got, name)}"
    if set(wanted.tables) != set(got.tables):
        yield f"tables: reference {sorted(wanted.tables)}, embedded {sorted(got.tables)}"
    for role, table in wanted.tables.items():
        yield from _tables(role, _sorted(table), _sorted(got.tables[role]), messages, first)


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by(_ORDER) if "_offset" in table.column_names else table


def _tables(role: str, wanted: pa.Table, got: pa.Table, messages: Sequence[bytes | None], first: int) -> Iterator[str]:
    if wanted.schema != got.schema:
        yield f"{role}: schemas differ"
        return
    if wanted.num_rows != got.num_rows:
        yield f"{role}: reference {wanted.num_rows} rows, embedded {got.num_rows}{_missing(role, wanted, got, messages, first)}"
        return
    for name in wanted.column_names:
        one, other = _exact(wanted.column(name)), _exact(got.column(name))
        if one.equals(other):
            continue
        for at, (a, b) in enumerate(zip(one.to_pylist(), other.to_pylist(), strict=True)):
            if a != b:
                offset = wanted.column("_offset")[at].as_py() if "_offset" in wanted.column_names else None
                data = messages[offset - first] if offset is not None else wanted.slice(at, 1).to_pylist()
                yield f"{role}.{name}: reference {a!r}, embedded {b!r}: {data!r}"
                break


def _exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return floats as their bits, so that -0.0 is not 0.0."""
    for form, bits in ((pa.float64(), pa.int64()), (pa.float32(), pa.int32())):
        if column.type == form:
            return column.combine_chunks().view(bits)
    return column


def _missing(role: str, wanted: pa.Table, got: pa.Table, messages: Sequence[bytes | None], first: int) -> str:
    if "_offset" not in wanted.column_names:
        rows = [str(row) for row in wanted.to_pylist()]
        others = [str(row) for row in got.to_pylist()]
        return f": {sorted(set(rows) ^ set(others))[:4]}"
    one, other = (set(zip(*(x.column(c).to_pylist() for c, _ in _ORDER), strict=True)) for x in (wanted, got))
    place = min(one ^ other, key=str, default=None)
    return f": {role} {place}: {messages[place[0] - first]!r}" if place else ""

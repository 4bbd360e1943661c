"""Judged and derived rows -> the sinks' tables and the accounting of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.arrow import arrow_schema
from tacet_runtime.connectors.encoded import dictionary, fitted, view
from tacet_runtime.engines.embedded.arrays import constant, is_first, outside
from tacet_runtime.engines.embedded.templates import OUTCOMES
from tacet_runtime.steps.sinks import unknown_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tacet_runtime.engines.embedded.parts import Parts
    from tacet_runtime.engines.embedded.producers import ProducerIds
    from tacet_runtime.engines.embedded.templates import Templates
    from tacet_runtime.plan.model import Plan, SinkColumn, SinkTable
    from tacet_runtime.steps.results import Row
    from tacet_runtime.steps.sinks import Label, Sinks


_VIEWED = 2**31 - 1
"""Bytes of a buffer that a view can point into."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch's rows with what became of each. `ends`: numbers of templates."""

    plan: Plan
    parts: Parts
    rows: pa.Table
    parents: np.ndarray
    """Positions of the rows' messages in the parts, ascending."""
    templates: Templates
    ends: np.ndarray
    derived: pa.Table | None
    derives: np.ndarray
    """Which rows `derived` holds."""
    producers: ProducerIds
    unknown_ids: np.ndarray
    unknown: list[tuple[str, ...]]

    @property
    def moments(self) -> pa.ChunkedArray:
        """Return the rows' event times."""
        return self.rows.column(self.plan.source.event_time)

    @property
    def offsets(self) -> np.ndarray:
        """Return the offsets of the rows' messages."""
        return np.asarray(self.parts.offsets[self.parents])

    def unknown_label(self, path: str) -> Label:
        """Return what a row with an unknown key is counted under."""
        return unknown_label(self.plan, path)


class Emit:
    """Writes one batch's rows."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self._plan = judged.plan
        self._by_role: dict[str, SinkTable] = {table.role: table for table in judged.plan.tables}
        self._outcomes = judged.templates.outcomes()[judged.ends]
        self._event = f"{self._plan.source.event}@{self._plan.source.version}"

    def tables(self) -> dict[str, pa.Table]:
        """Return rows for the raw archive, the derived table and the rejects."""
        found = {"raw": self._raw(), "rejects": self._rejects()}
        if self._judged.derived is not None:
            found["derived"] = self._derived(self._judged.derived)
        return found

    def _raw(self) -> pa.Table:
        at = np.flatnonzero(self._judged.templates.archived()[self._judged.ends])
        rows = self._rows(at, [f.name for f in self._plan.source.fields])
        like = partial(self._like, "raw", at)
        meta = {
            **self._place(at),
            "_contract": self._event,
            "_registered": like(lambda row: row.registered),
            "_absences": like(lambda row: row.absences()),
            "_nulls": like(lambda row: row.nulls),
            "_flags": like(lambda row: row.raw_flags),
            "_unknown": like(lambda _: {}),
            "_payload": self._messages(at) if self._plan.source.keep_payload else None,
        }
        return self._table("raw", {**meta, **{f.name: rows.column(f.name) for f in self._plan.source.fields}}, len(at))

    def _derived(self, derived: pa.Table) -> pa.Table:
        plan, judged = self._plan.derived, self._judged
        if plan is None:
            raise LookupError("derived rows of a plan that derives nothing")
        keep = self._outcomes[judged.derives] == 0
        at = judged.derives[keep]
        values = derived if keep.all() else derived.filter(pa.array(keep))
        computed = set(values.column_names)
        rows = self._rows(at, dict.fromkeys(f.inputs[0] for f in plan.fields if f.name not in computed))
        like = partial(self._like, "derived", at)
        meta = {
            **self._place(at),
            "_contract": f"{plan.event}@{plan.version}",
            "_source_contract": self._event,
            "_absences": like(lambda row: row.derived_absences()),
            "_corrections": like(lambda row: row.corrections),
            "_flags": like(lambda row: row.flags),
        }
        own = {f.name: values.column(f.name) if f.name in computed else rows.column(f.inputs[0]) for f in plan.fields}
        return self._table("derived", {**meta, **own}, len(at))

    def _rejects(self) -> pa.Table:
        at = np.flatnonzero(self._outcomes == 1)
        pairs = self._judged.producers.pairs
        who = pa.array(self._judged.producers.ids[at])
        like = partial(self._like, "rejects", at)
        values = {
            **self._place(at),
            "kind": like(lambda row: row.reject.kind if row.reject else ""),
            "field": like(lambda row: row.reject.field if row.reject else None),
            "detail": like(lambda row: row.reject.detail if row.reject else None),
            "line": like(lambda row: row.reject.line if row.reject else None),
            "producer": pa.array([name for name, _ in pairs], pa.string()).take(who),
            "producer_version": pa.array([version for _, version in pairs], pa.string()).take(who),
            "contract": self._event,
            "event_time": self._judged.moments.take(pa.array(at)),
            "bytes": self._messages(at),
        }
        return self._table("rejects", values, len(at))

    def _rows(self, at: np.ndarray, names: Iterable[str]) -> pa.Table:
        """Return columns of the given rows."""
        rows = self._judged.rows.select(list(names))
        return rows if len(at) == rows.num_rows else rows.take(pa.array(at))

    def _like(
        self, role: str, at: np.ndarray, of: Callable[[Row], Any]
    ) -> Callable[[SinkColumn, pa.DataType], pa.Array]:
        """Return a column that rows have from their templates."""

        def column(sink: SinkColumn, form: pa.DataType) -> pa.Array:
            codes, values = self._judged.templates.column(role, sink, form, of)
            return dictionary(codes[self._judged.ends[at]], values)

        return column

    def _place(self, at: np.ndarray) -> dict[str, Any]:
        return {
            "_source": self._judged.parts.source,
            "_partition": self._judged.parts.partition(self._judged.parents[at]),
            "_offset": pa.array(self._judged.offsets[at]),
            "_index": self._judged.rows.column(":index").take(pa.array(at)),
        }

    def _messages(self, at: np.ndarray) -> pa.Array:
        """Return the bytes of rows' messages, once a message."""
        parents, messages = self._judged.parents[at], self._judged.parts.messages
        first = is_first(parents)
        whole, bounds, data = messages.buffers()
        bounds = np.frombuffer(bounds, dtype=np.int64)[messages.offset :] if bounds is not None else np.zeros(1)
        if whole is not None or data is None or bounds[-1] > _VIEWED:
            return messages.take(pa.array(parents, mask=~first)).cast(pa.binary())
        return view(data, bounds[parents], bounds[parents + 1], first)

    def _table(self, role: str, values: dict[str, Any], rows: int) -> pa.Table:
        table = self._by_role[role]
        schema = arrow_schema(table)
        columns = [
            _column(values[column.name], column, field.type, rows)
            for column, field in zip(table.columns, schema, strict=True)
        ]
        return fitted(columns, schema)

    def count(self, sinks: Sequence[Sinks]) -> None:
        """Add the rows and their messages to the accounting of each part."""
        for one, within in zip(sinks, self._judged.parts.slices(self._judged.parents), strict=True):
            if within.stop > within.start:
                self._count(one, within)

    def _count(self, sinks: Sinks, within: slice) -> None:
        templates, ends, outcomes = self._judged.templates, self._judged.ends[within], self._outcomes[within]
        starts = np.flatnonzero(is_first(self._judged.parents[within]))
        best = np.minimum.reduceat(outcomes, starts)  # a parent is emitted when a row is, else rejected, else filtered
        for code, name in enumerate(OUTCOMES):
            sinks.tally.rows[name] += int((outcomes == code).sum())
            sinks.tally.parents[name] += int((best == code).sum())
        for end, times in zip(*np.unique(ends[outcomes != 0], return_counts=True), strict=True):
            row = templates[int(end)]
            if row.reject is not None:
                sinks.tally.rejected_by[row.reject.kind] += int(times)
            else:
                sinks.tally.filtered_by[str(row.filter)] += int(times)
        sinks.filtered += self._judged.offsets[within][starts[best == OUTCOMES.index("filtered")]].tolist()


def _column(value: Any, column: SinkColumn, form: pa.DataType, rows: int) -> pa.Array | pa.ChunkedArray:
    if callable(value):
        return value(column, form)
    if isinstance(value, pa.ChunkedArray | pa.Array):
        return value if pa.types.is_binary_view(value.type) else outside(value, form)
    if isinstance(value, str):
        return dictionary(np.zeros(rows, dtype=np.int64), pa.array([value], form))
    return constant(value, rows, form)

"""Judged and derived rows -> the sinks' tables, the accounting and the metrics of a batch."""

from __future__ import annotations

import datetime as dt
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.arrow import arrow_schema
from tacet_runtime.engines.embedded.arrays import (
    NO_MOMENT,
    as_bytes,
    as_python,
    constant,
    distinct,
    is_first,
    micros,
    outside,
    taken,
)

if TYPE_CHECKING:
    from tacet_runtime.batch import Batch
    from tacet_runtime.engines.embedded.processor import EmbeddedProcessor
    from tacet_runtime.plan.model import Plan, SinkColumn, SinkTable
    from tacet_runtime.steps.judge import Producers, Registered
    from tacet_runtime.steps.results import Row
    from tacet_runtime.steps.sinks import Sinks

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class ProducerIds:
    """The distinct producers and versions of a batch: who they are, and what they registered."""

    def __init__(self, rows: pa.Table, plan: Plan, producers: Producers) -> None:
        names = rows.column(plan.source.producer_name).combine_chunks().dictionary_encode()
        versions = rows.column(plan.source.producer_version).combine_chunks().dictionary_encode()
        types = {f.name: f.type for f in plan.source.fields}
        width = len(versions.dictionary) + 1
        both = _ids(names).astype(np.int64) * width + _ids(versions)
        pairs, self.ids = np.unique(both, return_inverse=True)
        name_values = [*names.dictionary.to_pylist(), None]
        version_values = [as_python(v, types[plan.source.producer_version]) for v in versions.dictionary.to_pylist()]
        texts = [*(str(v) for v in version_values), None]
        self.pairs: list[tuple[str | None, str | None]] = [
            (name_values[pair // width], texts[pair % width]) for pair in pairs.tolist()
        ]
        found = [producers.find(name, version) for name, version in self.pairs]
        self._registered = found
        numbers = np.array([-1 if r is None else producers.number(r) for r in found], dtype=np.int32)
        self.registered_ids = numbers[self.ids]

    def registered(self, at: int) -> Registered | None:
        """Return what a row's producer registered."""
        return self._registered[self.ids[at]]


def _ids(encoded: pa.DictionaryArray) -> np.ndarray:
    """Return dictionary ids; NULL is the one after the last."""
    return encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()


class Emit:
    """Writes one batch's rows. `ends` says for each row which template it is like."""

    def __init__(
        self, engine: EmbeddedProcessor, batch: Batch, sinks: Sinks, tables: dict[str, list[pa.Table]]
    ) -> None:
        self._plan = engine.plan
        self._by_role = engine.by_role
        self._batch = batch
        self._sinks = sinks
        self._tables = tables

    def run(
        self,
        rows: pa.Table,
        parents: np.ndarray,
        ends: np.ndarray,
        templates: list[Row],
        derived: pa.Table | None,
        derives: np.ndarray,
        producers: ProducerIds,
        unknown_ids: np.ndarray,
        unknowns: list[tuple[str, ...]],
    ) -> None:
        """Emit all rows: the raw archive, derived rows, rejects, then counts and metrics."""
        self._rows, self._parents, self._ends, self._templates = rows, parents, ends, templates
        self._producers = producers
        outcomes = _codes([row.outcome for row in templates], ("emitted", "rejected", "filtered"))[ends]
        archived = np.array([row.archived for row in templates], dtype=bool)[ends]
        self._raw(archived)
        if derived is not None:
            self._derived(derived, np.flatnonzero(derives), outcomes == 0)
        self._rejects(outcomes == 1)
        self._count(outcomes)
        self._measure(unknown_ids, unknowns)

    def _offsets(self) -> np.ndarray:
        return self._batch.offsets.to_numpy()[self._parents]

    def _raw(self, archived: np.ndarray) -> None:
        at = np.flatnonzero(archived)
        table = self._by_role["raw"]
        rows = self._rows if len(at) == self._rows.num_rows else self._rows.take(pa.array(at))
        own = {f.name: rows.column(f.name) for f in self._plan.source.fields}
        ends = self._ends[at]
        meta = {
            **self._place(at),
            "_contract": f"{self._plan.source.event}@{self._plan.source.version}",
            "_registered": ([t.registered for t in self._templates], ends),
            "_absences": ([t.absences() for t in self._templates], ends),
            "_nulls": ([t.nulls for t in self._templates], ends),
            "_flags": ([t.raw_flags for t in self._templates], ends),
            "_unknown": ([{} for _ in self._templates], ends),
            "_payload": self._payload(at),
        }
        self._add(table, {**meta, **own}, len(at))

    def _payload(self, at: np.ndarray) -> pa.Array | None:
        if not self._plan.source.keep_payload:
            return None
        parents = self._parents[at]
        return self._messages(parents, is_first(parents))

    def _messages(self, parents: np.ndarray, wanted: np.ndarray) -> pa.Array:
        """Return the parents' bytes where they are wanted, else NULL."""
        taken_ = self._batch.messages.take(pa.array(parents, mask=~wanted))
        return taken_.cast(pa.binary())

    def _place(self, at: np.ndarray) -> dict[str, Any]:
        return {
            "_source": self._batch.source,
            "_partition": self._batch.partition,
            "_offset": pa.array(self._offsets()[at]),
            "_index": self._rows.column(":index").take(pa.array(at)),
        }

    def _derived(self, derived: pa.Table, derives: np.ndarray, emitted: np.ndarray) -> None:
        plan = self._plan.derived
        if plan is None:
            return
        keep = emitted[derives]
        values = derived if keep.all() else derived.filter(pa.array(keep))
        at = derives[keep]
        ends = self._ends[at]
        meta = {
            **self._place(at),
            "_contract": f"{plan.event}@{plan.version}",
            "_source_contract": f"{self._plan.source.event}@{self._plan.source.version}",
            "_absences": ([t.derived_absences() for t in self._templates], ends),
            "_corrections": ([t.corrections for t in self._templates], ends),
            "_flags": ([t.flags for t in self._templates], ends),
        }
        self._add(self._by_role["derived"], {**meta, **{f.name: values.column(f.name) for f in plan.fields}}, len(at))

    def _add(self, table: SinkTable, values: dict[str, Any], rows: int) -> None:
        schema = arrow_schema(table)
        columns = [
            self._column(values[column.name], column, field.type, rows)
            for column, field in zip(table.columns, schema, strict=True)
        ]
        self._tables.setdefault(table.role, []).append(pa.Table.from_arrays(columns, schema=schema))

    @staticmethod
    def _column(value: Any, column: SinkColumn, form: pa.DataType, rows: int) -> pa.Array | pa.ChunkedArray:
        match value:
            case (list() as distinct_values, ids):
                return taken(distinct_values, column.type, form, ids)
            case pa.ChunkedArray() | pa.Array():
                return outside(value, form)
            case _:
                return constant(value, rows, form)

    def _rejects(self, rejected: np.ndarray) -> None:
        at = np.flatnonzero(rejected)
        if not len(at):
            return
        parents = self._parents[at]
        rejects = [self._templates[end].reject for end in self._ends[at]]
        pairs = [self._producers.pairs[i] for i in self._producers.ids[at]]
        found = [r for r in rejects if r is not None]
        for reject in found:
            self._sinks.tally.rejected_by[reject.kind] += 1
        values = {
            **self._place(at),
            "kind": pa.array([r.kind for r in found]),
            "field": pa.array([r.field for r in found], pa.string()),
            "detail": pa.array([r.detail for r in found], pa.string()),
            "line": pa.array([r.line for r in found], pa.string()),
            "producer": pa.array([name for name, _ in pairs], pa.string()),
            "producer_version": pa.array([version for _, version in pairs], pa.string()),
            "contract": f"{self._plan.source.event}@{self._plan.source.version}",
            "event_time": self._rows.column(self._plan.source.event_time).take(pa.array(at)),
            "bytes": self._messages(parents, is_first(parents)),
        }
        self._add(self._by_role["rejects"], values, len(at))

    def _count(self, outcomes: np.ndarray) -> None:
        tally = self._sinks.tally
        for code, name in enumerate(("emitted", "rejected", "filtered")):
            tally.rows[name] += int((outcomes == code).sum())
        for end, times in zip(*np.unique(self._ends[outcomes == 2], return_counts=True), strict=True):
            tally.filtered_by[str(self._templates[end].filter)] += int(times)
        starts = np.flatnonzero(is_first(self._parents))
        best = np.minimum.reduceat(outcomes, starts)  # a parent is emitted when a row is, else rejected, else filtered
        for code, name in enumerate(("emitted", "rejected", "filtered")):
            tally.parents[name] += int((best == code).sum())
        self._sinks.filtered += self._offsets()[starts[best == 2]].tolist()

    def _measure(self, unknown_ids: np.ndarray, unknowns: list[tuple[str, ...]]) -> None:
        """Count every distinct combination once, with its number of rows."""
        moments = micros(self._rows.column(self._plan.source.event_time))
        width = self._plan.metrics_window_seconds * 1_000_000
        windows = np.where(moments == NO_MOMENT, NO_MOMENT, moments // width)
        parts = (
            windows,
            self._producers.ids.astype(np.int64),
            self._ends.astype(np.int64),
            unknown_ids.astype(np.int64),
        )
        ids, keys, _ = distinct(np.concatenate([as_bytes(part) for part in parts], axis=1))
        times = np.bincount(ids, minlength=len(keys))
        for number, key in enumerate(keys):
            window, producer, end, unknown = np.frombuffer(key, dtype=np.int64).tolist()
            row = copy(self._templates[end])
            row.producer, row.producer_version = self._producers.pairs[producer]
            row.event_time = None if window == NO_MOMENT else _moment(window * width)
            row.unknown = dict.fromkeys(unknowns[unknown], "")
            self._sinks.measure(row, int(times[number]))


def _moment(micros_: int) -> dt.datetime:
    try:
        return _EPOCH + dt.timedelta(microseconds=micros_)
    except OverflowError:
        return dt.datetime(1, 1, 1, tzinfo=dt.UTC)


def _codes(values: list[str], known: tuple[str, ...]) -> np.ndarray:
    return np.array([known.index(value) for value in values], dtype=np.int8)

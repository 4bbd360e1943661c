"""Results -> rows of the sink tables, column by column, and the accounting; what every engine must produce alike."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_runtime.steps.unknown import named, told, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tacet_runtime.plan.model import Plan, SinkTable
    from tacet_runtime.steps.results import MessageResult, Reject, Row

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MetricKey = tuple[dt.datetime | None, str, str | None, str | None, str, str | None, str | None]
"""Window start, event, producer, producer version, kind, field, name."""
_Who = tuple[dt.datetime | None, str | None, str | None]
"""Window start, producer, producer version."""
Label = tuple[str, str, str | None, str | None]
"""Event, kind, field, name: what rows are counted under, whoever sent them and when."""


@dataclass(slots=True)
class Tally:
    """Counts over a batch; see `batch.Counts`."""

    parents: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    rejected_by: Counter[str] = field(default_factory=Counter)
    filtered_by: Counter[str] = field(default_factory=Counter)


class Sinks:
    """Collects results of one batch as columns of the plan's tables."""

    def __init__(self, plan: Plan, source: str, partition: int) -> None:
        self.plan = plan
        self._position = (source, partition)
        self._contract = f"{plan.source.event}@{plan.source.version}"
        self._derived_contract = f"{plan.derived.event}@{plan.derived.version}" if plan.derived else None
        self.columns: dict[str, dict[str, list[Any]]] = {table.role: _empty(table) for table in plan.tables}
        self.metrics: Counter[MetricKey] = Counter()
        self.unknown: Counter[tuple[_Who, tuple[str, ...]]] = Counter()
        self.tally = Tally()
        self.skipped: list[int] = []
        self.filtered: list[int] = []

    def add(self, offset: int, data: bytes | None, result: MessageResult) -> None:
        """Take one message's result; offsets come in ascending order."""
        self.tally.parents[result.outcome] += 1
        if result.outcome == "skipped":
            self.skipped.append(offset)
        elif result.outcome == "filtered":
            self.filtered.append(offset)
        if result.reject is not None:
            self._reject(offset, None, result.reject, None, data)
        if result.filter is not None:
            self.tally.filtered_by[result.filter] += 1
        payload: bytes | None = data if self.plan.source.keep_payload else None
        reject_bytes = data
        for row in result.rows:
            self.tally.rows[row.outcome] += 1
            self.measure(row)
            if row.archived:
                self._raw(offset, row, payload)
                payload = None
            if row.reject is not None:
                self._reject(offset, row.index, row.reject, row, reject_bytes)
                reject_bytes = None
            elif row.filter is not None:
                self.tally.filtered_by[row.filter] += 1
            elif self.plan.derived is not None:
                self._emit(offset, row)

    def _append(self, role: str, values: dict[str, Any]) -> None:
        for name, column in self.columns[role].items():
            column.append(values.get(name))

    def _place(self, offset: int, index: int | None) -> dict[str, Any]:
        source, partition = self._position
        return {"_source": source, "_partition": partition, "_offset": offset, "_index": index}

    def _raw(self, offset: int, row: Row, payload: bytes | None) -> None:
        values = {
            **row.values,
            **self._place(offset, row.index),
            "_contract": self._contract,
            "_registered": row.registered,
            "_absences": row.absences(),
            "_nulls": row.nulls,
            "_flags": row.raw_flags,
            "_unknown": row.unknown,
            "_payload": payload,
        }
        self._append("raw", values)

    def _emit(self, offset: int, row: Row) -> None:
        values = {
            **row.derived,
            **self._place(offset, row.index),
            "_contract": self._derived_contract,
            "_source_contract": self._contract,
            "_absences": row.derived_absences(),
            "_corrections": row.corrections,
            "_flags": row.flags,
        }
        self._append("derived", values)

    def _reject(self, offset: int, index: int | None, reject: Reject, row: Row | None, data: bytes | None) -> None:
        self.tally.rejected_by[reject.kind] += 1
        values = {
            **self._place(offset, index),
            "kind": reject.kind,
            "field": reject.field,
            "detail": reject.detail,
            "line": reject.line,
            "producer": row.producer if row else None,
            "producer_version": row.producer_version if row else None,
            "contract": self._contract,
            "event_time": row.event_time if row else None,
            "bytes": data,
        }
        self._append("rejects", values)

    def measure(self, row: Row) -> None:
        """Count a row in the metrics."""
        window = window_start(row.event_time, self.plan.metrics_window_seconds)
        for event, kind, of, name in labels(self.plan, row):
            self.metrics[(window, event, row.producer, row.producer_version, kind, of, name)] += 1
        if row.unknown:
            self.unknown[(window, row.producer, row.producer_version), named(row.unknown)] += 1


def unknown_of(sinks: Iterable[Sinks]) -> Iterable[tuple[str, ...]]:
    """Return the unknown keys that the rows of several have, as `named` gives them."""
    return {names for one in sinks for _, names in one.unknown}


def columns_of(sinks: Sequence[Sinks], names: frozenset[str] | None = None) -> dict[str, dict[str, list[Any]]]:
    """Return the columns of one or several, one after another, and the metrics of all. `names`: see `told`."""
    first, *others = sinks
    columns = {
        role: {name: [*values, *(v for one in others for v in one.columns[role][name])] for name, values in of.items()}
        for role, of in first.columns.items()
    }
    names = told(unknown_of(sinks)) if names is None else names
    metrics: Counter[MetricKey] = Counter()
    for one in sinks:
        metrics.update(one.metrics)
        for ((window, producer, version), row), times in one.unknown.items():
            for path in within(row, names):
                event, kind, of, name = unknown_label(one.plan, path)
                metrics[(window, event, producer, version, kind, of, name)] += times
    return {**columns, "metrics": _metric_columns(metrics)}


def _metric_columns(metrics: Counter[MetricKey]) -> dict[str, list[Any]]:
    """Return the metrics table's columns, sorted, so that equal batches give equal tables."""
    ordered = sorted(metrics.items(), key=lambda item: metric_order(item[0]))
    parts = ("window_start", "event", "producer", "producer_version", "kind", "field", "name")
    columns: dict[str, list[Any]] = {part: [key[at] for key, _ in ordered] for at, part in enumerate(parts)}
    return {**columns, "rows": [count for _, count in ordered]}


def labels(plan: Plan, row: Row) -> list[Label]:
    """Return everything that a row is counted under, but its unknown keys."""
    raw, derived = plan.source.event, plan.derived.event if plan.derived else None
    found: list[tuple[str | None, str, str | None, str | None]] = [(raw, "rows", None, None)]
    found += [(raw, "verdict", name, verdict) for name, verdict in row.absences().items()]
    found += [(raw, "null", name, None) for name in row.nulls]
    found += [(raw, "flag", None, name) for name in row.raw_flags]
    found += [(derived, "correction", None, name) for name in row.corrections]
    if row.reject is not None:
        found.append((raw if not row.archived else derived, "reject", row.reject.field, row.reject.kind))
    elif row.filter is not None:
        found.append((derived, "filter", None, row.filter))
    else:
        found += [(derived, "derived_verdict", name, verdict) for name, verdict in row.derived_absences().items()]
        found += [(derived, "flag", None, name) for name in row.agreement_flags]
    return [(event, kind, of, name) for event, kind, of, name in found if event is not None]


def unknown_label(plan: Plan, path: str) -> Label:
    """Return what a row with an unknown key is counted under."""
    return (plan.source.event, "unknown_field", None, path)


def metric_order(key: MetricKey) -> tuple[tuple[bool, Any], ...]:
    """Sort by every part, NULLs first."""
    return tuple((part is not None, part if part is not None else 0) for part in key)


def window_start(moment: dt.datetime | None, seconds: int) -> dt.datetime | None:
    """Return the start of the window that a moment lies in; windows are counted from 1970."""
    if moment is None:
        return None
    whole = (moment - _EPOCH) // dt.timedelta(seconds=seconds)
    try:
        return _EPOCH + whole * dt.timedelta(seconds=seconds)
    except OverflowError:
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def ranges(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending offsets as disjoint ranges, the last excluded."""
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and found[-1][1] == offset:
            found[-1] = (found[-1][0], offset + 1)
        else:
            found.append((offset, offset + 1))
    return tuple(found)


def _empty(table: SinkTable) -> dict[str, list[Any]]:
    return {column.name: [] for column in table.columns}

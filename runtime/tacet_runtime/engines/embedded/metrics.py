"""The metrics of a batch: rows counted by window, producer and label, without looking at a row twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.arrow import arrow_schema
from tacet_runtime.engines.embedded.arrays import NO_MOMENT, micros
from tacet_runtime.steps.unknown import within

if TYPE_CHECKING:
    from tacet_runtime.engines.embedded.emit import Judged
    from tacet_runtime.engines.embedded.templates import Templates
    from tacet_runtime.plan.model import SinkTable

_DAY = 86_400_000_000
_FIRST = -62_135_596_800_000_000
"""The first moment of year 1, in microseconds since 1970."""


def measured(judged: Judged, seconds: int, table: SinkTable, names: frozenset[str]) -> pa.Table:
    """Return the rows of the metrics table for judged rows; `seconds` is the window's width, `names` as `steps.unknown.told` says."""
    templates = judged.templates
    starts = _windows(micros(judged.moments), seconds * 1_000_000)
    moments, windows = np.unique(starts, return_inverse=True)
    groups = windows * len(judged.producers.pairs) + judged.producers.ids
    by_end = _counted(groups, judged.ends, len(templates), np.ones(len(groups), dtype=np.int64))
    group, end, times = by_end
    labels, bounds = templates.counted()
    lengths = bounds[end + 1] - bounds[end]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    spread = labels[np.repeat(bounds[end], lengths) + within]
    found = [(np.repeat(group, lengths), spread, np.repeat(times, lengths)), *_unknown(judged, groups, names)]
    merged = [np.concatenate(part) for part in zip(*found, strict=True)]
    return _table(judged, moments, _counted(merged[0], merged[1], len(templates.labels), merged[2]), table)


def _windows(moments: np.ndarray, width: int) -> np.ndarray:
    """Return the starts of windows as `steps/sinks.py` has them: the day's where the window began before year 1."""
    starts = np.where(moments == NO_MOMENT, NO_MOMENT, moments // width * width)
    early = (starts < _FIRST) & (moments != NO_MOMENT)
    return np.where(early, moments // _DAY * _DAY, starts)


def _counted(
    groups: np.ndarray, of: np.ndarray, width: int, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct (group, of) with their times added."""
    table = pa.table({"key": groups * width + of, "times": times})
    found = table.group_by("key", use_threads=False).aggregate([("times", "sum")])
    keys = found.column("key").to_numpy()
    return keys // width, keys % width, found.column("times_sum").to_numpy()


def _unknown(
    judged: Judged, groups: np.ndarray, names: frozenset[str]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return what `_counted` gives, for the unknown keys of the rows."""
    lists = [within(row, names) for row in judged.unknown]
    if not any(lists):
        return []
    group, number, times = _counted(groups, judged.unknown_ids, len(lists), np.ones(len(groups), dtype=np.int64))
    lengths = np.array([len(one) for one in lists])[number]
    spread = [judged.templates.label(judged.unknown_label(path)) for at in number.tolist() for path in lists[at]]
    return [(np.repeat(group, lengths), np.array(spread, dtype=np.int64), np.repeat(times, lengths))]


def _table(
    judged: Judged, moments: np.ndarray, counted: tuple[np.ndarray, np.ndarray, np.ndarray], table: SinkTable
) -> pa.Table:
    group, label, times = counted
    pairs = judged.producers.pairs
    window, producer = np.divmod(group, len(pairs))
    schema = arrow_schema(table)
    starts = pa.array(moments, pa.timestamp("us", "UTC"), mask=moments == NO_MOMENT)
    columns = {
        "window_start": starts.take(pa.array(window)),
        "producer": pa.array([name for name, _ in pairs], pa.string()).take(pa.array(producer)),
        "producer_version": pa.array([version for _, version in pairs], pa.string()).take(pa.array(producer)),
        "rows": pa.array(times),
    }
    for at, name in enumerate(("event", "kind", "field", "name")):
        columns[name] = _texts(judged.templates, at).take(pa.array(label))
    return pa.Table.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)


def _texts(templates: Templates, at: int) -> pa.Array:
    return pa.array([label[at] for label in templates.labels], pa.string())

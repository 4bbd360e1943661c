"""Rows by kind: what all rows of one kind have in common, kept once, as Arrow arrays to take from.

A template is the reference's own `Row`, of one row of its kind; only what no value of the row decides is read from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tacet_runtime.connectors.arrow import arrow_array
from tacet_runtime.steps.sinks import labels

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from tacet_runtime.plan.model import Plan, SinkColumn
    from tacet_runtime.steps.results import Row
    from tacet_runtime.steps.sinks import Label

OUTCOMES = ("emitted", "rejected", "filtered")
BEYOND = -1
"""The outcome of a kind that only the strict path can judge; it has no row."""


class Templates:
    """Every kind that was met, by number."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows: list[Row | None] = []
        self._columns: dict[tuple[str, str], _Values] = {}
        self._codes: list[tuple[int, bool]] = []
        self._numbers: dict[Label, int] = {}
        self._labels: list[int] = []
        self._ends: list[int] = [0]
        self._arrays: _Arrays | None = None
        self.labels: list[Label] = []
        """What rows are counted under in the metrics, by number."""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Row:
        row = self._rows[number]
        if row is None:
            raise LookupError(number)
        return row

    def add(self, row: Row | None) -> int:
        """Keep a kind; return its number."""
        self._arrays = None
        self._rows.append(row)
        self._codes.append((BEYOND, False) if row is None else (OUTCOMES.index(row.outcome), row.archived))
        self._labels += [self.label(label) for label in labels(self._plan, row)] if row is not None else []
        self._ends.append(len(self._labels))
        return len(self._rows) - 1

    def label(self, label: Label) -> int:
        """Return the number of a label."""
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]

    def outcomes(self) -> np.ndarray:
        """Return by kind: position in `OUTCOMES`, or BEYOND."""
        return self._kept().outcomes

    def archived(self) -> np.ndarray:
        """Return by kind whether its rows belong to the raw archive."""
        return self._kept().archived

    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (labels of all kinds in one array, where each kind's end; the first is 0)."""
        return self._kept().labels, self._kept().ends

    def _kept(self) -> _Arrays:
        """Return what is asked for with every batch, made anew only when there are new kinds."""
        if self._arrays is None:
            self._arrays = _Arrays(
                np.array([code for code, _ in self._codes], dtype=np.int8),
                np.array([archived for _, archived in self._codes], dtype=bool),
                np.array(self._labels, dtype=np.int64),
                np.array(self._ends, dtype=np.int64),
            )
        return self._arrays

    def column(
        self, role: str, column: SinkColumn, form: pa.DataType, of: Callable[[Row], Any]
    ) -> tuple[np.ndarray, pa.Array]:
        """Return (by kind: number of the value that a sink's column holds, or -1; the values, each once)."""
        known = self._columns.setdefault((role, column.name), _Values(column, form))
        known.add([None if row is None else of(row) for row in self._rows[len(known.codes) :]])
        return known.codes, known.array()


@dataclass(frozen=True, slots=True)
class _Arrays:
    """By kind: `outcomes` (int8), `archived` (bool); `labels` of all (int64) and where each kind's end (`ends`, int64)."""

    outcomes: np.ndarray
    archived: np.ndarray
    labels: np.ndarray
    ends: np.ndarray


class _Values:
    """The distinct values of a column, and which of them each kind has; only new kinds are looked at."""

    def __init__(self, column: SinkColumn, form: pa.DataType) -> None:
        self.codes = np.empty(0, dtype=np.int64)
        """By kind: number of its value, or -1."""
        self._type, self._form = column.type, form
        self._numbers: dict[str, int] = {}
        self._values: list[Any] = []
        self._array = arrow_array([], column.type, form)

    def add(self, values: list[Any]) -> None:
        if values:
            self.codes = np.append(self.codes, np.array([self._number(value) for value in values], dtype=np.int64))

    def _number(self, value: Any) -> int:
        if value is None:
            return -1
        key = repr(value)
        if key not in self._numbers:
            self._numbers[key] = len(self._values)
            self._values.append(value)
        return self._numbers[key]

    def array(self) -> pa.Array:
        if len(self._array) < len(self._values):
            self._array = arrow_array(self._values, self._type, self._form)
        return self._array

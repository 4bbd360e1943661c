"""Rows by kind: what all rows of one kind have in common, kept once, as Arrow arrays to take from.

A template is the reference's own `Row`, of one row of its kind; only what no value of the row decides is read from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.arrow import arrow_array
from tacet_runtime.steps.sinks import labels

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._columns: dict[tuple[str, str], pa.Array] = {}
        self._codes: list[tuple[int, bool]] = []
        self._numbers: dict[Label, int] = {}
        self._labels: list[int] = []
        self._ends: list[int] = [0]
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
        return np.array([code for code, _ in self._codes], dtype=np.int8)

    def archived(self) -> np.ndarray:
        """Return by kind whether its rows belong to the raw archive."""
        return np.array([archived for _, archived in self._codes], dtype=bool)

    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (labels of all kinds in one array, where each kind's end; the first is 0)."""
        return np.array(self._labels, dtype=np.int64), np.array(self._ends, dtype=np.int64)

    def column(self, role: str, column: SinkColumn, form: pa.DataType, of: Callable[[Row], Any]) -> pa.Array:
        """Return what a sink's column holds, by kind; only new kinds are computed."""
        key = (role, column.name)
        have = self._columns.get(key)
        start = 0 if have is None else len(have)
        if have is None or start < len(self._rows):
            values = [None if row is None else of(row) for row in self._rows[start:]]
            new = arrow_array(values, column.type, form)
            have = self._columns[key] = new if have is None else pa.concat_arrays([have, new])
        return have

"""A batch through the scanner: matrices of what stands where, a row for each message and for each element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tacet_runtime.batch import TooManyRows
from tacet_runtime.engines.embedded.columns import Scanned
from tacet_runtime.engines.embedded.scan import STRANGE, scan

if TYPE_CHECKING:
    import pyarrow as pa

    from tacet_runtime.engines.embedded.layout import Layout


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a batch. Rows of strange messages mean nothing.

    `status` (uint8), `first` (int64, one more): by message, what became of it and its first element. `kinds` (uint8),
    `starts`, `ends` (int64): by message and node. `unknown` (uint64): by message, a hash of its unknown keys; 0: none.
    `item_...`: the same by element.
    """

    data: np.ndarray
    status: np.ndarray
    first: np.ndarray
    kinds: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    unknown: np.ndarray
    item_kinds: np.ndarray
    item_starts: np.ndarray
    item_ends: np.ndarray
    item_unknown: np.ndarray

    def message(self, at: np.ndarray) -> Scanned:
        """Return the values of these messages."""
        return Scanned(self.data, self.kinds, self.starts, self.ends, at)

    def item(self, at: np.ndarray) -> Scanned:
        """Return the values of these elements."""
        return Scanned(self.data, self.item_kinds, self.item_starts, self.item_ends, at)


class Scanner:
    """Scans batches: messages of at most `longest` bytes whose brackets nest at most `deepest` deep."""

    def __init__(self, layout: Layout, longest: int, deepest: int) -> None:
        self._layout = layout
        self._limits = (longest, deepest)
        self._stack = (np.zeros(deepest + 1, dtype=np.int64), np.zeros(deepest + 1, dtype=np.uint8))
        self._nodes = (layout.of_message, layout.exploded)
        self._keys = (
            layout.seeds, layout.table, layout.parents, layout.children, layout.starts, layout.lengths, layout.keys,
        )  # fmt: skip

    def scan(self, messages: pa.LargeBinaryArray, most: int | None = None) -> Found:
        """Scan a batch; tombstones are left to the strict path. Raises TooManyRows for more elements than `most`."""
        size = len(messages)
        status = np.zeros(size, dtype=np.uint8)
        if messages.null_count:
            status[np.asarray(messages.is_null())] = STRANGE
        _, where, data = messages.buffers()
        offsets = np.frombuffer(where, dtype=np.int64)[messages.offset : messages.offset + size + 1]
        bytes_ = np.frombuffer(data if data is not None and len(data) else b"\0", dtype=np.uint8)
        message = (*_matrices(size, self._layout.of_message), status, np.zeros(size + 1, dtype=np.int64))
        item = _matrices(2 * size if self._layout.of_item else 0, self._layout.of_item)
        begin = 0
        while True:
            begin, rows = scan(
                bytes_,
                offsets,
                begin,
                self._limits,
                self._stack,
                self._nodes,
                self._keys,
                self._layout.reports,
                message,
                item,
            )
            if most is not None and rows > most and size > 1:
                raise TooManyRows(max(1, int(np.searchsorted(message[-1][: begin + 1], most, side="right")) - 1))
            if begin == size:
                break
            item = tuple(_grown(matrix, rows) for matrix in item)
        kinds, starts, ends, unknown, status, first = message
        return Found(bytes_, status, first, kinds, starts, ends, unknown, *item)


def _matrices(rows: int, nodes: int) -> tuple[np.ndarray, ...]:
    shape = (rows, nodes)
    places = (np.empty(shape, dtype=np.int64) for _ in range(2))
    return np.empty(shape, dtype=np.uint8), *places, np.empty(rows, dtype=np.uint64)


def _grown(matrix: np.ndarray, rows: int) -> np.ndarray:
    """Return a matrix with room for more rows; of the old ones the first are kept."""
    grown = np.empty((2 * len(matrix) + 1024, *matrix.shape[1:]), dtype=matrix.dtype)
    grown[:rows] = matrix[:rows]
    return grown

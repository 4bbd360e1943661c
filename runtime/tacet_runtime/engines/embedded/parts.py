"""Batches of several partitions as one: their messages one after another, and which of them is whose.

A message is known by its position among all of them; only the accounting and a row's own place ask for the partition.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.batch import Batch


class Parts:
    """At least one batch, all of one source."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        first, *others = batches
        self.source = first.source
        self.messages = _joined([batch.messages for batch in batches]) if others else first.messages
        self.offsets = np.concatenate([batch.offsets.to_numpy() for batch in batches])
        self._partitions = np.array([batch.partition for batch in batches], dtype=np.int32)
        self._bounds = np.cumsum([0, *(len(batch.offsets) for batch in batches)])

    def partition(self, positions: np.ndarray) -> int | pa.Array:
        """Return the partition of every position; one number when there is but one."""
        if len(self._partitions) == 1:
            return int(self._partitions[0])
        return pa.array(self._partitions[np.searchsorted(self._bounds, positions, side="right") - 1])

    def slices(self, positions: np.ndarray) -> list[slice]:
        """Return where each part's share of ascending positions stands among them."""
        cuts = np.searchsorted(positions, self._bounds).tolist()
        return [slice(begin, end) for begin, end in pairwise(cuts)]

    def split(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return each part's share of ascending positions."""
        return [positions[within] for within in self.slices(positions)]


def _joined(parts: list[pa.Array]) -> pa.Array:
    """Return arrays as one: without copying what they hold, when they are pieces of one array already."""
    first = parts[0]
    if all(_follows(one, other) for one, other in pairwise(parts)):
        size = sum(len(part) for part in parts)
        return pa.Array.from_buffers(first.type, size, first.buffers(), offset=first.offset)
    return pa.concat_arrays(parts)


def _follows(one: pa.Array, other: pa.Array) -> bool:
    where = [[buffer.address if buffer is not None else None for buffer in part.buffers()] for part in (one, other)]
    return where[0] == where[1] and other.offset == one.offset + len(one)

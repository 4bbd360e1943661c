"""LINES: bytes that were read -> messages one after the other, in memory that is used again for the next block.

Memory that a process never touched before is what costs most here (the system hands it out page by page, zeroed), so
blocks take turns in a few rooms. A room is free when nothing refers to its bytes any more: what is exported cannot be resized.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tacet_runtime.connectors.digest import Digest

_NEWLINE = ord("\n")
_SLACK = 32
"""Bytes behind what a room holds that may be written over (`cutting.move`)."""
_STEP = 4 * 1024 * 1024
"""Large rooms are multiples of this, so that the next block, which is a little larger, has room in the same."""
_KEPT = 3
"""Rooms that are remembered: the block that is computed, the one that is read, and one that is still referred to."""


@dataclass(frozen=True, slots=True)
class Content:
    """Messages without their line ends: number i is `values[offsets[i]:offsets[i + 1]]`; `offsets` are int64."""

    values: bytes | memoryview
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def copied(self) -> Content:
        """Return the same in bytes of its own, which another process can be sent."""
        return Content(bytes(self.values), self.offsets)


class Rooms:
    """Buffers that take turns."""

    def __init__(self) -> None:
        self._rooms: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """Return a buffer of at least `size` bytes that nothing refers to; what is in it is left over from before."""
        for at, room in enumerate(self._rooms):
            if len(room) >= size and _free(room):
                return self._rooms.pop(at)
        return bytearray(-(-size // _STEP) * _STEP if size > _STEP else size)

    def give(self, room: bytearray) -> None:
        """Let a buffer be taken again, once nothing refers to it."""
        if room:
            self._rooms = [room, *self._rooms][:_KEPT]


ROOMS = Rooms()
"""Of this process: who reads and who computes take turns in the same ones."""


def _free(room: bytearray) -> bool:
    try:
        room.append(room.pop())
    except BufferError:
        return False
    return True


class Lines:
    """Gathers bytes of lines until they are taken as content; of a line above `limit` only its beginning is held.

    `size` is how much is expected until then, `limit` the longest message in bytes: one byte more is held, which is
    enough to refuse it.
    """

    def __init__(self, size: int, limit: int) -> None:
        self._size = size
        self._limit = limit
        self._room = bytearray()
        self._ends = np.empty(0, dtype=np.int64)
        self.held = self._start = self._count = 0
        self._offsets = [np.zeros(1, dtype=np.int64)]

    def add(self, data: bytes | memoryview) -> None:
        """Take bytes of lines: the first may be the rest of an open one, the last may stay open."""
        # The code is compiled, and its import heavy: only who holds lines needs it.
        from tacet_runtime.connectors.cutting import move  # noqa: PLC0415

        self._have_room(self.held + len(data) + _SLACK)
        if len(self._ends) < len(data):
            self._ends = np.empty(len(data), dtype=np.int64)
        room = np.frombuffer(self._room, dtype=np.uint8)
        self.held, ended, self._start = move(
            np.frombuffer(data, dtype=np.uint8), room, self.held, self._start, self._limit, self._ends
        )
        self._offsets.append(self._ends[:ended].copy())
        self._count += ended

    def take(self) -> Content:
        """Return what is held, an open line as if it had ended, and begin anew."""
        if self.held > self._start:
            self._offsets.append(np.array([self.held], dtype=np.int64))
        found = Content(memoryview(self._room)[: self.held].toreadonly(), np.concatenate(self._offsets))
        ROOMS.give(self._room)
        self._room = bytearray()
        self.held = self._start = self._count = 0
        self._offsets = self._offsets[:1]
        return found

    def __len__(self) -> int:
        return self._count + (self.held > self._start)

    def _have_room(self, size: int) -> None:
        if size > len(self._room):
            larger = ROOMS.take(max(self._size + _SLACK, 2 * size if self.held else size))
            larger[: self.held] = self._room[: self.held]
            self._room = larger


class Counted:
    """Counts lines that another process will read again: holds nothing."""

    def __init__(self) -> None:
        self.held = self._ended = 0
        self._open = False
        self._digest = Digest()

    def add(self, data: bytes | memoryview) -> None:
        """Take bytes of lines."""
        if len(data):
            self._digest.update(data)
            self.held += len(data)
            self._ended += int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))
            self._open = data[-1] != _NEWLINE

    def take(self) -> str:
        """Return the digest of what was counted, and begin anew."""
        found, self._digest = self._digest.text(), Digest()
        self.held = self._ended = 0
        self._open = False
        return found

    def __len__(self) -> int:
        return self._ended + self._open

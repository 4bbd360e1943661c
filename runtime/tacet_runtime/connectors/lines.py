"""LINES: bytes that were read -> messages one after the other, in memory that is used again for the next block.

Memory that a process never touched before is what costs most here (the system hands it out page by page, zeroed), so
blocks take turns in a few rooms. A room is free when nothing refers to its bytes any more: what is exported cannot be resized.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NEWLINE = ord("\n")
_KEPT = 3
"""Rooms that are remembered: the block that is computed, the one that is read, and one that is still referred to."""


@dataclass(frozen=True, slots=True)
class Content:
    """Messages without their line ends: number i is `values[offsets[i]:offsets[i + 1]]`; `offsets` are int64."""

    values: bytes | memoryview
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def first(self, size: int) -> bytes:
        """Return the first bytes of the first message, at most `size`."""
        return bytes(self.values[: min(size, int(self.offsets[1]))]) if len(self) else b""

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
        return bytearray(size)

    def give(self, room: bytearray) -> None:
        """Let a buffer be taken again, once nothing refers to it."""
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
        self._room = ROOMS.take(size)
        self.held = 0
        self._offsets = [np.zeros(1, dtype=np.int64)]
        self._count = 0
        self._open = 0
        """Bytes held of the line that has not ended yet."""
        self.cut = False
        """Some line was above the limit."""

    def add(self, data: bytes, ends: np.ndarray) -> None:
        """Take whole lines; the first may be the rest of an open one. `ends`: where their line ends are, all of them."""
        if self._open > self._limit:
            data, ends, self.cut = data[ends[0] :], ends - ends[0], True
        self._offsets.append(self.held + ends - np.arange(len(ends), dtype=np.int64))
        self._count += len(ends)
        self._put(data.replace(b"\n", b""))
        self._open = 0

    def add_open(self, rest: bytes) -> None:
        """Take the beginning of a line, or more of it."""
        keep = max(0, self._limit + 1 - self._open)
        self.cut = self.cut or keep < len(rest)
        self._put(rest[:keep])
        self._open += min(keep, len(rest))

    def take(self) -> Content:
        """Return what is held, an open line as if it had ended, and begin anew."""
        if self._open:
            self._offsets.append(np.array([self.held], dtype=np.int64))
        offsets = np.concatenate(self._offsets)
        found = Content(memoryview(self._room)[: self.held].toreadonly(), offsets)
        ROOMS.give(self._room)
        self._room = bytearray()
        self.held, self._offsets, self._count, self._open, self.cut = 0, self._offsets[:1], 0, 0, False
        return found

    def __len__(self) -> int:
        return self._count + (self._open > 0)

    def _put(self, data: bytes) -> None:
        end = self.held + len(data)
        if end > len(self._room):
            larger = ROOMS.take(max(self._size, 2 * end if self.held else end))
            larger[: self.held] = self._room[: self.held]
            self._room = larger
        self._room[self.held : end] = data
        self.held = end


def line_ends(data: bytes) -> np.ndarray:
    """Return where the line ends are in bytes."""
    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE)

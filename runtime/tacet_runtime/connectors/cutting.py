"""Lines are found and moved together in one pass, 32 bytes at a time: compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.native import WIDE, compiled, copy_wide, lowest, newlines

if TYPE_CHECKING:
    import numpy as np

_NEWLINE = ord("\n")


@compiled
def move(
    data: np.ndarray, room: np.ndarray, held: int, start: int, limit: int, ends: np.ndarray
) -> tuple[int, int, int]:
    """Append bytes of lines to `room` without their line ends; of a line above `limit` only `limit` + 1 bytes.

    `data`, `room`: uint8; `room` has 32 bytes more than both. `held`: bytes in the room; `start`: where its open line
    begins. `ends` (int64, as long as `data`) takes where in the room each line ends that ended. Return (bytes held,
    lines ended, where the open line begins).
    """
    count, at, size = 0, 0, len(data)
    while at < size:
        step, ended = 0, False
        if at + WIDE <= size:
            copy_wide(room, held, data, at)
            found = newlines(data, at)
            ended = found != 0
            step = lowest(found) if ended else WIDE
        else:
            while at + step < size and data[at + step] != _NEWLINE:
                room[held + step] = data[at + step]
                step += 1
            ended = at + step < size
        held += step
        at += step
        if held - start > limit + 1:
            held = start + limit + 1
        if ended:
            ends[count] = held
            count, at, start = count + 1, at + 1, held
    return held, count, start

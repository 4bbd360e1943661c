"""Messages as one Arrow array: of a block without copying them, of a list in a room (`lines.Rooms`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.files import content_of
from tacet_runtime.connectors.lines import ROOMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.connectors.files import Block


def batches(block: Block, rows: int) -> list[Batch]:
    """Cut a block into batches of at most `rows` messages."""
    content = content_of(block)
    buffers = [None, pa.py_buffer(content.offsets), pa.py_buffer(content.values)]
    messages = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(content), buffers)
    offsets = pa.array(np.arange(block.first, block.first + len(messages), dtype=np.int64))
    return [
        Batch(block.source, 0, offsets.slice(at, rows), messages.slice(at, rows))
        for at in range(0, len(messages), rows)
    ]


def in_room(messages: Sequence[bytes | None]) -> pa.LargeBinaryArray:
    """Return messages one after the other, in memory that was used before where there is some."""
    lengths = np.fromiter((len(m) if m is not None else 0 for m in messages), dtype=np.int64, count=len(messages))
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    room = ROOMS.take(int(offsets[-1]))
    at = 0
    for message in messages:
        if message:
            end = at + len(message)
            room[at:end] = message
            at = end
    held = pa.py_buffer(memoryview(room).toreadonly())
    ROOMS.give(room)
    validity = None
    if any(message is None for message in messages):
        present = np.array([message is not None for message in messages])
        validity = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(messages), [validity, pa.py_buffer(offsets), held])

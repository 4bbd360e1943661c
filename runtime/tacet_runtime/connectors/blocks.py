"""A block's bytes -> a batch: messages as one Arrow array, without copying them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.files import content_of

if TYPE_CHECKING:
    from tacet_runtime.connectors.files import Block


def batches(block: Block, rows: int) -> list[Batch]:
    """Cut a block into batches of at most `rows` messages; line ends are no part of a message."""
    data = content_of(block)
    messages = pa.array([data], pa.large_binary()) if block.framing == "file" else _lines(data)
    offsets = pa.array(np.arange(block.first, block.first + len(messages), dtype=np.int64))
    return [
        Batch(block.source, 0, offsets.slice(at, rows), messages.slice(at, rows))
        for at in range(0, len(messages), rows)
    ]


def _lines(data: bytes) -> pa.LargeBinaryArray:
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")).astype(np.int64)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = ends - np.arange(len(ends), dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), starts])
    values = data.replace(b"\n", b"")
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(values)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), buffers)

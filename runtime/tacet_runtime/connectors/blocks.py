"""A block's messages -> batches: as one Arrow array, without copying them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.files import content_of

if TYPE_CHECKING:
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

"""A batch through the decode statement: typed rows, and what became of the messages that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.engines.embedded.screen import as_text, clean

if TYPE_CHECKING:
    from tacet_runtime.batch import Batch
    from tacet_runtime.engines.embedded.statements import Statements
    from tacet_runtime.plan.model import Limits

SKIPPED, ROW, NO_ITEMS, SLOW = range(4)
"""`:status`, as `targets/duckdb` writes it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Typed rows in the order of their messages; the others by position in the batch."""

    rows: pa.Table
    skipped: np.ndarray
    no_items: np.ndarray
    slow: np.ndarray
    """Messages for the strict path."""


def decode(batch: Batch, statements: Statements, limits: Limits) -> Decoded:
    """Return a batch's rows. What DuckDB may not see (`screen`), or cannot say, is the strict path's."""
    fine = clean(batch.messages, limits)
    at = np.flatnonzero(fine)
    texts = batch.messages if len(at) == len(fine) else batch.messages.take(pa.array(at))
    rows = statements.run("rows", "batch", pa.table({":off": pa.array(at), ":msg": as_text(texts)}))
    status = rows.column(":status").to_numpy()
    offsets = rows.column(":off").to_numpy()
    slow = np.union1d(np.flatnonzero(~fine), offsets[status == SLOW])
    kept = rows if (status == ROW).all() else rows.filter(pa.array(status == ROW))
    return Decoded(kept, offsets[status == SKIPPED], offsets[status == NO_ITEMS], slow)

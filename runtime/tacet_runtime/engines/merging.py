"""Metrics of several batches as one table: what is counted needs no row for each batch, nor a file."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def merged(parts: list[pa.Table]) -> pa.Table:
    """Return metrics tables as one: the same label of a window once, in the order of `steps/sinks.py`."""
    whole = pa.concat_tables(parts)
    keys = [name for name in whole.column_names if name != "rows"]
    if sum(bool(part.num_rows) for part in parts) > 1:
        summed = whole.group_by(keys, use_threads=False).aggregate([("rows", "sum")])
        named = summed.rename_columns([*keys, "rows"]).select(whole.column_names)
        whole = named.cast(whole.schema)
    order = pc.sort_indices(whole, sort_keys=[(name, "ascending", "at_start") for name in _ORDER])
    return whole.take(order)


_ORDER = ("window_start", "event", "producer", "producer_version", "kind", "field", "name")

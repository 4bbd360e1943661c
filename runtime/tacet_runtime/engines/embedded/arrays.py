"""Small steps between Arrow, NumPy and Python that the embedded engine is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.connectors.arrow import arrow_table, no_rows, python_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_runtime.plan.model import Plan, SinkTable

NO_MOMENT = np.iinfo(np.int64).min


def inside(table: pa.Table) -> pa.Table:
    """Return a table as the engine holds it: instants as timestamps in UTC without a zone."""
    columns = [
        column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) and column.type.tz else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def outside(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Return a column as a sink has it."""
    if column.type == wanted:
        return column
    if pa.types.is_timestamp(wanted) and wanted.tz:
        return column.cast(pa.timestamp("us")).cast(wanted)
    return column.cast(wanted)


def masks(table: pa.Table, name: str) -> list[np.ndarray]:
    """Return the bit columns `name:0`, `name:1`, ... as 64-bit integers."""
    columns = [c for c in table.column_names if c.startswith(f"{name}:") and c[len(name) + 1 :].isdigit()]
    ordered = sorted(columns, key=lambda c: int(c.rpartition(":")[2]))
    return [table.column(c).to_numpy().astype(np.int64, copy=False) for c in ordered]


def joined(parts: Iterable[int]) -> int:
    """Return bits in parts of 60 as one integer."""
    return sum(part << (60 * number) for number, part in enumerate(parts))


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Return integers, or rows of bytes, as a matrix of bytes."""
    if values.ndim == 2:
        return values
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)


def distinct(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, list[bytes], np.ndarray]:
    """Return (id of each row, its distinct combinations of the parts' integers as bytes, where each stands first)."""
    matrix = np.concatenate([as_bytes(part) for part in parts], axis=1)
    rows, width = matrix.shape
    keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(matrix)])
    encoded = keys.dictionary_encode()
    ids = encoded.indices.to_numpy()
    first = np.empty(len(encoded.dictionary), dtype=np.int64)
    first[ids[::-1]] = np.arange(rows - 1, -1, -1)
    return ids, encoded.dictionary.to_pylist(), first


def micros(column: pa.ChunkedArray) -> np.ndarray:
    """Return timestamps as microseconds since 1970; NO_MOMENT for NULL."""
    whole = column.cast(pa.timestamp("us")).cast(pa.int64())
    return np.asarray(whole.fill_null(int(NO_MOMENT)).to_numpy())


def values_of(rows: pa.Table, at: np.ndarray, plan: Plan) -> list[dict[str, Any]]:
    """Return the raw fields of a few rows as the reference has them."""
    few = rows.select([f.name for f in plan.source.fields]).take(pa.array(at))
    columns = [python_values(few.column(f.name), f.type) for f in plan.source.fields]
    return [dict(zip(few.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def nulls(rows: pa.Table, names: Iterable[str]) -> np.ndarray:
    """Return which of the columns are NULL, by row, as bytes of bits."""
    found = [np.asarray(pc.is_null(rows.column(name))) if rows.column(name).null_count else None for name in names]
    matrix = np.zeros((rows.num_rows, len(found)), dtype=bool)
    for at, column in enumerate(found):
        if column is not None:
            matrix[:, at] = column
    return np.packbits(matrix, axis=1, bitorder="little")


def from_python(columns: dict[str, list[Any]], table: SinkTable) -> pa.Table:
    """Return Python columns as a sink's rows."""
    return arrow_table(columns, table) if any(columns.values()) else no_rows(table)


def constant(value: Any, rows: int, form: pa.DataType) -> pa.Array:
    """Return the same value in every row."""
    return pa.repeat(pa.scalar(value, form), rows)


def is_first(values: np.ndarray) -> np.ndarray:
    """Tell which rows begin a run of equal values."""
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found

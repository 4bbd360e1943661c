"""Small steps between Arrow, NumPy and Python that the embedded engine is made of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.arrow import arrow_array, arrow_schema, python_value
from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.types import TimestamptzType
from tacet_runtime.plan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Plan, SinkTable
    from tacet_runtime.plan.types import Type

NO_MOMENT = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field's JSON type stands in the lists of `messages` and `rows`."""

    places: tuple[tuple[str, int], ...]
    """By field: root, and position in the list of that root."""
    message_width: int
    item_width: int
    explode: int
    """Position of the explode path in the message's list."""


def columns_of(plan: Plan) -> Columns:
    """Return the layout that `targets/duckdb` wrote: fields, select, explode, each path once."""
    source = plan.source
    message: dict[Path, int] = {}
    item: dict[Path, int] = {}
    for field in source.fields:
        if field.path.root == "$":
            message.setdefault(field.path, len(message))
        elif field.path.root == "$item":
            item.setdefault(field.path, len(item))
    for part in walk(source.select) if source.select is not None else ():
        if isinstance(part, PathValue):
            message.setdefault(part.path, len(message))
    if source.explode is not None:
        message.setdefault(source.explode, len(message))
    places = tuple(
        (f.path.root, {"$": message, "$item": item}.get(f.path.root, {}).get(f.path, 0)) for f in source.fields
    )
    explode = message[source.explode] if source.explode is not None else 0
    return Columns(places, len(message), len(item), explode)


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


def bits_at(table: pa.Table, name: str, at: int) -> int:
    """Return all bits of one row as one integer."""
    return sum(int(mask[at]) << (60 * number) for number, mask in enumerate(masks(table, name)))


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Return integers as a matrix of their bytes."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)


def distinct(matrix: np.ndarray) -> tuple[np.ndarray, list[bytes], np.ndarray]:
    """Return (id of each row, the distinct rows as bytes, where each stands first)."""
    rows, width = matrix.shape
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), rows, [None, pa.py_buffer(np.ascontiguousarray(matrix))]
    )
    encoded = keys.dictionary_encode()
    ids = encoded.indices.to_numpy()
    first = np.full(len(encoded.dictionary), rows, dtype=np.int64)
    np.minimum.at(first, ids, np.arange(rows))
    return ids, encoded.dictionary.to_pylist(), first


def micros(column: pa.ChunkedArray) -> np.ndarray:
    """Return timestamps as microseconds since 1970; NO_MOMENT for NULL."""
    whole = column.cast(pa.timestamp("us")).cast(pa.int64())
    return whole.fill_null(int(NO_MOMENT)).to_numpy()


def row_values(rows: pa.Table, at: int, plan: Plan) -> dict[str, Any]:
    """Return one row's raw fields as the reference has them."""
    return {f.name: as_python(rows.column(f.name)[at].as_py(), f.type) for f in plan.source.fields}


def as_python(value: Any, type_: Type) -> Any:
    """Return a value of the engine in the reference's form."""
    if isinstance(type_, TimestamptzType) and isinstance(value, dt.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=dt.UTC)
    return python_value(value, type_)


def from_python(columns: dict[str, list[Any]], table: SinkTable) -> pa.Table:
    """Return Python columns as a sink's rows."""
    schema = arrow_schema(table)
    arrays = [arrow_array(columns[c.name], c.type, f.type) for c, f in zip(table.columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def taken(values: Sequence[Any], type_: Type, form: pa.DataType, ids: np.ndarray) -> pa.Array:
    """Return one value a row, of a few distinct ones."""
    return arrow_array(values, type_, form).take(pa.array(ids))


def constant(value: Any, rows: int, form: pa.DataType) -> pa.Array:
    """Return the same value in every row."""
    return pa.repeat(pa.scalar(value, form), rows)


def is_first(values: np.ndarray) -> np.ndarray:
    """Tell which rows begin a run of equal values."""
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found

"""Arrow tables -> finished Parquet files: one for each partition value, sorted as the table says, sealed, on the disk for good."""

from __future__ import annotations

import base64
import datetime as dt
import os
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tacet_runtime.connectors.arrow import wide_schema
from tacet_runtime.connectors.encoded import plain_column, storable, taken
from tacet_runtime.connectors.seals import Sealing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tacet_runtime.plan.model import PartitionField, SinkTable
    from tacet_runtime.plan.types import Type

_DICTIONARY_ROWS = 4_096
_RUNS = 64
"""Rows of one partition that stand together in no more pieces than this are not copied together."""
_MICROS = {"day": 86_400_000_000, "hour": 3_600_000_000}


@dataclass(frozen=True, slots=True)
class Finished:
    """One Parquet file, closed and synced. `partition` holds manifest values, in the spec's order."""

    role: str
    path: str
    partition: tuple[Any, ...]
    rows: int


def write_files(
    rows: pa.Table, table: SinkTable, folder: Path, stem: str, before_each: Callable[[], None] = lambda: None
) -> list[Finished]:
    """Write a table's rows (encoded or plain) below `folder`; nothing for no rows. Columns after the sink's are written, too.

    Raises OSError when the disk does not take them, and what `before_each` raises, which is called before each file.
    """
    if rows.num_rows == 0:
        return []
    finished = []
    for number, (partition, part) in enumerate(_partitions(rows, table)):
        before_each()
        path = folder / f"{table.role}-{stem}-{number}.parquet"
        sealed = _write(_sorted(part, table), path, table)
        finished.append(Finished(table.role, str(sealed), partition, part.num_rows))
    return finished


def _sorted(rows: pa.Table, table: SinkTable) -> pa.Table:
    if not table.sort:
        return rows
    by = pa.table({name: _plain(rows.column(name)) for name in table.sort})
    keys = [(name, "ascending", "at_start") for name in table.sort]
    return taken(rows, pc.sort_indices(by, sort_keys=keys))


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """Return a column that Arrow can order and compare: spelt out, a UUID as its bytes."""
    array = plain_column(column).combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _write(rows: pa.Table, path: Path, table: SinkTable) -> Path:
    """Write a file, and return the sealed name that it has then."""
    rows, encoded, bounded = storable(rows, wide_schema(table, rows.schema))
    low = [f.name for f in rows.schema if pa.types.is_string(f.type) and _worth_a_dictionary(rows.column(f.name))]
    with path.open("wb") as file:
        sealing = Sealing(file)
        pq.write_table(
            rows, sealing, compression="zstd", compression_level=1, use_dictionary=[*low, *encoded],
            write_statistics=bounded, store_schema=False,
        )  # fmt: skip
        sealing.flush()
        os.fsync(file.fileno())
    return sealing.seal(path)


def _worth_a_dictionary(column: pa.ChunkedArray) -> bool:
    """Tell whether a text column repeats itself: a sample decides."""
    sample = column.slice(0, _DICTIONARY_ROWS)
    return len(sample.combine_chunks().unique()) * 4 <= max(len(sample), 4)


def _partitions(rows: pa.Table, table: SinkTable) -> list[tuple[tuple[Any, ...], pa.Table]]:
    """Return the rows of each partition value, the values in their order, the rows in theirs."""
    if not table.partition:
        return [((), rows)]
    types = {c.name: c for c in table.columns}
    keys = [_partition_array(rows.column(f.column), types[f.column].type, f) for f in table.partition]
    codes, values = _numbered(keys)
    found = [tuple(_manifest(v) for v in value) for value in values]
    if len(found) == 1:
        return [(found[0], rows)]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    if len(starts) > _RUNS:
        order = np.argsort(codes, kind="stable")
        rows, codes = taken(rows, pa.array(order)), codes[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
    parts: list[list[pa.Table]] = [[] for _ in found]
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(codes)], strict=True):
        parts[codes[start]].append(rows.slice(start, end - start))
    return [(value, pa.concat_tables(part)) for value, part in zip(found, parts, strict=True)]


def _numbered(keys: list[pa.Array]) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Return (number of each row's combination of keys, the combinations in order, NULL first)."""
    codes = np.zeros(len(keys[0]), dtype=np.int64)
    values: list[tuple[Any, ...]] = [()]
    for key in keys:
        encoded = key.dictionary_encode(null_encoding="encode")
        own = encoded.dictionary.to_pylist()
        both, codes = np.unique(codes * len(own) + np.asarray(encoded.indices), return_inverse=True)
        values = [(*values[at // len(own)], own[at % len(own)]) for at in both.tolist()]
    order = sorted(range(len(values)), key=lambda at: _sorting(values[at]))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[codes], [values[at] for at in order]


def _sorting(value: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((part is not None, part if part is not None else 0) for part in value)


def _manifest(value: Any) -> Any:
    """Return a partition value as Avro manifests hold it (Iceberg spec, Partition Transforms and Appendix A)."""
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)  # noqa: DTZ001
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).days
    if isinstance(value, dt.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


def _partition_array(column: pa.ChunkedArray, type_: Type, field: PartitionField) -> pa.Array:
    """Return partition values as manifests have them: days, months, years and hours as numbers since 1970."""
    column = plain_column(column)
    if field.transform == "identity":
        return _plain(column)
    if field.transform in _MICROS and pa.types.is_timestamp(column.type):
        return _elapsed(column.combine_chunks(), _MICROS[field.transform])
    # Days and hours are most of what there is; the library for the rest is half of what a worker would import.
    from tacet_runtime.connectors.iceberg_types import iceberg_type, transform  # noqa: PLC0415

    result = transform(field).pyarrow_transform(iceberg_type(type_, iter(())))(column.combine_chunks())
    result = result.combine_chunks() if isinstance(result, pa.ChunkedArray) else result
    return result.cast(pa.int32()) if pa.types.is_date(result.type) else result


def _elapsed(moments: pa.TimestampArray, unit: int) -> pa.Int32Array:
    """Return whole days or hours since 1970, rounded down, of timestamps in microseconds."""
    micros = moments.view(pa.int64())
    whole = np.floor_divide(np.asarray(micros.fill_null(0)), unit).astype(np.int32)
    return pa.array(whole, mask=np.asarray(micros.is_null()) if micros.null_count else None)


def synced(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def plain_value(value: Any) -> Any:
    """Return a partition value as JSON can hold it."""
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case bytes():
            return {"bytes": base64.b64encode(value).decode("ascii")}
        case _:
            return value


def partition_value(value: Any) -> Any:
    """Return what `plain_value` was given."""
    match value:
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"bytes": str(text)}:
            return base64.b64decode(text)
        case _:
            return value

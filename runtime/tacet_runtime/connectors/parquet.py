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

from tacet_runtime.connectors.iceberg_types import iceberg_type, transform
from tacet_runtime.connectors.seals import Sealing
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from pathlib import Path

    from tacet_runtime.plan.model import PartitionField, SinkTable
    from tacet_runtime.plan.types import Type

_DICTIONARY_ROWS = 4_096
_MICROS = {"day": 86_400_000_000, "hour": 3_600_000_000}


@dataclass(frozen=True, slots=True)
class Finished:
    """One Parquet file, closed and synced. `partition` holds manifest values, in the spec's order."""

    role: str
    path: str
    partition: tuple[Any, ...]
    rows: int


def write_files(rows: pa.Table, table: SinkTable, folder: Path, stem: str) -> list[Finished]:
    """Write a table's rows below `folder`; nothing for no rows. Raises OSError when the disk does not take them."""
    if rows.num_rows == 0:
        return []
    finished = []
    for number, (partition, part) in enumerate(_partitions(rows, table)):
        path = folder / f"{table.role}-{stem}-{number}.parquet"
        sealed = _write(_sorted(part, table), path, table)
        finished.append(Finished(table.role, str(sealed), partition, part.num_rows))
    return finished


def _sorted(rows: pa.Table, table: SinkTable) -> pa.Table:
    if not table.sort:
        return rows
    by = pa.table({name: _plain(rows.column(name)) for name in table.sort})
    keys = [(name, "ascending", "at_start") for name in table.sort]
    return rows.take(pc.sort_indices(by, sort_keys=keys))


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """Return a column that Arrow can order and compare: a UUID as its bytes."""
    array = column.combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _write(rows: pa.Table, path: Path, table: SinkTable) -> Path:
    """Write a file, and return the sealed name that it has then."""
    low = [c.name for c in table.columns if _worth_a_dictionary(c.name, c.type, rows)]
    with path.open("wb") as file:
        sealing = Sealing(file)
        pq.write_table(
            rows, sealing, compression="zstd", compression_level=1, use_dictionary=low, write_statistics=True,
            store_schema=False,
        )  # fmt: skip
        sealing.flush()
        os.fsync(file.fileno())
    return sealing.seal(path)


def _worth_a_dictionary(name: str, type_: Type, rows: pa.Table) -> bool:
    """Tell whether a text column repeats itself: a sample decides."""
    if not isinstance(type_, t.StringType):
        return False
    sample = rows.column(name).slice(0, _DICTIONARY_ROWS)
    return bool(sample.combine_chunks().unique().__len__() * 4 <= max(len(sample), 4))


def _partitions(rows: pa.Table, table: SinkTable) -> list[tuple[tuple[Any, ...], pa.Table]]:
    if not table.partition:
        return [((), rows)]
    types = {c.name: c for c in table.columns}
    keys = [_partition_array(rows.column(f.column), types[f.column].type, f) for f in table.partition]
    names = [f"k{at}" for at in range(len(keys))]
    groups = pa.table(dict(zip(names, keys, strict=True))).group_by(names, use_threads=False).aggregate([])
    values = [tuple(row[name] for name in names) for row in groups.to_pylist()]
    ordered = sorted(values, key=lambda value: tuple((v is not None, v if v is not None else 0) for v in value))
    found = []
    for value in ordered:
        manifest = tuple(_manifest(v) for v in value)
        found.append((manifest, rows if len(values) == 1 else rows.filter(_equal(keys, value))))
    return found


def _manifest(value: Any) -> Any:
    """Return a partition value as Avro manifests hold it (Iceberg spec, Partition Transforms and Appendix A)."""
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)  # noqa: DTZ001
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).days
    if isinstance(value, dt.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


def _equal(keys: list[pa.Array], value: tuple[Any, ...]) -> pa.Array:
    mask = None
    for key, wanted in zip(keys, value, strict=True):
        hits = pc.is_null(key) if wanted is None else pc.fill_null(pc.equal(key, pa.scalar(wanted, key.type)), False)
        mask = hits if mask is None else pc.and_(mask, hits)
    return mask


def _partition_array(column: pa.ChunkedArray, type_: Type, field: PartitionField) -> pa.Array:
    """Return partition values as manifests have them: days, months, years and hours as numbers since 1970."""
    source = iceberg_type(type_, iter(()))
    if field.transform == "identity":
        return _plain(column)
    if field.transform in _MICROS and pa.types.is_timestamp(column.type):
        return _elapsed(column.combine_chunks(), _MICROS[field.transform])
    result = transform(field).pyarrow_transform(source)(column.combine_chunks())
    result = result.combine_chunks() if isinstance(result, pa.ChunkedArray) else result
    return result.cast(pa.int32()) if pa.types.is_date(result.type) else result


def _elapsed(moments: pa.TimestampArray, unit: int) -> pa.Int32Array:
    """Return whole days or hours since 1970, rounded down, of timestamps in microseconds."""
    micros = moments.view(pa.int64())
    whole = np.floor_divide(np.asarray(micros.fill_null(0)), unit).astype(np.int32)
    return pa.array(whole, mask=np.asarray(micros.is_null()) if micros.null_count else None)


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

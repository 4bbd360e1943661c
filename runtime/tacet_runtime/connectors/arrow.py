"""Types and sink tables in Arrow, with Iceberg's field ids in the Parquet metadata; Python rows -> Arrow tables."""

from __future__ import annotations

import datetime as dt
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never

import pyarrow as pa

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tacet_runtime.plan.model import SinkColumn, SinkTable
    from tacet_runtime.plan.types import Type


def arrow_type(type_: Type, ids: Iterator[int] | None = None) -> pa.DataType:
    """Return the Arrow form of a type. `ids`: those of what is nested, in Iceberg's visiting order, siblings first."""
    match type_:
        case t.BooleanType():
            return pa.bool_()
        case t.IntType():
            return pa.int32()
        case t.LongType():
            return pa.int64()
        case t.FloatType():
            return pa.float32()
        case t.DoubleType():
            return pa.float64()
        case t.DecimalType(precision, scale):
            return pa.decimal128(precision, scale)
        case t.DateType():
            return pa.date32()
        case t.TimeType():
            return pa.time64("us")
        case t.TimestampType():
            return pa.timestamp("us")
        case t.TimestamptzType():
            return pa.timestamp("us", "UTC")
        case t.StringType():
            return pa.string()
        case t.UuidType():
            return pa.uuid()
        case t.BinaryType():
            return pa.binary()
        case t.ListType(element):
            own = _id(ids)
            return pa.list_(pa.field("element", arrow_type(element, ids), nullable=False, metadata=own))
        case t.MapType(value):
            key, own = _id(ids), _id(ids)
            return pa.map_(
                pa.field("key", pa.string(), nullable=False, metadata=key),
                pa.field("value", arrow_type(value, ids), nullable=False, metadata=own),
            )
        case t.StructType(members):
            owns = [_id(ids) for _ in members]
            return pa.struct(
                [pa.field(m.name, arrow_type(m.type, ids), metadata=own) for m, own in zip(members, owns, strict=True)]
            )
        case _:
            assert_never(type_)


def _id(ids: Iterator[int] | None) -> dict[bytes, bytes] | None:
    return None if ids is None else {b"PARQUET:field_id": str(next(ids)).encode()}


def arrow_field(column: SinkColumn) -> pa.Field:
    """Return a sink column's field, with its ids."""
    type_ = arrow_type(column.type, iter(column.nested_ids))
    metadata = {b"PARQUET:field_id": str(column.id).encode()}
    return pa.field(column.name, type_, nullable=not column.required, metadata=metadata)


@lru_cache(maxsize=64)
def arrow_schema(table: SinkTable) -> pa.Schema:
    """Return a sink table's schema, with its ids; worked out once a table."""
    return pa.schema([arrow_field(column) for column in table.columns])


def wide_schema(table: SinkTable, rows: pa.Schema) -> pa.Schema:
    """Return a sink table's schema, and behind it the columns of `rows` that the sink has no more."""
    own = arrow_schema(table)
    names = set(own.names)
    return pa.schema([*own, *(field for field in rows if field.name not in names)])


def arrow_table(columns: dict[str, list[Any]], table: SinkTable) -> pa.Table:
    """Return a sink table's rows from Python columns (the forms of `steps/typing.py`)."""
    schema = arrow_schema(table)
    arrays = [
        arrow_array(columns[column.name], column.type, field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@lru_cache(maxsize=64)
def no_rows(table: SinkTable) -> pa.Table:
    """Return a sink table without rows. Arrow's own way (`Schema.empty_table`) knows no UUIDs in lists."""
    return arrow_table({column.name: [] for column in table.columns}, table)


def arrow_array(values: Sequence[Any], type_: Type, form: pa.DataType | None = None) -> pa.Array:
    """Return Python values of a type as an Arrow array."""
    form = form or arrow_type(type_)
    if isinstance(type_, t.UuidType):
        data = [None if v is None else bytes.fromhex(v.replace("-", "")) for v in values]
        return pa.array(data, pa.binary(16)).cast(form)
    if _nests(type_, t.UuidType):
        return pa.array([_stored(v, type_) for v in values], _storage(form)).cast(form)
    if _nests(type_, t.MapType):
        return pa.array([_stored(v, type_) for v in values], form)
    return pa.array(values, form)


def _nests(type_: Type, what: type[Type]) -> bool:
    """Tell whether a type is, or has in it, one of the kind `what`."""
    if isinstance(type_, what):
        return True
    match type_:
        case t.ListType(inner) | t.MapType(inner):
            return _nests(inner, what)
        case t.StructType(members):
            return any(_nests(member.type, what) for member in members)
        case _:
            return False


def _stored(value: Any, type_: Type) -> Any:
    """Return what Arrow takes for a nested value: maps as pairs, UUIDs as bytes."""
    if value is None:
        return None
    match type_:
        case t.UuidType():
            return uuid.UUID(value).bytes
        case t.ListType(element):
            return [_stored(v, element) for v in value]
        case t.MapType(of):
            return [(k, _stored(v, of)) for k, v in value.items()]
        case t.StructType(members):
            return {m.name: _stored(value.get(m.name), m.type) for m in members}
        case _:
            return value


def _storage(form: pa.DataType) -> pa.DataType:
    """Return the form with UUIDs as their storage, for Arrow builds no extension values from Python."""
    if isinstance(form, pa.UuidType):
        return pa.binary(16)
    if pa.types.is_list(form):
        return pa.list_(_storage_field(form.value_field))
    if pa.types.is_map(form):
        return pa.map_(_storage_field(form.key_field), _storage_field(form.item_field))
    if pa.types.is_struct(form):
        return pa.struct([_storage_field(form.field(i)) for i in range(form.num_fields)])
    return form


def _storage_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _storage(field.type), field.nullable, field.metadata)


def python_value(value: Any, type_: Type) -> Any:
    """Return an Arrow scalar's Python value (`as_py`) in the forms of `steps/typing.py`."""
    if value is None:
        return None
    match type_:
        case t.UuidType():
            return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else str(value)
        case t.TimestamptzType():
            return value.astimezone(dt.UTC).replace(tzinfo=dt.UTC)
        case t.ListType(element):
            return [python_value(v, element) for v in value]
        case t.MapType(of):
            return {k: python_value(v, of) for k, v in value}
        case t.StructType(members):
            return {m.name: python_value(value[m.name], m.type) for m in members}
        case _:
            return value


def python_values(column: pa.ChunkedArray | pa.Array, type_: Type) -> list[Any]:
    """Return a column's Python values in the forms of `steps/typing.py`; a timestamp without a zone is in UTC."""
    if isinstance(type_, t.TimestamptzType) and pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    values: list[Any] = column.to_pylist()
    if isinstance(type_, t.UuidType | t.TimestamptzType | t.ListType | t.MapType | t.StructType):
        return [python_value(value, type_) for value in values]
    return values

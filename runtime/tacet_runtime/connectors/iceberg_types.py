"""The plan's types, columns, partitions and sort orders as pyiceberg's, with the plan's ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from tacet_runtime.plan import model as p
from tacet_runtime.plan import types as t
from tacet_runtime.plan.partitions import misfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.transforms import Transform

    from tacet_runtime.plan.types import Type


def iceberg_type(type_: Type, ids: Iterator[int]) -> IcebergType:
    """Return a type with the ids of what is nested in it, siblings before their children."""
    match type_:
        case t.BooleanType():
            return BooleanType()
        case t.IntType():
            return IntegerType()
        case t.LongType():
            return LongType()
        case t.FloatType():
            return FloatType()
        case t.DoubleType():
            return DoubleType()
        case t.DecimalType(precision, scale):
            return DecimalType(precision, scale)
        case t.DateType():
            return DateType()
        case t.TimeType():
            return TimeType()
        case t.TimestampType():
            return TimestampType()
        case t.TimestamptzType():
            return TimestamptzType()
        case t.StringType():
            return StringType()
        case t.UuidType():
            return UUIDType()
        case t.BinaryType():
            return BinaryType()
        case t.ListType(element):
            own = next(ids)
            return ListType(own, iceberg_type(element, ids), element_required=True)
        case t.MapType(value):
            key, own = next(ids), next(ids)
            return MapType(key, StringType(), own, iceberg_type(value, ids), value_required=True)
        case t.StructType(members):
            owns = [next(ids) for _ in members]
            return StructType(
                *(
                    NestedField(own, m.name, iceberg_type(m.type, ids), required=False)
                    for m, own in zip(members, owns, strict=True)
                )
            )
        case _:
            assert_never(type_)


def iceberg_schema(table: p.SinkTable, schema_id: int = 1) -> Schema:
    """Return a sink table's schema."""
    fields = [
        NestedField(c.id, c.name, iceberg_type(c.type, iter(c.nested_ids)), required=c.required) for c in table.columns
    ]
    return Schema(*fields, schema_id=schema_id)


def transform(field: p.PartitionField) -> Transform[Any, Any]:
    """Return a partition field's transform."""
    match field.transform:
        case "identity":
            return IdentityTransform()
        case "year":
            return YearTransform()
        case "month":
            return MonthTransform()
        case "day":
            return DayTransform()
        case "hour":
            return HourTransform()
        case "bucket":
            return BucketTransform(field.width or 1)
        case "truncate":
            return TruncateTransform(field.width or 1)
        case _:
            assert_never(field.transform)


def partition_spec(table: p.SinkTable, spec_id: int = 1) -> PartitionSpec:
    """Return a sink table's partition spec."""
    ids = {c.name: c.id for c in table.columns}
    fields = [
        PartitionField(
            ids[f.column],
            1000 + at,
            transform(f),
            f.name,
        )
        for at, f in enumerate(table.partition)
    ]
    return PartitionSpec(*fields, spec_id=spec_id)


def misses_rows(spec: PartitionSpec, table: p.SinkTable) -> bool:
    """Tell whether a spec has a partition that no contract can have without a `range`."""
    columns = {column.id: column for column in table.columns}
    for field in spec.fields:
        column = columns.get(field.source_id)
        match field.transform:
            case IdentityTransform() if column is not None:
                found = misfit(p.PartitionField(column.name, "identity"), column.type)
            case TruncateTransform(width=width) if column is not None:
                found = misfit(p.PartitionField(column.name, "truncate", width), column.type)
            case _:
                continue
        if found is not None:
            return True
    return False


def sort_order(table: p.SinkTable, order_id: int = 1) -> SortOrder:
    """Return a sink table's sort order."""
    ids = {c.name: c.id for c in table.columns}
    return SortOrder(
        *(SortField(source_id=ids[name], transform=IdentityTransform()) for name in table.sort), order_id=order_id
    )

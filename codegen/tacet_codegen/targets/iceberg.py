"""Iceberg tables as their own JSON (Iceberg specification, Appendix C): schema with our ids, partition spec, sort order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from tacet_codegen.targets.base import Artifact
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.targets.base import Compilation
    from tacet_runtime.plan.model import PartitionField, SinkTable
    from tacet_runtime.plan.types import Type

FORMAT_VERSION = 2


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one file a table; a raw archive that several jobs write is the same for each."""
    tables = {table.name: table for _, plan in sorted(compilation.plans.items()) for table in plan.tables}
    for name, table in sorted(tables.items()):
        yield Artifact(f"iceberg/{name}.json", json.dumps(table_json(table), indent=1) + "\n")


def table_json(table: SinkTable) -> dict[str, Any]:
    """Return a table: identifier, schema, partition spec, sort order."""
    fields = []
    for column in table.columns:
        form = iceberg_type(column.type, iter(column.nested_ids))
        fields.append({"id": column.id, "name": column.name, "required": column.required, "type": form})
    ids = {column.name: column.id for column in table.columns}
    return {
        "table": table.name,
        "format-version": FORMAT_VERSION,
        "schema": {"type": "struct", "schema-id": 1, "fields": fields},
        "partition-spec": [_partition(field, at, ids) for at, field in enumerate(table.partition)],
        "sort-order": [
            {"source-id": ids[name], "transform": "identity", "direction": "asc", "null-order": "nulls-first"}
            for name in table.sort
        ],
    }


def _partition(field: PartitionField, at: int, ids: dict[str, int]) -> dict[str, Any]:
    transform = field.transform if field.width is None else f"{field.transform}[{field.width}]"
    return {"source-id": ids[field.column], "field-id": 1000 + at, "name": field.name, "transform": transform}


def iceberg_type(type_: Type, ids: Iterator[int]) -> Any:
    """Return the Iceberg form of a type, taking the ids of what is nested in it, siblings before their children."""
    match type_:
        case t.BooleanType():
            return "boolean"
        case t.IntType():
            return "int"
        case t.LongType():
            return "long"
        case t.FloatType():
            return "float"
        case t.DoubleType():
            return "double"
        case t.DecimalType(precision, scale):
            return f"decimal({precision}, {scale})"
        case t.DateType():
            return "date"
        case t.TimeType():
            return "time"
        case t.TimestampType():
            return "timestamp"
        case t.TimestamptzType():
            return "timestamptz"
        case t.StringType():
            return "string"
        case t.UuidType():
            return "uuid"
        case t.BinaryType():
            return "binary"
        case t.ListType(element):
            own = next(ids)
            return {"type": "list", "element-id": own, "element": iceberg_type(element, ids), "element-required": True}
        case t.MapType(value):
            key, own = next(ids), next(ids)
            form = iceberg_type(value, ids)
            return {
                "type": "map",
                "key-id": key,
                "key": "string",
                "value-id": own,
                "value": form,
                "value-required": True,
            }
        case t.StructType(members):
            owns = [next(ids) for _ in members]
            fields = [
                {"id": own, "name": m.name, "required": False, "type": iceberg_type(m.type, ids)}
                for m, own in zip(members, owns, strict=True)
            ]
            return {"type": "struct", "fields": fields}
        case _:
            assert_never(type_)

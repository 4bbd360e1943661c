"""Avro schemas of the rows that go to a topic: raw and derived, with what every row carries.

A nullable column is a union with null first, and null is its default. Logical types follow the Avro specification 1.12:
`timestamp-micros` for an instant, `local-timestamp-micros` without a zone, `uuid` on a string, `decimal` on bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, assert_never

from tacet_codegen.ir.columns import derived_columns, raw_columns
from tacet_codegen.targets.base import Artifact, contract_path
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tacet_codegen.ir.columns import Column
    from tacet_codegen.ir.model import DerivedEvent, Header, Job, RawEvent
    from tacet_codegen.targets.base import Compilation
    from tacet_runtime.plan.types import Type


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one schema for each version of each event."""
    for event in compilation.repository.raw_events:
        docs = {f.name: f.doc for f in event.fields}
        yield _artifact(event.header, raw_columns(event), docs)
    for item in compilation.repository.derived_events:
        docs = {f.name: f.doc for f in item.fields}
        yield _artifact(item.header, derived_columns(item), docs)


def _artifact(header: Header, columns: Sequence[Column], docs: Mapping[str, str]) -> Artifact:
    schema = record_schema(header, columns, docs)
    return Artifact(contract_path("avro", header, ".avsc"), json.dumps(schema, indent=1, ensure_ascii=True) + "\n")


def wire_schema(job: Job, role: Literal["raw", "derived"]) -> str:
    """Return the schema of a job's rows on a topic, in one line: the text that a registry has and messages point to."""
    event: RawEvent | DerivedEvent = job.derived if role == "derived" and job.derived is not None else job.raw
    columns = derived_columns(job.derived) if event is job.derived and job.derived else raw_columns(job.raw)
    schema = record_schema(event.header, columns, {f.name: f.doc for f in event.fields})
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=True)


def record_schema(header: Header, columns: Sequence[Column], docs: Mapping[str, str]) -> dict[str, Any]:
    """Return the record of an event's rows; what a registry must keep is in its custom properties."""
    return {
        "type": "record",
        "name": header.name,
        "namespace": header.namespace,
        **({"doc": header.doc} if header.doc else {}),
        "tacet.contract": header.reference,
        "tacet.digest": header.digest,
        "fields": [_field(column, docs.get(column.name, "")) for column in columns],
    }


def _field(column: Column, doc: str) -> dict[str, Any]:
    form = avro_type(column.type, column.name)
    about = {"doc": doc} if doc else {}
    if column.required:
        return {"name": column.name, **about, "type": form}
    return {"name": column.name, **about, "type": ["null", form], "default": None}


def avro_type(type_: Type, name: str) -> Any:
    """Return the Avro form of a type; `name` is where a struct's record gets its own name from."""
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
            return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
        case t.DateType():
            return {"type": "int", "logicalType": "date"}
        case t.TimeType():
            return {"type": "long", "logicalType": "time-micros"}
        case t.TimestampType():
            return {"type": "long", "logicalType": "local-timestamp-micros"}
        case t.TimestamptzType():
            return {"type": "long", "logicalType": "timestamp-micros"}
        case t.StringType():
            return "string"
        case t.UuidType():
            return {"type": "string", "logicalType": "uuid"}
        case t.BinaryType():
            return "bytes"
        case t.ListType(element):
            return {"type": "array", "items": avro_type(element, f"{name}_element")}
        case t.MapType(value):
            return {"type": "map", "values": avro_type(value, f"{name}_value")}
        case t.StructType(members):
            fields = [
                {"name": m.name, "type": ["null", avro_type(m.type, f"{name}_{m.name}")], "default": None}
                for m in members
            ]
            return {"type": "record", "name": f"{name}_record", "fields": fields}
        case _:
            assert_never(type_)

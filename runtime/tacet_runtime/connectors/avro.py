"""Arrow rows -> Avro messages in Confluent's framing: a zero byte, the schema's id in four bytes, the record.

pyruhvro encodes a whole batch at once but lacks some types. Those that look the same on the wire are handed to it as
what they look like (Avro 1.12: a uuid is its text, a time is a long, bytes are framed as a string is); rows with other
types are encoded one by one by fastavro. Both give the same bytes, which tests prove for every type.
"""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

try:
    import pyruhvro
except ModuleNotFoundError as error:
    if error.name != "pyruhvro":
        raise
    raise ModuleNotFoundError("Avro needs the extra: pip install 'tacet-contracts[kafka]'", name="pyruhvro") from error

from tacet_runtime.connectors.arrow import python_values
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.model import SinkColumn, SinkTable
    from tacet_runtime.plan.types import Type

_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""Byte -> its two hex digits, as one number in memory."""


class AvroError(Exception):
    """A row does not fit the schema: the compiler and the engine disagree."""


class Encoder:
    """Encodes rows of one sink table with one registered schema."""

    def __init__(self, schema: str, table: SinkTable, schema_id: int) -> None:
        self._table = table
        self._header = pa.scalar(b"\0" + schema_id.to_bytes(4, "big"), pa.binary())
        document = json.loads(schema)
        names = [field["name"] for field in document["fields"]]
        if names != [column.name for column in table.columns]:
            raise AvroError(f"the schema of {table.name} has other fields than its table")
        self._fast = all(_plain(column.type) for column in table.columns)
        self._wire = json.dumps({**document, "fields": [_relabelled(field) for field in document["fields"]]})
        self._schema = fastavro.parse_schema(document)

    def encode(self, rows: pa.Table) -> list[bytes]:
        """Return one message for each row. Raises AvroError for a NULL that the schema does not have."""
        for column in self._table.columns:
            if column.required and rows.column(column.name).null_count:
                raise AvroError(f"{self._table.name}: column `{column.name}` is required and NULL")
        if rows.num_rows == 0:
            return []
        bodies = self._together(rows) if self._fast else self._one_by_one(rows)
        framed = pc.binary_join_element_wise(self._header, bodies, pa.scalar(b"", pa.binary()))
        return list(framed.to_pylist())

    def _together(self, rows: pa.Table) -> pa.Array:
        arrays = [_wired(rows.column(column.name).combine_chunks(), column) for column in self._table.columns]
        fields = [
            pa.field(column.name, array.type, nullable=not column.required)
            for column, array in zip(self._table.columns, arrays, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
        parts = pyruhvro.serialize_record_batch(batch, self._wire, 1)
        return pa.concat_arrays([pa.array(part) if not isinstance(part, pa.Array) else part for part in parts])

    def _one_by_one(self, rows: pa.Table) -> pa.Array:
        columns = {
            column.name: [_record(v, column.type) for v in python_values(rows.column(column.name), column.type)]
            for column in self._table.columns
        }
        bodies = []
        for at in range(rows.num_rows):
            out = io.BytesIO()
            fastavro.schemaless_writer(out, self._schema, {name: values[at] for name, values in columns.items()})
            bodies.append(out.getvalue())
        return pa.array(bodies, pa.binary())


def _plain(type_: Type) -> bool:
    """Tell whether pyruhvro takes the type, as itself or as what it looks like on the wire."""
    match type_:
        case t.DecimalType():
            return False
        case t.ListType(inner) | t.MapType(inner):
            return _same(inner)
        case t.StructType(members):
            return all(_same(member.type) for member in members)
        case _:
            return True


def _same(type_: Type) -> bool:
    """Tell whether pyruhvro takes a nested type as itself."""
    match type_:
        case t.UuidType() | t.BinaryType() | t.TimeType() | t.TimestampType():
            return False
        case _:
            return _plain(type_)


def _relabelled(field: dict[str, Any]) -> dict[str, Any]:
    form = field["type"]
    if isinstance(form, list):
        return {**field, "type": [form[0], _looks_like(form[1])]}
    return {**field, "type": _looks_like(form)}


def _looks_like(form: Any) -> Any:
    match form:
        case {"logicalType": "uuid"} | "bytes":
            return "string"
        case {"logicalType": "time-micros" | "local-timestamp-micros"}:
            return "long"
        case _:
            return form


def _wired(array: pa.Array, column: SinkColumn) -> pa.Array:
    match column.type:
        case t.UuidType():
            return uuid_texts(array)
        case t.TimeType() | t.TimestampType():
            return array.cast(pa.int64())
        case t.BinaryType():
            return pa.Array.from_buffers(pa.string(), len(array), array.buffers(), array.null_count, array.offset)
        case _:
            return array


def uuid_texts(array: pa.Array) -> pa.Array:
    """Return UUIDs (sixteen bytes each) as their texts: all hex digits at once, and the four hyphens between."""
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    number, valid = len(storage), storage.is_valid()
    if number == 0:
        return pa.array([], pa.string())
    data = np.frombuffer(storage.buffers()[1], np.uint8)[16 * storage.offset : 16 * (storage.offset + number)]
    digits = _HEX[data].view(np.uint8).reshape(number, 32)
    texts = np.full((number, 36), ord("-"), np.uint8)
    for begins, (first, last) in zip((0, 9, 14, 19, 24), pairwise((0, 8, 12, 16, 20, 32)), strict=True):
        texts[:, begins : begins + last - first] = digits[:, first:last]
    offsets = np.arange(0, 36 * number + 1, 36, dtype=np.int32)
    parts = [valid.buffers()[1], pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), number, parts, storage.null_count)


def _record(value: Any, type_: Type) -> Any:
    """Return what fastavro takes: UUIDs as text inside plain strings."""
    return value if value is None or not isinstance(type_, t.UuidType) else str(value)

"""TYPES: the one table of what every type is in every target; docs/types.md is written from it, and tests hold targets to it.

A target's own `match` makes the form, so that a new type stops the type checker there; this table says what it must be.
JSON Schema and Python are the forms that producers send, in the type's first encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.ir.typetext import type_text
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.types import Encoding, Type

_INT = '{"type": "integer", "minimum": -2147483648, "maximum": 2147483647}'
_LONG = '{"type": "integer", "minimum": -9223372036854775808, "maximum": 9223372036854775807}'
_MOMENTS: tuple[Encoding, ...] = ("iso8601", "epoch_millis", "epoch_micros", "epoch_seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One type. `avro` and `jsonschema` are JSON; `...` at the end of `jsonschema` cuts a long pattern."""

    type: Type
    avro: str
    iceberg: str
    flink: str
    duckdb: str
    jsonschema: str
    python: str
    encodings: tuple[Encoding, ...]
    range: str
    narrowed: str


TYPES: tuple[Row, ...] = (
    Row(
        t.BooleanType(), '"boolean"', "boolean", "BOOLEAN", "BOOLEAN", '{"type": "boolean"}', "bool",
        ("json", "string"), "true, false", "nothing; as `string` exactly `true` or `false`",
    ),
    Row(
        t.IntType(), '"int"', "int", "INT", "INTEGER", _INT, "Annotated[int, Meta(...)]",
        ("json", "string"), "-2^31 to 2^31 - 1", '`1.0`, `1e3`, `"5"` and `true` are no integers',
    ),
    Row(
        t.LongType(), '"long"', "long", "BIGINT", "BIGINT", _LONG, "Annotated[int, Meta(...)]",
        ("json", "string"), "-2^63 to 2^63 - 1", "as `int`; readers that hold numbers as doubles lose digits above 2^53: send `string`",
    ),
    Row(
        t.FloatType(), '"float"', "float", "FLOAT", "FLOAT", '{"type": "number", "exclusiveMinimum": -3.4028235677973366e+38...',
        "Annotated[float, Meta(...)]", ("json", "string"), "finite IEEE 754 binary32", "rounded to binary32; what rounds to infinity is out of range",
    ),
    Row(
        t.DoubleType(), '"double"', "double", "DOUBLE", "DOUBLE", '{"type": "number", "minimum": -1.7976931348623157e+308...',
        "Annotated[float, Meta(...)]", ("json", "string"), "finite IEEE 754 binary64", "rounded to binary64; NaN and the infinities are no JSON",
    ),
    Row(
        t.DecimalType(12, 2), '{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}', "decimal(12, 2)", "DECIMAL(12, 2)",
        "DECIMAL(12,2)", '{"type": "number", "exclusiveMinimum": -10000000000...', "Annotated[float, Meta(...)]",
        ("json", "string"), "1 to 38 digits, of which 0 to all after the point",
        "never rounded: more digits after the point than the scale are out of range; a Python model holds a JSON number as float: send `string` to keep digits",
    ),
    Row(
        t.DateType(), '{"type": "int", "logicalType": "date"}', "date", "DATE", "DATE",
        '{"type": "string", "pattern": "^(([0-9]{3}[1-9]|...', "Annotated[str, Meta(...)]",
        ("iso8601",), "0001-01-01 to 9999-12-31", "YYYY-MM-DD only",
    ),
    Row(
        t.TimeType(), '{"type": "long", "logicalType": "time-micros"}', "time", "TIME(6)", "TIME",
        '{"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5]...', "Annotated[str, Meta(...)]",
        ("iso8601",), "00:00:00 to 23:59:59.999999", "no zone, no leap second, at most six digits of a second",
    ),
    Row(
        t.TimestampType(), '{"type": "long", "logicalType": "local-timestamp-micros"}', "timestamp", "TIMESTAMP(6)", "TIMESTAMP",
        '{"type": "string", "pattern": "^(([0-9]{3}[1-9]|...', "Annotated[str, Meta(...)]",
        _MOMENTS, "year 1 to 9999, microseconds", "no zone; the avro library for Python reads it as a plain long",
    ),
    Row(
        t.TimestamptzType(), '{"type": "long", "logicalType": "timestamp-micros"}', "timestamptz", "TIMESTAMP(6)", "TIMESTAMP",
        '{"type": "string", "pattern": "^(([0-9]{3}[1-9]|...', "Annotated[str, Meta(...)]",
        _MOMENTS, "year 1 to 9999, microseconds", "kept as an instant in UTC: the offset that was sent is lost; inside SQL it is a TIMESTAMP in UTC",
    ),
    Row(
        t.StringType(), '"string"', "string", "STRING", "VARCHAR", '{"type": "string"}', "str",
        ("json", "string"), "at most 64 KiB of UTF-8", "no lone surrogates",
    ),
    Row(
        t.UuidType(), '{"type": "string", "logicalType": "uuid"}', "uuid", "STRING", "UUID",
        '{"type": "string", "pattern": "^[0-9a-fA-F]{8}-...', "Annotated[str, Meta(...)]",
        ("json", "string"), "any 128 bits", "written in lower case, with hyphens",
    ),
    Row(
        t.BinaryType(), '"bytes"', "binary", "BYTES", "BLOB", '{"type": "string", "pattern": "^([A-Za-z0-9+/]{4})*...', "Annotated[str, Meta(...)]",
        ("base64",), "at most 64 KiB as sent", "standard alphabet, padded, canonical",
    ),
    Row(
        t.ListType(t.IntType()), '{"type": "array", "items": "int"}', '{"type": "list", "element-id": 1, "element": "int", "element-required": true}',
        "ARRAY<INT>", "INTEGER[]", f'{{"type": "array", "items": {_INT}}}', "list[...]",
        ("json", "string"), "of its elements", "an element is never null; encodings are its element's",
    ),
    Row(
        t.MapType(t.LongType()), '{"type": "map", "values": "long"}',
        '{"type": "map", "key-id": 1, "key": "string", "value-id": 2, "value": "long", "value-required": true}',
        "MAP<STRING, BIGINT>", "MAP(VARCHAR, BIGINT)", f'{{"type": "object", "additionalProperties": {_LONG}}}', "dict[str, ...]",
        ("json", "string"), "of its values", "keys are strings, values never null; of a key that is sent twice the first counts; encodings are its value's",
    ),
    Row(
        t.StructType((t.Member("a", t.IntType()), t.Member("b", t.ListType(t.StringType())))),
        '{"type": "record", "name": "x_record", "fields": [{"name": "a", "type": ["null", "int"], "default": null}, '
        '{"name": "b", "type": ["null", {"type": "array", "items": "string"}], "default": null}]}',
        '{"type": "struct", "fields": [{"id": 1, "name": "a", "required": false, "type": "int"}, {"id": 2, "name": "b", "required": false, '
        '"type": {"type": "list", "element-id": 3, "element": "string", "element-required": true}}]}',
        "ROW<`a` INT, `b` ARRAY<STRING>>", 'STRUCT("a" INTEGER, "b" VARCHAR[])',
        '{"type": "object", "properties": {"a": {"type": ["integer", "null"]...', "a class", ("json",), "of its members",
        "a member may be null or absent; keys that it does not name are dropped, and kept with the payload; epoch encodings are those of its moments",
    ),
)  # fmt: skip

_HEAD = """# Types

Iceberg's names, in contracts and everywhere else. What a type is in each target is one table in the code
(`codegen/tacet_codegen/ir/typetable.py`); this page is written from it, and a test compares every target with it. A type that one
target could not carry would be refused by the compiler for all.

`encoding` says how a value is written in the source, and is no other type; the first one named here is the default. `json` is JSON's
own form and is not written. A number with `encoding: string` is JSON's form of it between quotes: no leading zeros, no sign but a minus, a digit on either side of the
point (`"007"`, `"+1"` and `".5"` are out of format); a `decimal` has no exponent there.

| type | Avro | Iceberg | Flink | DuckDB | Python |
|---|---|---|---|---|---|
"""
_FORMS = """
In a table of Flink or DuckDB, in Avro and in Iceberg a column is nullable unless it is part of the identity or tacet's own. JSON Schema and
Python are what a producer sends: everything but the identity may be null or absent there, and so may the objects that it lies in, because what must be there is said by
`presence`, and judged with a reason. What `select` asks for in so many words is required, field or not (a message without it is another event's, and skipped): of
`$.type = 'order'` JSON Schema has a `const`, and the model a member that is always written, which `decode` asks for; of
`$.schema IN (2, 3)` the values to choose from. Both know texts and whole numbers that are joined by `AND`. Where `select` asks for more, or for something of a place that
a field reads, the docstring of `encode` and the event's page say so, and the sender sees to it.

| type | encodings | range | what is narrowed | JSON Schema |
|---|---|---|---|---|
"""
_FOOT = """
What may be written for a type: `decimal(p,s)` with 1 to 38 digits, `list<T>`, `map<string,T>` and `struct{name: T, ...}` of any of them,
nested at most eight deep; recursion cannot be written. `one_of` closes a `string`, `pattern` is for strings (what every engine's
regular expressions share: [expressions](expressions.md)), `range` is for numbers, dates, times and moments, both ends included, `null` for an open one;
of a `timestamptz` an offset is turned into UTC (`2026-01-31T23:59:59+02:00`).

A column's type may widen from one version to the next as Iceberg's may: `int` to `long`, `float` to `double`, `decimal(p,s)` to more
digits before the point, also inside of lists, maps and structs. Any other change of a draft is refused
by the table that has the column: give the new form a new name, or the table another one.
"""


def markdown() -> str:
    """Return docs/types.md."""
    forms = [(type_text(r.type), r.avro, r.iceberg, r.flink, r.duckdb, r.python) for r in TYPES]
    lines = "".join("| " + " | ".join(_code(cell) for cell in row) + " |\n" for row in forms)
    rows = [
        (_code(type_text(r.type)), ", ".join(map(_code, r.encodings)), r.range, r.narrowed, _code(r.jsonschema))
        for r in TYPES
    ]
    return _HEAD + lines + _FORMS + "".join("| " + " | ".join(row) + " |\n" for row in rows) + _FOOT


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")

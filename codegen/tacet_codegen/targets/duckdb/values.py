"""A JSON value -> a typed value, in SQL: which JSON types are read, how they are converted, what is tested then.

What SQL cannot convert exactly comes out NULL although it was sent; the runtime sees that and takes the strict path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_codegen.targets.duckdb.literals import identifier, literal, string, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.model import Field
    from tacet_runtime.plan.types import Type

EPOCHS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first moment of year 1 and the last of year 9999."""
_FLOAT_LIMIT = "3.4028235677973366e38::DOUBLE"
"""The least number that rounds to infinity in binary32."""
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = "-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?"


def is_nested(type_: Type) -> bool:
    """Tell whether a type holds others: such values take the strict path."""
    return isinstance(type_, t.ListType | t.MapType | t.StructType)


def json_reader_type(type_: Type, encoding: str) -> str:
    """Return the type that DuckDB's own JSON reader gives before the conversion; VARCHAR for what is text in JSON."""
    if encoding in EPOCHS:
        return "BIGINT"
    if encoding == "string":
        return "VARCHAR"
    match type_:
        case t.BooleanType() | t.IntType() | t.LongType() | t.DoubleType() | t.DecimalType():
            return type_name(type_)
        case t.FloatType():
            return "DOUBLE"
        case _:
            return "VARCHAR"


def json_types(type_: Type) -> tuple[str, ...]:
    """Return the JSON types, as DuckDB names them, of a type's plain form."""
    match type_:
        case t.BooleanType():
            return ("BOOLEAN",)
        case t.IntType() | t.LongType():
            return ("BIGINT", "UBIGINT")
        case t.FloatType() | t.DoubleType() | t.DecimalType():
            return ("BIGINT", "UBIGINT", "DOUBLE")
        case _:
            return ("VARCHAR",)


def read_from(field: Field) -> tuple[str, ...]:
    """Return the JSON types, as DuckDB names them, that a field's value is read from."""
    if field.encoding in EPOCHS:
        return ("BIGINT", "UBIGINT")
    if field.encoding == "string":
        return ("VARCHAR",)
    return ("BIGINT", "UBIGINT") if isinstance(field.type, t.DecimalType) else json_types(field.type)


def convert(field: Field, value: str) -> str:
    """Return SQL for the typed value; NULL where it cannot be had exactly."""
    type_, name = field.type, type_name(field.type)
    if value == "NULL":
        return f"CAST(NULL AS {name})"
    if field.path.root == "$index":
        return f"CAST({value} AS {name})"
    if field.encoding in EPOCHS:
        unit = EPOCHS[field.encoding]
        low, high = -(-FIRST // unit), LAST // unit
        return f"CASE WHEN {value} BETWEEN {low} AND {high} THEN make_timestamp({value} * {unit}) END"
    if field.encoding == "string":
        return _from_text(type_, value)
    match type_:
        case t.FloatType():
            return f"CASE WHEN abs({value}) < {_FLOAT_LIMIT} THEN CAST({value} AS FLOAT) END"
        case t.DoubleType():
            return f"CASE WHEN isfinite({value}) THEN {value} END"
        case t.BooleanType() | t.IntType() | t.LongType() | t.DecimalType() | t.StringType():
            return value
        case _:
            return _from_text(type_, value)


def _from_text(type_: Type, value: str) -> str:
    """Return SQL for a value that stands as text in JSON."""
    match type_:
        case t.StringType():
            return value
        case t.BooleanType():
            return f"CASE {value} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case t.IntType() | t.LongType():
            return _matching(value, _INTEGER, f"TRY_CAST({value} AS {type_name(type_)})")
        case t.FloatType():
            number = f"TRY_CAST({value} AS DOUBLE)"
            return _matching(
                value, _NUMBER, f"CASE WHEN abs({number}) < {_FLOAT_LIMIT} THEN CAST({number} AS FLOAT) END"
            )
        case t.DoubleType():
            number = f"TRY_CAST({value} AS DOUBLE)"
            return _matching(value, _NUMBER, f"CASE WHEN isfinite({number}) THEN {number} END")
        case t.DecimalType(_, scale):
            fraction = f"(?:[.][0-9]{{1,{scale}}})?" if scale else ""
            return _matching(value, f"{_INTEGER}{fraction}", f"TRY_CAST({value} AS {type_name(type_)})")
        case t.DateType():
            day = f"TRY_CAST({value} AS DATE)"
            return _matching(value, _DATE, f"CASE WHEN {day} >= DATE '0001-01-01' THEN {day} END")
        case t.TimeType():
            return _matching(value, _TIME, f"TRY_CAST({value} AS TIME)")
        case t.TimestampType():
            return _matching(value, f"{_DATE}T{_TIME}", _within(f"TRY_CAST({value} AS TIMESTAMP)"))
        case t.TimestamptzType():
            moment = f"make_timestamp(epoch_us(TRY_CAST({value} AS TIMESTAMPTZ)))"
            return _matching(value, f"{_DATE}T{_TIME}{_OFFSET}", _within(moment))
        case t.UuidType():
            found = f"TRY_CAST({value} AS UUID)"
            return f"CASE WHEN lower({value}) = CAST({found} AS VARCHAR) THEN {found} END"
        case t.BinaryType():
            data = f"TRY(from_base64({value}))"
            return f"CASE WHEN to_base64({data}) = {value} THEN {data} END"
        case t.ListType() | t.MapType() | t.StructType():
            return f"CAST(NULL AS {type_name(type_)})"
        case _:
            assert_never(type_)


def _matching(value: str, pattern: str, then: str) -> str:
    return f"CASE WHEN regexp_full_match({value}, {string(pattern)}) THEN {then} END"


def _within(moment: str) -> str:
    return f"CASE WHEN {moment} BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN {moment} END"


def tests(field: Field) -> Iterator[tuple[str, str]]:
    """Yield (reason, SQL that is TRUE when the typed value breaks the contract), in the order they are judged."""
    name = identifier(field.name)
    if field.one_of is not None:
        yield "one_of", f"{name} NOT IN ({', '.join(map(string, field.one_of))})"
    if field.pattern is not None:
        yield "format", f"NOT regexp_full_match({name}, {string(field.pattern)})"
    if field.range is not None:
        ends = [
            f"{name} {operator} {literal(Literal(field.type, end))}"
            for operator, end in (("<", field.range.low), (">", field.range.high))
            if end is not None
        ]
        if ends:
            yield "range", " OR ".join(ends)

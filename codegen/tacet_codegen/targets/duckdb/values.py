"""A value as the scanner reads it -> a typed value, in SQL, and what is tested then.

What SQL cannot convert exactly comes out NULL although it was sent; the runtime sees that and takes the strict path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_codegen.targets.duckdb.literals import identifier, literal, string, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Literal
from tacet_runtime.plan.forms import IN_SQL, form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.model import Field
    from tacet_runtime.plan.types import Encoding, Type

_FLOAT_LIMIT = "3.4028235677973366e38::DOUBLE"
"""The least number that rounds to infinity in binary32."""
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = "-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?"


def convert(type_: Type, encoding: Encoding, value: str) -> str:
    """Return SQL for the typed value of what was read; NULL where it cannot be had exactly."""
    return _from_text(type_, value) if form(type_, encoding) in IN_SQL else value


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

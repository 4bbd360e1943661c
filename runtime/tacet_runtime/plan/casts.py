"""Which type CAST turns into which, and whether a value can fail to. The meaning of each is `steps/expressions_cast.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.types import Type

Castable: TypeAlias = Literal["never", "always", "may_fail"]

_WHOLE = (t.IntType, t.LongType)
_MOMENTS = (t.DateType, t.TimestampType, t.TimestamptzType)
_EXACT = (*_WHOLE, t.DecimalType)

MEANINGS: tuple[tuple[str, str], ...] = (
    ("any plain type -> itself", "nothing happens"),
    ("int -> long; int, long -> decimal; long, decimal -> int, long", "toward zero; out of range is an error"),
    ("decimal -> decimal", "halves away from zero; more digits than there is room for are an error"),
    ("int, long, decimal, float -> double", "the nearest double"),
    ("double -> float", "the nearest float; above the largest is an error"),
    ("double, float -> int, long", "toward zero; out of range is an error"),
    ("string -> int, long", "an optional `-`, then ASCII digits; anything else is an error"),
    (
        "string -> decimal(p,s)",
        "an optional `-`, digits, and at most s fraction digits that are not trailing zeros; anything else is an error",
    ),
    ("string -> double", "as `-1.5e3` is written; anything else, or an infinite one, is an error"),
    ("string -> boolean", "`true` or `false`; anything else is an error"),
    ("string -> date", "`YYYY-MM-DD`; anything else is an error"),
    ("string -> uuid", "8-4-4-4-12 hexadecimal digits; anything else is an error"),
    (
        "int, long, decimal, boolean, date, uuid -> string",
        "digits with the scale's fraction; `true` or `false`; `YYYY-MM-DD`; lower case",
    ),
    ("date -> timestamp, timestamptz", "its midnight, UTC"),
    ("timestamp, timestamptz -> date, time", "its day, its time of day, UTC"),
    ("timestamp <-> timestamptz", "the same wall clock, UTC"),
)
"""What docs/expressions.md says of the table below."""


def castable(source: Type, target: Type) -> Castable:
    """Tell whether `CAST(source AS target)` exists, and whether a value can fail."""
    if source == target:
        return "never" if isinstance(source, t.ListType | t.MapType | t.StructType) else "always"
    match source, target:
        case t.IntType(), t.LongType() | t.DoubleType() | t.StringType():
            return "always"
        case t.LongType(), t.DoubleType() | t.StringType():
            return "always"
        case t.LongType() | t.DoubleType() | t.FloatType(), t.IntType():
            return "may_fail"
        case t.DoubleType() | t.FloatType(), t.LongType():
            return "may_fail"
        case ((t.IntType() | t.LongType()), t.DecimalType(p, s)):
            return "always" if p - s >= whole_digits(source) else "may_fail"
        case t.DecimalType(p, s), t.DecimalType(q, r):
            return "always" if q - r >= p - s + (r < s) else "may_fail"
        case t.DecimalType(p, s), t.IntType():
            return "always" if p - s <= 9 else "may_fail"
        case t.DecimalType(p, s), t.LongType():
            return "always" if p - s <= 18 else "may_fail"
        case t.DecimalType(), t.DoubleType() | t.StringType():
            return "always"
        case t.FloatType(), t.DoubleType():
            return "always"
        case t.DoubleType(), t.FloatType():
            return "may_fail"
        case t.StringType(), (
            t.IntType()
            | t.LongType()
            | t.DecimalType()
            | t.DoubleType()
            | t.BooleanType()
            | t.DateType()
            | t.UuidType()
        ):
            return "may_fail"
        case ((t.BooleanType() | t.DateType() | t.UuidType()), t.StringType()):
            return "always"
        case t.DateType(), t.TimestampType() | t.TimestamptzType():
            return "always"
        case ((t.TimestampType() | t.TimestamptzType()), t.DateType() | t.TimeType()):
            return "always"
        case ((t.TimestampType() | t.TimestamptzType()), t.TimestampType() | t.TimestamptzType()):
            return "always"
        case _:
            return "never"


def whole_digits(type_: Type) -> int:
    """Return how many digits before the point an exact number can have."""
    match type_:
        case t.IntType():
            return 10
        case t.LongType():
            return 19
        case t.DecimalType(p, s):
            return p - s
        case _:
            raise TypeError(type_)


def is_exact(type_: Type) -> bool:
    """Tell int, long and decimal from everything else."""
    return isinstance(type_, _EXACT)


def is_whole(type_: Type) -> bool:
    """Tell int and long from everything else."""
    return isinstance(type_, _WHOLE)


def is_float(type_: Type) -> bool:
    """Tell float and double from everything else."""
    return isinstance(type_, t.FloatType | t.DoubleType)


def is_ordered(type_: Type) -> bool:
    """Tell the types that `<` compares."""
    return is_exact(type_) or is_float(type_) or isinstance(type_, (*_MOMENTS, t.TimeType))


def is_plain(type_: Type) -> bool:
    """Tell the types that `=` compares."""
    return not isinstance(type_, t.ListType | t.MapType | t.StructType)


def spelled(type_: Type) -> str:
    """Write a type as contracts do."""
    match type_:
        case t.DecimalType(precision, scale):
            return f"decimal({precision},{scale})"
        case t.ListType(element):
            return f"list<{spelled(element)}>"
        case t.MapType(value):
            return f"map<string,{spelled(value)}>"
        case t.StructType(members):
            return "struct{" + ", ".join(f"{m.name}: {spelled(m.type)}" for m in members) + "}"
        case _:
            return type(type_).__name__.removesuffix("Type").lower()

"""Constants in Flink SQL: the only way text of a contract gets into a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Interval, Literal


def string(value: str) -> str:
    r"""Encode text. What is not printable ASCII is written as `U&'\\2028'`, so that a statement shows what it is."""
    if all(c.isprintable() and c.isascii() for c in value):
        return "'" + value.replace("'", "''") + "'"
    return "U&'" + "".join(_unicode(c) for c in value) + "'"


def _unicode(character: str) -> str:
    if character in "'\\":
        return character * 2
    if character.isprintable() and character.isascii():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))


def identifier(name: str) -> str:
    """Quote a name."""
    return "`" + name.replace("`", "``") + "`"


def type_name(type_: t.Type) -> str:
    """Return the type that an expression has inside a statement: an instant is a TIMESTAMP(6) in UTC."""
    match type_:
        case t.BooleanType():
            return "BOOLEAN"
        case t.FloatType():
            return "FLOAT"
        case t.DoubleType():
            return "DOUBLE"
        case t.DateType():
            return "DATE"
        case t.IntType():
            return "INT"
        case t.LongType():
            return "BIGINT"
        case t.DecimalType(precision, scale):
            return f"DECIMAL({precision}, {scale})"
        case t.TimeType():
            return "TIME(6)"
        case t.TimestampType() | t.TimestamptzType():
            return "TIMESTAMP(6)"
        case t.StringType() | t.UuidType():
            return "STRING"
        case t.BinaryType():
            return "BYTES"
        case t.ListType(element):
            return f"ARRAY<{type_name(element)}>"
        case t.MapType(value):
            return f"MAP<STRING, {type_name(value)}>"
        case t.StructType(members):
            return "ROW<" + ", ".join(f"{identifier(m.name)} {type_name(m.type)}" for m in members) + ">"
        case _:
            assert_never(type_)


def literal(constant: Literal) -> str:
    """Encode a constant, with its type where Flink would guess another."""
    value = constant.value
    if value is None:
        return f"CAST(NULL AS {type_name(constant.type)})"
    match constant.type:
        case t.StringType():
            return string(str(value))
        case t.BooleanType():
            return "TRUE" if value else "FALSE"
        case t.IntType():
            return f"({value})" if isinstance(value, int) and value < 0 else str(value)
        case t.DateType():
            return f"DATE '{value}'"
        case t.TimestampType() | t.TimestamptzType():
            return f"CAST(TIMESTAMP '{str(value).removesuffix('Z').replace('T', ' ')}' AS TIMESTAMP(6))"
        case t.TimeType():
            return f"TIME '{value}'"
        case _:
            return f"CAST('{value}' AS {type_name(constant.type)})"


def interval(span: Interval) -> str:
    """Encode an interval; the precision is said, because Flink's default takes two digits."""
    if span.months:
        sign, months = ("-" if span.months < 0 else ""), abs(span.months)
        return f"INTERVAL '{sign}{months // 12}-{months % 12}' YEAR(4) TO MONTH"
    sign, micros = ("-" if span.micros < 0 else ""), abs(span.micros)
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"INTERVAL '{sign}{day} {hour:02d}:{minute:02d}:{second:02d}.{fraction:06d}' DAY(7) TO SECOND(6)"

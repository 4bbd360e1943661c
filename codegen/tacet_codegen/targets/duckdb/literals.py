"""Constants in DuckDB's SQL: the only way text of a contract gets into a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Interval, Literal


def string(value: str) -> str:
    """Encode text; what is not printable is written as `chr(n)`, so that a statement shows what it is."""
    pieces: list[str] = []
    plain = ""
    for character in value:
        if character.isprintable():
            plain += character.replace("'", "''")
            continue
        if plain:
            pieces.append(f"'{plain}'")
        pieces.append(f"chr({ord(character)})")
        plain = ""
    if plain or not pieces:
        pieces.append(f"'{plain}'")
    return pieces[0] if len(pieces) == 1 and pieces[0][0] == "'" else f"({' || '.join(pieces)})"


def identifier(name: str) -> str:
    """Quote a name."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def type_name(type_: t.Type) -> str:
    """Return the type that holds such values inside the engine: an instant is a TIMESTAMP in UTC."""
    match type_:
        case t.BooleanType():
            return "BOOLEAN"
        case t.IntType():
            return "INTEGER"
        case t.LongType():
            return "BIGINT"
        case t.FloatType():
            return "FLOAT"
        case t.DoubleType():
            return "DOUBLE"
        case t.DecimalType(precision, scale):
            return f"DECIMAL({precision},{scale})"
        case t.DateType():
            return "DATE"
        case t.TimeType():
            return "TIME"
        case t.TimestampType() | t.TimestamptzType():
            return "TIMESTAMP"
        case t.StringType():
            return "VARCHAR"
        case t.UuidType():
            return "UUID"
        case t.BinaryType():
            return "BLOB"
        case t.ListType(element):
            return f"{type_name(element)}[]"
        case t.MapType(value):
            return f"MAP(VARCHAR, {type_name(value)})"
        case t.StructType(members):
            return "STRUCT(" + ", ".join(f"{identifier(m.name)} {type_name(m.type)}" for m in members) + ")"
        case _:
            assert_never(type_)


def literal(constant: Literal) -> str:
    """Encode a constant, with its type where SQL would guess another."""
    value = constant.value
    if value is None:
        return f"CAST(NULL AS {type_name(constant.type)})"
    match constant.type:
        case t.StringType():
            return string(str(value))
        case t.BooleanType():
            return "TRUE" if value else "FALSE"
        case t.IntType() if isinstance(value, int) and value > -(2**31):
            return f"({value})" if value < 0 else str(value)
        case t.DoubleType() | t.FloatType():
            return f"CAST('{float(value)!r}' AS {type_name(constant.type)})"
        case t.DateType() | t.TimeType() | t.TimestampType() | t.TimestamptzType():
            return f"{type_name(constant.type)} '{str(value).removesuffix('Z').replace('T', ' ')}'"
        case _:
            return f"CAST('{value}' AS {type_name(constant.type)})"


def interval(span: Interval) -> str:
    """Encode an interval."""
    return f"INTERVAL '{span.months} months'" if span.months else f"INTERVAL '{span.micros} microseconds'"

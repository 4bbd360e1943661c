"""Types and paths written as the contract language writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.types import Type

_PLAIN_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


def type_text(type_: Type) -> str:
    """Write a type."""
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
            return f"decimal({precision},{scale})"
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
            return f"list<{type_text(element)}>"
        case t.MapType(value):
            return f"map<string,{type_text(value)}>"
        case t.StructType(members):
            return "struct{" + ", ".join(f"{m.name}: {type_text(m.type)}" for m in members) + "}"
        case _:
            assert_never(type_)


def path_text(path: Path) -> str:
    """Write a path."""
    return path.root + "".join(f".{step if _PLAIN_STEP.fullmatch(step) else _quoted(step)}" for step in path.steps)


def _quoted(step: str) -> str:
    escaped = step.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

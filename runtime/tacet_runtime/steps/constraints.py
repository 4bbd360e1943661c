"""What a contract demands of a value beyond its type, in this order: `one_of`, `pattern`, `range`."""

from __future__ import annotations

import datetime as dt
import re
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.steps.typing import Wrong, typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tacet_runtime.plan.model import Bounds, Field, TableColumn
    from tacet_runtime.plan.types import Type
    from tacet_runtime.steps.typing import Typer


def field_typer(field: Field, string_bytes: int) -> Typer:
    """Return the function that types a raw field: its type first, then `one_of`, `pattern` and `range`."""
    base = typer(field.type, field.encoding, string_bytes)
    checks = demands(field)
    if not checks:
        return base

    def typed(value: Any) -> Any:
        result = base(value)
        for check in checks:
            check(result)
        return result

    return typed


def demands(field: Field | TableColumn) -> list[Callable[[Any], None]]:
    """Return what a typed value is put through; each raises Wrong."""
    return [check for check in (_closed(field), _matching(field), _within(field)) if check is not None]


def _closed(field: Field | TableColumn) -> Callable[[Any], None] | None:
    if field.one_of is None:
        return None
    symbols = frozenset(field.one_of)

    def check(value: str) -> None:
        if value not in symbols:
            raise Wrong("one_of")

    return check


def _matching(field: Field | TableColumn) -> Callable[[Any], None] | None:
    if field.pattern is None:
        return None
    pattern = re.compile(field.pattern, re.ASCII)

    def check(value: str) -> None:
        if pattern.fullmatch(value) is None:
            raise Wrong("format")

    return check


def _within(field: Field | TableColumn) -> Callable[[Any], None] | None:
    if field.range is None:
        return None
    low, high = bounds(field.range, field.type)

    def check(value: Any) -> None:
        if (low is not None and value < low) or (high is not None and value > high):
            raise Wrong("range")

    return check


def bounds(limits: Bounds, type_: Type) -> tuple[Any, Any]:
    """Return both limits as values of the type; None for an open end."""
    return limit(limits.low, type_), limit(limits.high, type_)


def limit(value: float | str | None, type_: Type) -> Any:
    """Return JSON's form of a value, as the plan has it, as a value of the type."""
    if value is None:
        return None
    match type_:
        case t.DecimalType():
            return Decimal(str(value))
        case t.DateType():
            return dt.date.fromisoformat(str(value))
        case t.TimeType():
            return dt.time.fromisoformat(str(value))
        case t.TimestampType() | t.TimestamptzType():
            return dt.datetime.fromisoformat(str(value))
        case t.FloatType():
            return struct.unpack("f", struct.pack("f", float(value)))[0]
        case _:
            return value

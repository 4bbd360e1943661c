"""Typed expressions, closed: what the compiler's checker produces and every engine means the same by.

The meaning of each function is `steps/expressions.py` (the interpreter); SQL text is the renderers' business.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tacet_runtime.plan.types import Type


class Literal(msgspec.Struct, frozen=True, tag="literal", tag_field="node"):
    """A constant. `value` is JSON's form of it: decimals, dates, times and timestamps as text; None is a typed NULL."""

    type: Type
    value: bool | int | float | str | None


class Interval(msgspec.Struct, frozen=True, tag="interval", tag_field="node"):
    """A span of time: whole months, and microseconds (a day is 24 hours: everything is UTC)."""

    months: int
    micros: int


class Column(msgspec.Struct, frozen=True, tag="column", tag_field="node"):
    """A field of the row (`quantity`), or of a looked-up row (`market.currency`)."""

    name: str
    type: Type


class PathValue(msgspec.Struct, frozen=True, tag="path", tag_field="node"):
    """A value of the message itself (`$.type`), in `select` only; NULL when absent, null or of another JSON type."""

    path: Path
    type: Type


class Call(msgspec.Struct, frozen=True, tag="call", tag_field="node"):
    """An operator or function of the closed list, by its one name."""

    function: str
    args: tuple[Expression, ...]
    type: Type


class Cast(msgspec.Struct, frozen=True, tag="cast", tag_field="node"):
    """A conversion of the closed list; a value that does not fit is an expression error: NULL."""

    arg: Expression
    type: Type


class When(msgspec.Struct, frozen=True):
    """One branch of a CASE."""

    condition: Expression
    result: Expression


class Case(msgspec.Struct, frozen=True, tag="case", tag_field="node"):
    """CASE, lazy; a simple CASE has been turned into comparisons. `otherwise` None is NULL."""

    whens: tuple[When, ...]
    otherwise: Expression | None
    type: Type


class Path(msgspec.Struct, frozen=True):
    """Where a value stands: root `$` (message), `$item` (exploded element) or `$index` (its position), then keys."""

    root: str
    steps: tuple[str, ...] = ()


Expression: TypeAlias = Literal | Interval | Column | PathValue | Call | Cast | Case

"""`one_of`, `range`, `pattern`: what a value may be beyond its type, checked against that type."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.expressions.patterns import Unportable, whole
from tacet_codegen.ir.model import Constraint
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_runtime.plan.types import Type

MAX_SYMBOLS = 10_000
Limit = int | float | str | None
_DIGITS = Context(prec=80)

_RANGED: Mapping[type[Type], str] = {
    t.IntType: "100",
    t.LongType: "100",
    t.FloatType: "0.5",
    t.DoubleType: "0.5",
    t.DecimalType: "0",
    t.DateType: "2026-01-31",
    t.TimeType: "23:59:59",
    t.TimestampType: "2026-01-31T23:59:59",
    t.TimestamptzType: "2026-01-31T23:59:59Z",
}
"""The types that have a range, each with a value."""


def read_constraint(
    one_of: Node | None, range_: Node | None, pattern: Node | None, type_: Type | None, problems: Problems
) -> Constraint:
    """Read the three keys of a field; what is wrong is left out."""
    return Constraint(
        one_of=_one_of(one_of, type_, problems) if one_of is not None else None,
        range=_range(range_, type_, problems) if range_ is not None else None,
        pattern=_pattern(pattern, type_, problems) if pattern is not None else None,
    )


def _one_of(node: Node, type_: Type | None, problems: Problems) -> tuple[str, ...] | None:
    symbols = reading.texts(node, "one_of", problems)
    if type_ is not None and not isinstance(type_, t.StringType):
        problems.add("E214", "one_of closes a string, and this field is none", node.span, "remove it, or use `range`")
        return None
    if not symbols or len(symbols) > MAX_SYMBOLS:
        problems.add("E214", f"one_of has {len(symbols)} symbols", node.span, f"list 1 to {MAX_SYMBOLS}")
        return None
    seen: dict[str, Scalar] = {}
    for symbol in symbols:
        if symbol.value in seen:
            problems.add("E214", f"`{reading.cut(symbol.value)}` stands twice in one_of", symbol.span, "remove one")
        if len(symbol.value) > 256:
            problems.add("E214", f"a symbol of {len(symbol.value)} characters", symbol.span, "at most 256")
        seen[symbol.value] = symbol
    return tuple(seen)


def _range(node: Node, type_: Type | None, problems: Problems) -> Bounds | None:
    ends = reading.elements(node, "range", problems)
    if len(ends) != 2:
        problems.add(
            "E213",
            f"range has {len(ends)} ends",
            node.span,
            "write `[low, high]`, both included; `null` for an open end",
        )
        return None
    if type_ is None:
        return None
    if not isinstance(type_, tuple(_RANGED)):
        problems.add(
            "E213",
            "range on a type without order",
            node.span,
            "numbers, dates and times have ranges; use `one_of` or `pattern` for strings",
        )
        return None
    low, high = (_limit(end, type_, problems) for end in ends)
    if low is _BAD or high is _BAD:
        return None
    bounds = Bounds(low, high)  # type: ignore[arg-type]
    if low is not None and high is not None and _after(low, high, type_):
        problems.add("E213", f"range from `{low}` to `{high}` is empty", node.span, "put the smaller end first")
        return None
    return bounds


_BAD = object()


def _limit(node: Node, type_: Type, problems: Problems) -> Limit | object:
    found = reading.scalar(node, "range", problems)
    if found is None:
        return _BAD
    if found.plain and found.value in {"null", "~"}:
        return None
    try:
        return _value(found.value, type_)
    except (ValueError, OverflowError, InvalidOperation):
        problems.add(
            "E213",
            f"range end `{reading.cut(found.value)}` is no value of the field's type",
            found.span,
            f"write a value of the field's type, for example `{_RANGED[type(type_)]}`, or `null`",
        )
        return _BAD


def _value(text: str, type_: Type) -> Limit:
    """Return JSON's form of a limit. Raises ValueError when the text is no value of the type."""
    match type_:
        case t.IntType() | t.LongType():
            bits = 31 if isinstance(type_, t.IntType) else 63
            if not re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", text) or not -(2**bits) <= int(text) < 2**bits:
                raise ValueError
            return int(text)
        case t.FloatType() | t.DoubleType():
            if not re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?", text) or not math.isfinite(
                float(text)
            ):
                raise ValueError
            return float(text) + 0.0
        case t.DecimalType(precision, scale):
            return _decimal(text, precision, scale)
        case t.DateType():
            return dt.date.fromisoformat(text).isoformat() if len(text) == 10 else _raise()
        case t.TimeType():
            return (
                dt.time.fromisoformat(text).isoformat("microseconds")
                if re.fullmatch(r"\d\d:\d\d:\d\d(\.\d{1,6})?", text, re.ASCII)
                else _raise()
            )
        case t.TimestampType():
            return _moment(text, zoned=False)
        case t.TimestamptzType():
            return _moment(text, zoned=True)
        case _:
            raise ValueError


def _raise() -> str:
    raise ValueError


def _decimal(text: str, precision: int, scale: int) -> str:
    if not re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", text):
        raise ValueError
    value = Decimal(text)
    exact = value.quantize(Decimal(1).scaleb(-scale), context=_DIGITS) if abs(value) < Decimal(10) ** 38 else _raise()
    if exact != value or len(Decimal(exact).as_tuple().digits) > precision:
        raise ValueError
    return f"{exact:f}"  # never an exponent: every target reads it


def _moment(text: str, *, zoned: bool) -> str:
    """Return the canonical form of what expressions take, too: an offset is turned into UTC."""
    shape = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?" + (r"(Z|[+-]\d\d:\d\d)" if zoned else "")
    if not re.fullmatch(shape, text, re.ASCII):
        raise ValueError
    value = dt.datetime.fromisoformat(text)
    value = value.astimezone(dt.UTC).replace(tzinfo=None) if zoned else value
    return value.isoformat(timespec="microseconds") + ("Z" if zoned else "")


def _after(low: object, high: object, type_: Type) -> bool:
    """Tell whether the range is empty; ISO texts of one width compare as their values do."""
    if isinstance(type_, t.IntType | t.LongType | t.FloatType | t.DoubleType | t.DecimalType):
        return Decimal(str(low)) > Decimal(str(high))
    return str(low) > str(high)


def _pattern(node: Node, type_: Type | None, problems: Problems) -> str | None:
    found = reading.text(node, "pattern", problems)
    if found is None:
        return None
    if type_ is not None and not isinstance(type_, t.StringType):
        problems.add("E215", "pattern on a field that is no string", node.span, "remove it, or use `range`")
        return None
    try:
        return whole(found.value)
    except Unportable as error:
        problems.add(
            "E215",
            f"pattern `{reading.cut(found.value)}`: {error}",
            found.span,
            "use what every engine has: classes, plain groups, alternatives, counts (docs/expressions.md)",
        )
        return None

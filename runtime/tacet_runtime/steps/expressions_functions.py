"""The meaning of each function and operator over values that are not NULL. The list with words is `plan/functions.py`."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.functions import MICROS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tacet_runtime.plan.expressions import Interval

_EXACT = Context(prec=100)
_WHOLE_DOUBLES = 2**53
"""From here on a double has no fraction."""
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  (wall clock, UTC throughout)
_LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})
_UPPER = str.maketrans({chr(c): chr(c - 32) for c in range(ord("a"), ord("z") + 1)})


class Failed(Exception):  # noqa: N818  (a value of the language: an expression error)
    """The operation has no result in its type."""


def fitting(value: Any, type_: t.Type) -> Any:
    """Return a number when it lies in its type's range. Raises Failed."""
    match type_:
        case t.IntType():
            ok = -(2**31) <= value < 2**31
        case t.LongType():
            ok = -(2**63) <= value < 2**63
        case t.DecimalType(precision, scale):
            value = value.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
            ok = value.scaleb(scale, context=_EXACT).copy_abs() < 10**precision
            value = _unsigned_zero(value)
        case _:
            ok = math.isfinite(value)
    if not ok:
        raise Failed
    return value


def _unsigned_zero(value: Decimal) -> Decimal:
    """Return zero without its sign, which engines' decimals do not have; other values as they are."""
    return value or value.copy_abs()


def _add(type_: t.Type, a: Any, b: Any) -> Any:
    return fitting(_EXACT.add(a, b) if isinstance(a, Decimal) else a + b, type_)


def _sub(type_: t.Type, a: Any, b: Any) -> Any:
    return fitting(_EXACT.subtract(a, b) if isinstance(a, Decimal) else a - b, type_)


def _mul(type_: t.Type, a: Any, b: Any) -> Any:
    return fitting(_EXACT.multiply(a, b) if isinstance(a, Decimal) else a * b, type_)


def _div(type_: t.Type, a: Any, b: Any) -> Any:
    if b == 0:
        raise Failed
    if isinstance(a, float):
        return fitting(a / b, type_)
    quotient = abs(a) // abs(b)
    return fitting(quotient if (a < 0) == (b < 0) else -quotient, type_)


def _mod(_: t.Type, a: int, b: int) -> int:
    if b == 0:
        raise Failed
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def _whole(rounding: str) -> Callable[..., Any]:
    def whole(_: t.Type, value: Any) -> Any:
        if isinstance(value, float):
            return float(Decimal(value).to_integral_value(rounding, _EXACT)) if abs(value) < _WHOLE_DOUBLES else value
        return _unsigned_zero(value.to_integral_value(rounding, _EXACT))

    return whole


def _extract(_: t.Type, unit: str, value: Any) -> int:
    match unit:
        case "quarter":
            return (int(value.month) + 2) // 3
        case "doy":
            return int(value.timetuple().tm_yday)
        case "isodow":
            return int(value.isoweekday())
        case _:
            return int(getattr(value, unit))


def _date_trunc(_: t.Type, unit: str, value: Any) -> Any:
    """Set everything below the unit to its first."""
    units = ("year", "quarter", "month", "day", "hour", "minute", "second")
    below = units[units.index(unit) + 1 :]
    first: dict[str, Any] = {u: int(u in {"month", "day"}) for u in below if u != "quarter"}
    if unit == "quarter":
        first["month"] = (value.month - 1) // 3 * 3 + 1
    if isinstance(value, dt.datetime):
        return value.replace(**first, microsecond=0)
    return value.replace(**{u: n for u, n in first.items() if u in {"month", "day"}})


def micros(value: Any) -> int:
    """Return microseconds since 1970 of a date or datetime, UTC."""
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - _EPOCH) // dt.timedelta(microseconds=1)
    return (int(value.toordinal()) - _EPOCH.toordinal()) * MICROS["day"]


def _timestampdiff(type_: t.Type, unit: str, a: Any, b: Any) -> int:
    return int(_div(type_, micros(b) - micros(a), MICROS[unit]))


def _add_interval(_: t.Type, value: Any, span: Interval) -> Any:
    try:
        if span.months:
            value = _months_later(value, span.months)
        return value + dt.timedelta(microseconds=span.micros)
    except (OverflowError, ValueError) as error:
        raise Failed from error


def _months_later(value: Any, months: int) -> Any:
    """Keep the day of the month, or take the month's last."""
    count = value.year * 12 + value.month - 1 + months
    year, month = divmod(count, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise Failed
    day = min(value.day, calendar.monthrange(year, month + 1)[1])
    return value.replace(year=year, month=month + 1, day=day)


@lru_cache(maxsize=1024)
def _like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    out, i = "", 0
    while i < len(pattern):
        character = pattern[i]
        if character == escape:
            i += 1
            out += re.escape(pattern[i])
        else:
            out += {"%": ".*", "_": "."}.get(character, re.escape(character))
        i += 1
    return re.compile(out, re.DOTALL)


def _like(_: t.Type, value: str, pattern: str, escape: str | None = None) -> bool:
    return _like_pattern(pattern, escape).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a portable pattern; `$` is the very end, which Python writes `\Z`."""
    parts = re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|.", pattern, re.DOTALL)
    return re.compile("".join(r"\Z" if p == "$" else p for p in parts), re.ASCII)


def _right(_: t.Type, value: str, count: int) -> str:
    return value[max(len(value) - count, 0) :]


def _substring(_: t.Type, value: str, start: int, count: int | None = None) -> str:
    return value[start - 1 :] if count is None else value[start - 1 : start - 1 + count]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda _, a: not a,
    "eq": lambda _, a, b: a == b,
    "ne": lambda _, a, b: a != b,
    "lt": lambda _, a, b: a < b,
    "le": lambda _, a, b: a <= b,
    "gt": lambda _, a, b: a > b,
    "ge": lambda _, a, b: a >= b,
    "like": _like,
    "greatest": lambda _, *args: max(args),
    "least": lambda _, *args: min(args),
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "mod": _mod,
    "neg": lambda type_, a: fitting(a.copy_negate() if isinstance(a, Decimal) else -a, type_),
    "abs": lambda type_, a: fitting(a.copy_abs() if isinstance(a, Decimal) else abs(a), type_),
    "sign": lambda _, a: (a > 0) - (a < 0),
    "floor": _whole(ROUND_FLOOR),
    "ceil": _whole(ROUND_CEILING),
    "round": _whole(ROUND_HALF_UP),
    "concat": lambda _, *args: "".join(args),
    "lower": lambda _, a: a.translate(_LOWER),
    "upper": lambda _, a: a.translate(_UPPER),
    "length": lambda _, a: len(a),
    "substring": _substring,
    "left": lambda _, a, n: a[:n],
    "right": _right,
    "trim": lambda _, a: a.strip(" "),
    "ltrim": lambda _, a: a.lstrip(" "),
    "rtrim": lambda _, a: a.rstrip(" "),
    "starts_with": lambda _, a, b: a.startswith(b),
    "ends_with": lambda _, a, b: a.endswith(b),
    "position": lambda _, a, b: b.find(a) + 1,
    "replace": lambda _, a, old, new: a.replace(old, new),
    "regexp_like": lambda _, a, pattern: _pattern(pattern).search(a) is not None,
    "extract": _extract,
    "date_trunc": _date_trunc,
    "timestampdiff": _timestampdiff,
    "add_interval": _add_interval,
    "cardinality": lambda _, a: len(a),
    "array_contains": lambda _, a, b: b in a,
}
"""Name -> what it does with the result's type and its arguments."""

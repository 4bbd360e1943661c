"""Constants: from what is written to a typed Literal, and from one type to another where nothing is lost."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Context, Decimal

from tacet_codegen.frontend.expressions.problems import Refused
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Interval, Literal

INT = t.IntType()
LONG = t.LongType()
DOUBLE = t.DoubleType()
STRING = t.StringType()
BOOLEAN = t.BooleanType()
_EXACT = Context(prec=100)
_MAX_MONTHS = 9999 * 12
_MAX_MICROS = 9999 * 366 * 86_400_000_000
_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_MICROS = {
    "WEEK": 604_800_000_000,
    "DAY": 86_400_000_000,
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
}


def number(text: str, at: int) -> Literal:
    """Type a number: int, else long; with a point decimal; with an exponent double."""
    if "e" in text.lower():
        value = float(text)
        if math.isinf(value):
            raise Refused("E508", f"`{text}` is larger than any double", at, "the largest is 1.797e308")
        return Literal(DOUBLE, value)
    if "." in text:
        return _decimal(text, at)
    whole = int(text) if len(text) <= 40 else 10**40
    return integer(whole, text, at)


def integer(value: int, text: str, at: int) -> Literal:
    """Type a whole number."""
    if -(2**31) <= value < 2**31:
        return Literal(INT, value)
    if -(2**63) <= value <= 2**63:
        return Literal(LONG, value)
    raise Refused(
        "E508",
        f"`{text}` is out of the range of long",
        at,
        "write it as text and CAST it to decimal, or use a smaller number",
    )


def _decimal(text: str, at: int) -> Literal:
    whole, fraction = text.split(".")
    whole = whole.lstrip("0") or "0"
    precision, scale = len(whole.strip("0") and whole) + len(fraction), len(fraction)
    if precision > 38:
        raise Refused("E508", f"`{text}` has more than 38 digits", at, "write fewer digits, or a double: `1.5e0`")
    return Literal(t.DecimalType(max(precision, 1), scale), f"{whole}.{fraction}")


def negated(literal: Literal, at: int) -> Literal | None:
    """Return the opposite number, or None when it is no number."""
    match literal:
        case Literal(t.IntType() | t.LongType(), int() as value):
            return integer(-value, str(-value), at)
        case Literal(t.DoubleType(), float() as value):
            return Literal(DOUBLE, -value)
        case Literal(t.DecimalType() as type_, str() as value):
            return Literal(type_, value.removeprefix("-") if value.startswith("-") else f"-{value}")
        case _:
            return None


def in_range(literal: Literal, at: int) -> Literal:
    """Return a constant as it is. Raises Refused for the one long that can only be written to be negated: 9223372036854775808."""
    if literal.type == LONG and literal.value == 2**63:
        raise Refused(
            "E508", f"`{literal.value}` is out of the range of long", at, "the largest is 9223372036854775807"
        )
    return literal


def moment(kind: str, text: str, at: int) -> Literal:
    """Type `DATE '2026-01-31'` and the like; the value is kept in one canonical form."""
    form = {
        "date": r"\d{4}-\d\d-\d\d",
        "time": r"\d\d:\d\d:\d\d(\.\d{1,6})?",
        "timestamp": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?",
        "timestamptz": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)",
    }[kind]
    hint = {
        "date": "write `DATE '2026-01-31'`",
        "time": "write `TIME '23:59:59'`",
        "timestamp": "write `TIMESTAMP '2026-01-31 23:59:59'`",
        "timestamptz": "write `TIMESTAMPTZ '2026-01-31 23:59:59Z'`",
    }[kind]
    try:
        literal = _moment(kind, text) if re.fullmatch(form, text, re.ASCII) else None
    except (ValueError, OverflowError):
        literal = None
    if literal is None:
        raise Refused("E508", f"`{text}` is no {kind}", at, hint)
    return literal


def _moment(kind: str, text: str) -> Literal:
    match kind:
        case "date":
            return Literal(t.DateType(), dt.date.fromisoformat(text).isoformat())
        case "time":
            return Literal(t.TimeType(), dt.time.fromisoformat(text).isoformat())
        case "timestamp":
            return Literal(t.TimestampType(), dt.datetime.fromisoformat(text).isoformat())
        case _:
            value = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
            return Literal(t.TimestamptzType(), value.replace(tzinfo=None).isoformat() + "Z")


def interval(text: str, unit: str, at: int) -> Interval:
    """Read `INTERVAL '1' DAY`: whole units, seconds with a fraction of up to six digits."""
    form = r"[+-]?[0-9]{1,18}(\.[0-9]{1,6})?" if unit == "SECOND" else r"[+-]?[0-9]{1,18}"
    if not re.fullmatch(form, text):
        raise Refused(
            "E508", f"`{text}` is no number of {unit}s", at, "write whole units in quotes: `INTERVAL '1' DAY`"
        )
    if unit in _MONTHS:
        months = int(text) * _MONTHS[unit]
        if abs(months) > _MAX_MONTHS:
            raise Refused("E508", f"`{text}` {unit}s are longer than time lasts here", at, "years go from 1 to 9999")
        return Interval(months, 0)
    micros = int(Decimal(text) * _MICROS[unit])
    if abs(micros) > _MAX_MICROS:
        raise Refused("E508", f"`{text}` {unit}s are longer than time lasts here", at, "years go from 1 to 9999")
    return Interval(0, micros)


def converted(literal: Literal, target: t.Type) -> Literal | None:
    """Return the same number as a literal of another type when nothing is lost, or None."""
    value = literal.value
    if value is None:
        return Literal(target, None)
    match literal.type, target:
        case ((t.IntType() | t.LongType()), t.IntType()) if isinstance(value, int) and -(2**31) <= value < 2**31:
            return Literal(target, value)
        case ((t.IntType() | t.LongType()), t.LongType()):
            return Literal(target, value)
        case ((t.IntType() | t.LongType()), t.DoubleType()) if isinstance(value, int) and abs(value) <= 2**53:
            return Literal(target, float(value))
        case t.DecimalType(), t.DoubleType() if isinstance(value, str):
            return Literal(target, float(value))
        case ((t.IntType() | t.LongType() | t.DecimalType()), t.DecimalType(p, s)):
            return _rescaled(Decimal(str(value)), p, s)
        case _:
            return None


def _rescaled(value: Decimal, precision: int, scale: int) -> Literal | None:
    unscaled = value.scaleb(scale, context=_EXACT)
    if unscaled != unscaled.to_integral_value(context=_EXACT) or unscaled.copy_abs() >= 10**precision:
        return None
    digits = str(abs(int(unscaled))).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return Literal(t.DecimalType(precision, scale), f"-{text}" if value < 0 else text)

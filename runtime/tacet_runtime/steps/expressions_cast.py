"""What CAST does with a value that is not NULL. Which casts there are is `plan/casts.py`."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from tacet_runtime.plan import types as t
from tacet_runtime.steps.expressions_functions import Failed, fitting

_EXACT = Context(prec=100)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def cast(value: Any, source: t.Type, target: t.Type) -> Any:
    """Convert. Raises Failed when the value has no counterpart in the target type."""
    if source == target:
        return value
    match target:
        case t.IntType() | t.LongType():
            return fitting(_whole(value), target)
        case t.DecimalType(_, scale):
            return _decimal(value, target, scale)
        case t.DoubleType():
            return fitting(float(_matching(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value)), target)
        case t.FloatType():
            return _single(value)
        case t.BooleanType():
            return _matching("true|false", value) == "true"
        case t.StringType():
            return _text(value)
        case t.UuidType():
            if not _UUID.fullmatch(value):
                raise Failed
            return value.lower()
        case _:
            return _moment(value, target)


def _matching(pattern: str, value: Any) -> Any:
    """Return numbers as they are, and text that fits the pattern."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        raise Failed
    return value


def _whole(value: Any) -> int:
    if isinstance(value, str):
        digits = _matching("-?[0-9]+", value)
        if len(digits.lstrip("-0")) > 20:
            raise Failed
        return int(Decimal(digits))
    whole: int = math.trunc(value)
    return whole


def _decimal(value: Any, target: t.Type, scale: int) -> Decimal:
    if isinstance(value, str):
        fraction = rf"(\.[0-9]{{1,{scale}}}0*|\.0+)?" if scale else r"(\.0+)?"
        digits = Decimal(_matching("-?[0-9]+" + fraction, value))
        if digits.adjusted() > 40:
            raise Failed
    else:
        digits = Decimal(value)
    rounded = digits.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=_EXACT)
    result = fitting(rounded, target)
    if not isinstance(result, Decimal):
        raise TypeError(result)
    return result


def _single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError as error:
        raise Failed from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _moment(value: Any, target: t.Type) -> Any:
    """Between dates, times and timestamps, and from text to a date."""
    match target, value:
        case t.DateType(), str():
            return _date(value)
        case t.DateType(), dt.datetime():
            return value.date()
        case t.TimeType(), dt.datetime():
            return value.time()
        case t.TimestampType(), dt.datetime():
            return value.replace(tzinfo=None)
        case t.TimestamptzType(), dt.datetime():
            return value.replace(tzinfo=dt.UTC)
        case t.TimestampType(), dt.date():
            return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
        case t.TimestamptzType(), dt.date():
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        case _:
            raise TypeError(target, value)


def _date(value: str) -> dt.date:
    try:
        return dt.date.fromisoformat(_matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value))
    except ValueError as error:
        raise Failed from error

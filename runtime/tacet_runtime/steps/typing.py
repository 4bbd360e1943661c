"""JSON value -> typed value, or the reason why not. Nothing is coerced: `1.0`, `"1"` and `true` are no integers.

What a contract demands beyond the type (`one_of`, `pattern`, `range`) is `steps/constraints.py`.

Python forms: bool, int, float, Decimal (with the type's scale), date, time, naive datetime, aware UTC datetime, str,
str in lower case for a UUID, bytes, list, dict for a map and a struct.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, assert_never

from tacet_runtime.plan import types as t
from tacet_runtime.steps.strict_json import Number, WholeNumber

if TYPE_CHECKING:
    from tacet_runtime.plan.types import Encoding, Type

Reason: TypeAlias = Literal["type", "range", "format", "one_of", "too_large"]
Typer: TypeAlias = Callable[[Any], Any]
"""Takes a decoded JSON value that is not null; returns the typed value or raises Wrong."""


class Wrong(Exception):  # noqa: N818
    """The value is not of its field: `type`, `range`, `format`, `one_of`, or `too_large`.

    Made anew each time: a shared instance would gather a traceback at every raise, and with it the message.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?")
_MOMENT = re.compile(rf"({_DATE.pattern})T({_TIME.pattern})(Z|[+-][0-9]{{2}}:[0-9]{{2}})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  (naive on purpose: everything inside is UTC)
_FIRST = -62_135_596_800_000_000
_LAST = 253_402_300_799_999_999
"""Microseconds since 1970 of the first moment of year 1 and the last of year 9999."""
_MICROS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
_FLOAT_MAX = 3.4028234663852886e38
MAX_DIGITS = 4_000
"""More digits than any type holds: longer texts are out of range without being computed."""


def typer(type_: Type, encoding: Encoding, string_bytes: int) -> Typer:
    """Return the function that types a value of this type in this encoding; leaves of nested types take it over."""
    match type_:
        case t.BooleanType():
            return _boolean_text if encoding == "string" else _boolean
        case t.IntType():
            return _whole(-(2**31), 2**31 - 1, encoding)
        case t.LongType():
            return _whole(-(2**63), 2**63 - 1, encoding)
        case t.FloatType():
            return _floating(_single, encoding)
        case t.DoubleType():
            return _floating(float, encoding)
        case t.DecimalType(precision, scale):
            return _decimal(precision, scale, encoding)
        case t.DateType():
            return _date
        case t.TimeType():
            return _time
        case t.TimestampType():
            return _epoch(_MICROS[encoding], None) if encoding in _MICROS else _timestamp
        case t.TimestamptzType():
            return _epoch(_MICROS[encoding], dt.UTC) if encoding in _MICROS else _timestamptz
        case t.StringType():
            return _string(string_bytes)
        case t.UuidType():
            return _uuid
        case t.BinaryType():
            return _binary(string_bytes)
        case t.ListType(element):
            return _list(typer(element, encoding, string_bytes))
        case t.MapType(value):
            return _map(typer(value, encoding, string_bytes), _string(string_bytes))
        case t.StructType(members):
            return _struct({m.name: typer(m.type, encoding, string_bytes) for m in members})
        case _:
            assert_never(type_)


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Wrong("type")


def _boolean_text(value: Any) -> bool:
    text = _text(value)
    if text not in {"true", "false"}:
        raise Wrong("format")
    return text == "true"


def _text(value: Any) -> str:
    """Return a JSON string; a number is none."""
    if not isinstance(value, str) or isinstance(value, Number):
        raise Wrong("type")
    return value


def _whole(low: int, high: int, encoding: Encoding) -> Typer:
    def typed(value: Any) -> int:
        if encoding == "string":
            text = _text(value)
            if _INTEGER.fullmatch(text) is None:
                raise Wrong("format")
        elif isinstance(value, WholeNumber):
            text = value
        else:
            raise Wrong("type")
        if len(text) > 20:  # a sign and 19 digits hold every long
            raise Wrong("range")
        number = int(text)
        if not low <= number <= high:
            raise Wrong("range")
        return number

    return typed


def _floating(convert: Callable[[str], float], encoding: Encoding) -> Typer:
    def typed(value: Any) -> float:
        if encoding == "string":
            text = _text(value)
            if _NUMBER.fullmatch(text) is None:
                raise Wrong("format")
        elif isinstance(value, Number):
            text = "0" if value == "-0" else value  # a whole number has one zero
        else:
            raise Wrong("type")
        number = convert(text)
        if not math.isfinite(number):
            raise Wrong("range")
        return number

    return typed


def _single(text: str) -> float:
    """Round to binary32 through binary64, as every engine does."""
    number = float(text)
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.inf


def _decimal(precision: int, scale: int, encoding: Encoding) -> Typer:
    unit = Decimal(1).scaleb(-scale)
    high = Decimal(10) ** (precision - scale)

    def typed(value: Any) -> Decimal:
        if encoding == "string":
            text = _text(value)
            if _DECIMAL.fullmatch(text) is None:
                raise Wrong("format")
        elif isinstance(value, Number):
            text = value
        else:
            raise Wrong("type")
        return _exact(text, unit, high)

    return typed


def _exact(text: str, unit: Decimal, high: Decimal) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise Wrong("range")
    with localcontext() as context:
        context.prec = MAX_DIGITS
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise Wrong("range") from None
        if number.is_zero():
            return Decimal(0).quantize(unit)
        if number.adjusted() > 100 or number.adjusted() < -100 or abs(number) >= high:
            raise Wrong("range")
        rounded = number.quantize(unit)
        if rounded != number:
            raise Wrong("range")
        return rounded


def _date(value: Any) -> dt.date:
    match = _DATE.fullmatch(_text(value))
    if match is None:
        raise Wrong("format")
    return _day(match[1], match[2], match[3])


def _day(year: str, month: str, day: str) -> dt.date:
    if year == "0000":
        if _calendar(2000, int(month), int(day)):
            raise Wrong("range")
        raise Wrong("format")
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        raise Wrong("format") from None


def _calendar(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def _time(value: Any) -> dt.time:
    match = _TIME.fullmatch(_text(value))
    if match is None:
        raise Wrong("format")
    return _clock(match[1], match[2], match[3], match[4])


def _clock(hour: str, minute: str, second: str, fraction: str | None) -> dt.time:
    try:
        return dt.time(int(hour), int(minute), int(second), int((fraction or "").ljust(6, "0")))
    except ValueError:
        raise Wrong("format") from None


def _moment(value: Any) -> tuple[dt.date, dt.time, str | None]:
    match = _MOMENT.fullmatch(_text(value))
    if match is None:
        raise Wrong("format")
    clock = _clock(match[6], match[7], match[8], match[9])
    return _day(match[2], match[3], match[4]), clock, match[10]


def _timestamp(value: Any) -> dt.datetime:
    day, clock, offset = _moment(value)
    if offset is not None:
        raise Wrong("format")
    return dt.datetime.combine(day, clock)


def _timestamptz(value: Any) -> dt.datetime:
    day, clock, offset = _moment(value)
    if offset is None:
        raise Wrong("format")
    moment = dt.datetime.combine(day, clock)
    if offset != "Z":
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if hours > 23 or minutes > 59:
            raise Wrong("format")
        shift = dt.timedelta(hours=hours, minutes=minutes)
        try:
            moment = moment - shift if offset[0] == "+" else moment + shift
        except OverflowError:
            raise Wrong("range") from None
    return moment.replace(tzinfo=dt.UTC)


def _epoch(micros: int, zone: dt.tzinfo | None) -> Typer:
    whole = _whole(-(2**63), 2**63 - 1, "json")

    def typed(value: Any) -> dt.datetime:
        number = whole(value) * micros
        if not _FIRST <= number <= _LAST:
            raise Wrong("range")
        return (_EPOCH + dt.timedelta(microseconds=number)).replace(tzinfo=zone)

    return typed


def _string(limit_bytes: int) -> Typer:
    def typed(value: Any) -> str:
        text = _text(value)
        try:
            size = len(text) if text.isascii() else len(text.encode("utf-8"))
        except UnicodeEncodeError:
            raise Wrong("format") from None
        if size > limit_bytes:
            raise Wrong("too_large")
        return text

    return typed


def _uuid(value: Any) -> str:
    text = _text(value)
    if _UUID.fullmatch(text) is None:
        raise Wrong("format")
    return text.lower()


def _binary(limit_bytes: int) -> Typer:
    def typed(value: Any) -> bytes:
        text = _text(value)
        if len(text) > limit_bytes:
            raise Wrong("too_large")
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise Wrong("format") from None
        if base64.b64encode(data).decode("ascii") != text:
            raise Wrong("format")
        return data

    return typed


def _list(element: Typer) -> Typer:
    def typed(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Wrong("type")
        return [element(_given(item)) for item in value]

    return typed


def _given(value: Any) -> Any:
    """Return an element or a map's value: a null is of the wrong type there."""
    if value is None:
        raise Wrong("type")
    return value


def _map(of: Typer, key: Typer) -> Typer:
    def typed(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong("type")
        return {key(k): of(_given(v)) for k, v in value.items()}

    return typed


def _struct(members: dict[str, Typer]) -> Typer:
    def typed(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong("type")
        return {name: None if value.get(name) is None else of(value[name]) for name, of in members.items()}

    return typed

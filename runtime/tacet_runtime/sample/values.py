"""Plausible values of every type, and the JSON form that a type and its encoding have."""

from __future__ import annotations

import base64
import datetime as dt
import math
import struct
import uuid
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tacet_runtime.plan.types import Encoding, Type

WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kelp", "lagoon",
    "meadow", "nimbus", "opal", "prairie", "quartz", "reef", "summit", "tundra", "umbra", "valley", "willow", "zephyr",
    "caf\u00e9", "\u00e5ngstr\u00f6m", "\u6771\u4eac",
)  # fmt: skip
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  (naive on purpose: everything inside is UTC)
UNITS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
"""Microseconds of one unit of an encoding."""
_BIGGEST = {"int": 2**31 - 1, "long": 2**63 - 1}


def moment_of(micros: int) -> dt.datetime:
    """Return a moment (naive, UTC) from microseconds since 1970."""
    return EPOCH + dt.timedelta(microseconds=micros)


def micros_of(moment: dt.datetime) -> int:
    """Return microseconds since 1970 of a moment; one without a zone is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def value(rng: random.Random, type_: Type, base: dt.datetime, low: Any = None, high: Any = None) -> Any:
    """Return a plausible value of a type around a moment (naive, UTC), within two limits where there are some."""
    match type_:
        case t.BooleanType():
            return rng.random() < 0.5
        case t.IntType():
            return _whole(rng, low, high, 1_000, _BIGGEST["int"])
        case t.LongType():
            return _whole(rng, low, high, 1_000_000_000, _BIGGEST["long"])
        case t.FloatType():
            number = struct.unpack("f", struct.pack("f", _floating(rng, low, high)))[0]
            return within(number, low, high)
        case t.DoubleType():
            return _floating(rng, low, high)
        case t.DecimalType(precision, scale):
            return _decimal(rng, precision, scale, low, high)
        case t.DateType():
            return within((base - dt.timedelta(days=rng.randrange(400))).date(), low, high)
        case t.TimeType():
            return within(dt.time(rng.randrange(24), rng.randrange(60), rng.randrange(60)), low, high)
        case t.TimestampType():
            return within(base - dt.timedelta(seconds=rng.randrange(86_400)), low, high)
        case t.TimestamptzType():
            return within((base - dt.timedelta(seconds=rng.randrange(86_400))).replace(tzinfo=dt.UTC), low, high)
        case t.StringType():
            return f"{rng.choice(WORDS)}-{rng.randrange(1_000)}"
        case t.UuidType():
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        case t.BinaryType():
            return rng.randbytes(rng.randrange(1, 24))
        case t.ListType(element):
            return [value(rng, element, base) for _ in range(rng.randrange(4))]
        case t.MapType(of):
            return {rng.choice(WORDS): value(rng, of, base) for _ in range(rng.randrange(4))}
        case t.StructType(members):
            return {m.name: value(rng, m.type, base) if rng.random() < 0.9 else None for m in members}
        case _:
            assert_never(type_)


def within(found: Any, low: Any, high: Any) -> Any:
    """Return the value, or the limit that it is beyond."""
    if low is not None and found < low:
        return low
    return high if high is not None and found > high else found


def _whole(rng: random.Random, low: int | None, high: int | None, span: int, biggest: int) -> int:
    """Return a whole number, small ones more often."""
    if low is None:
        low = 0 if high is None or high >= 0 else high - span
    if high is None:
        high = min(max(low, 0) + span, biggest)
    return low + int((high - low + 1) * rng.random() ** 3) if high - low < 2**50 else rng.randint(low, low + 2**50)


def _floating(rng: random.Random, low: float | None, high: float | None) -> float:
    if low is None:
        low = 0.0 if high is None or high >= 0 else high - 1.0
    if high is None:
        high = max(low + 1.0, math.nextafter(low, math.inf))
    return float(within(round(low + (high - low) * rng.random(), 6), low, high))


def _decimal(rng: random.Random, precision: int, scale: int, low: Decimal | None, high: Decimal | None) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        most = 10**precision - 1
        last = most if high is None else min(most, math.floor(high.scaleb(scale)))
        span = 10 ** min(precision, scale + 3) - 1
        if low is None:
            first = 0 if last >= 0 else max(-most, last - span)
        else:
            first = max(-most, math.ceil(low.scaleb(scale)))
        if high is None:
            last = min(most, max(first, 0) + span)
        return Decimal(rng.randint(first, max(first, last))).scaleb(-scale)


def former(type_: Type, encoding: Encoding) -> Callable[[Any], Any]:
    """Return the function that gives a typed value's form in a message; leaves of nested types take the encoding over."""
    match type_:
        case t.BooleanType():
            return (lambda v: str(v).lower()) if encoding == "string" else _same
        case t.IntType() | t.LongType():
            return str if encoding == "string" else _same
        case t.FloatType() | t.DoubleType():
            return repr if encoding == "string" else _same
        case t.DecimalType():
            return _digits if encoding == "string" else lambda v: msgspec.Raw(_digits(v).encode())
        case t.DateType() | t.TimeType():
            return lambda v: v.isoformat()
        case t.TimestampType() | t.TimestamptzType():
            return _moment(encoding, "Z" if isinstance(type_, t.TimestamptzType) else "")
        case t.StringType() | t.UuidType():
            return _same
        case t.BinaryType():
            return lambda v: base64.b64encode(v).decode("ascii")
        case t.ListType(element):
            inner = former(element, encoding)
            return lambda v: [inner(one) for one in v]
        case t.MapType(of):
            inner = former(of, encoding)
            return lambda v: {k: inner(one) for k, one in v.items()}
        case t.StructType(members):
            return _struct({m.name: former(m.type, encoding) for m in members})
        case _:
            assert_never(type_)


def _same(typed: Any) -> Any:
    return typed


def _digits(number: Decimal) -> str:
    return format(number, "f")


def _moment(encoding: Encoding, zone: str) -> Callable[[Any], Any]:
    if encoding in UNITS:
        unit = UNITS[encoding]
        return lambda v: micros_of(v) // unit
    return lambda v: (
        v.replace(tzinfo=None).isoformat(timespec="auto" if v.microsecond % 1_000 else "milliseconds") + zone
    )


def _struct(members: dict[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def form(typed: dict[str, Any]) -> dict[str, Any]:
        return {name: of(typed[name]) for name, of in members.items() if typed[name] is not None}

    return form

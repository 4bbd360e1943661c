"""Values of every type, in the JSON form that a field's encoding has; and strings that match a pattern."""

from __future__ import annotations

import base64
import datetime as dt
import string
import uuid
from decimal import Decimal
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, assert_never

from tacet_runtime.plan import types as t
from tacet_runtime.steps.constraints import bounds

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tacet_runtime.plan.model import Field
    from tacet_runtime.plan.types import Encoding, Type

_WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kelp", "lagoon",
    "meadow", "nimbus", "opal", "prairie", "quartz", "reef", "summit", "tundra", "umbra", "valley", "willow", "zephyr",
)  # fmt: skip
_UNITS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001
Maker = "Callable[[random.Random, dt.datetime], Any]"


def maker(field: Field) -> Callable[[random.Random, dt.datetime], Any]:
    """Return a function that makes typed values of a field; it is given the message's moment (naive, UTC)."""
    if field.one_of is not None:
        symbols = field.one_of
        return lambda rng, _: rng.choice(symbols)
    if field.pattern is not None:
        tree = parser.parse(field.pattern)
        return lambda rng, _: _matching(rng, tree)
    low, high = bounds(field.range, field.type) if field.range is not None else (None, None)
    return lambda rng, moment: value(rng, field.type, moment, low, high)


def value(rng: random.Random, type_: Type, moment: dt.datetime, low: Any = None, high: Any = None) -> Any:
    """Return a plausible value of a type, between two limits where there are some."""
    match type_:
        case t.BooleanType():
            return rng.random() < 0.5
        case t.IntType() | t.LongType():
            return rng.randint(0 if low is None else low, _above(low, 1_000, high))
        case t.FloatType() | t.DoubleType():
            return round(rng.uniform(0.0 if low is None else low, _above(low, 1.0, high)), 6)
        case t.DecimalType(precision, scale):
            most = min(10 ** min(precision, 6) - 1, 999_999)
            found = Decimal(rng.randint(0, most)).scaleb(-scale)
            return min(max(found, low if low is not None else found), high if high is not None else found)
        case t.DateType():
            return _between((moment - dt.timedelta(days=rng.randrange(400))).date(), low, high)
        case t.TimeType():
            return _between(dt.time(rng.randrange(24), rng.randrange(60), rng.randrange(60)), low, high)
        case t.TimestampType():
            return _between(moment - dt.timedelta(seconds=rng.randrange(3_600)), low, high)
        case t.TimestamptzType():
            return _between(
                (moment + dt.timedelta(milliseconds=rng.randrange(5_000))).replace(tzinfo=dt.UTC), low, high
            )
        case t.StringType():
            return f"{rng.choice(_WORDS)}-{rng.randrange(1_000)}"
        case t.UuidType():
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        case t.BinaryType():
            return rng.randbytes(rng.randrange(1, 24))
        case t.ListType(element):
            return [value(rng, element, moment) for _ in range(rng.randrange(4))]
        case t.MapType(of):
            return {rng.choice(_WORDS): value(rng, of, moment) for _ in range(rng.randrange(4))}
        case t.StructType(members):
            return {m.name: value(rng, m.type, moment) for m in members}
        case _:
            assert_never(type_)


def _above(low: Any, span: Any, high: Any) -> Any:
    if high is not None:
        return high
    return span if low is None else max(low, 0) + span


def _between(found: Any, low: Any, high: Any) -> Any:
    if low is not None and found < low:
        return low
    return high if high is not None and found > high else found


def source_form(typed: Any, type_: Type, encoding: Encoding) -> Any:
    """Return what stands in the message for a typed value; decimals are numbers with their own digits."""
    if encoding in _UNITS and isinstance(typed, dt.datetime):
        return (typed.replace(tzinfo=None) - _EPOCH) // dt.timedelta(microseconds=1) // _UNITS[encoding]
    match type_:
        case t.BooleanType():
            return str(typed).lower() if encoding == "string" else typed
        case t.IntType() | t.LongType() | t.FloatType() | t.DoubleType():
            return str(typed) if encoding == "string" else typed
        case t.DecimalType():
            return format(typed, "f") if encoding == "string" else _Digits(format(typed, "f"))
        case t.DateType() | t.TimeType():
            return typed.isoformat()
        case t.TimestampType():
            return typed.isoformat(timespec="milliseconds")
        case t.TimestamptzType():
            return typed.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        case t.StringType() | t.UuidType():
            return typed
        case t.BinaryType():
            return base64.b64encode(typed).decode("ascii")
        case t.ListType(element):
            return [source_form(v, element, encoding) for v in typed]
        case t.MapType(of):
            return {k: source_form(v, of, encoding) for k, v in typed.items()}
        case t.StructType(members):
            return {m.name: source_form(typed[m.name], m.type, encoding) for m in members}
        case _:
            assert_never(type_)


class _Digits(float):
    """A number that is written with exactly these digits."""

    __slots__ = ("_text",)

    def __new__(cls, text: str) -> _Digits:  # noqa: PYI034
        found = super().__new__(cls, text)
        found._text = text
        return found

    def __repr__(self) -> str:
        return self._text


def _matching(rng: random.Random, tree: Any) -> str:
    return "".join(_piece(rng, code, argument) for code, argument in tree)


def _piece(rng: random.Random, code: Any, argument: Any) -> str:
    match code:
        case codes.LITERAL:
            return chr(argument)
        case codes.NOT_LITERAL:
            return "a" if argument != ord("a") else "b"
        case codes.ANY:
            return rng.choice(string.ascii_lowercase)
        case codes.IN:
            return _one_of(rng, argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT:
            low, high, inner = argument
            most = min(int(high), int(low) + 8) if high is not codes.MAXREPEAT else int(low) + 8
            return "".join(_matching(rng, inner) for _ in range(rng.randint(int(low), most)))
        case codes.BRANCH:
            return _matching(rng, rng.choice(argument[1]))
        case codes.SUBPATTERN:
            return _matching(rng, argument[-1])
        case _:
            return ""


def _one_of(rng: random.Random, items: list[tuple[Any, Any]]) -> str:
    negated = items[0][0] is codes.NEGATE
    allowed: list[str] = []
    for code, argument in items[1:] if negated else items:
        if code is codes.RANGE:
            allowed += [chr(c) for c in range(argument[0], argument[1] + 1)]
        elif code is codes.LITERAL:
            allowed.append(chr(argument))
    if negated:
        allowed = [c for c in string.ascii_letters + string.digits if c not in allowed]
    return rng.choice(allowed or ["x"])

"""Values that are wrong for their field, each in one known way: of another type, out of range, misspelt, not listed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from tacet_runtime.plan import types as t
from tacet_runtime.sample.patterns import unmatched
from tacet_runtime.sample.values import UNITS, former, value
from tacet_runtime.steps.constraints import bounds

if TYPE_CHECKING:
    import random

    from tacet_runtime.plan.model import Field

Form: TypeAlias = Callable[["random.Random"], Any]
_MISSPELT = {
    t.UuidType: "not-a-uuid",
    t.DateType: "2026-13-45",
    t.TimeType: "25:61:00",
    t.TimestampType: "yesterday",
    t.TimestamptzType: "yesterday",
    t.BinaryType: "***",
}


def mistyped(field: Field) -> Form:
    """Return a value of another JSON type than the field's: text for a number, a number for text."""
    rng = _Fixed()
    usual = former(field.type, field.encoding)(value(rng, field.type, dt.datetime(2026, 1, 1)))  # type: ignore[arg-type]  # noqa: DTZ001
    if isinstance(usual, str):
        return lambda found: found.randrange(1, 100)
    if isinstance(usual, bool):
        return lambda found: found.choice(("true", "false", "yes"))
    return lambda found: str(found.randrange(1, 100))


class _Fixed:
    """Stands for a random generator where any value will do."""

    def random(self) -> float:
        return 0.0

    def randrange(self, low: int, high: int | None = None) -> int:
        return low if high is not None else 0

    def randint(self, low: int, _high: int) -> int:
        return low

    def choice(self, some: Any) -> Any:
        return some[0]

    def getrandbits(self, _count: int) -> int:
        return 0

    def randbytes(self, count: int) -> bytes:
        return b"\0" * count


def out_of_bounds(field: Field) -> Form | None:
    """Return a value beyond the range of the field, or of its type; None where there is no such number."""
    low, high = bounds(field.range, field.type) if field.range is not None else (None, None)
    text = field.encoding == "string"
    match field.type:
        case t.IntType() | t.LongType():
            last = high if high is not None else 2**31 - 1 if isinstance(field.type, t.IntType) else 2**63 - 1
            return _number(str(last + 1), text=text)
        case t.DecimalType(precision, scale):
            limit = high if high is not None else Decimal(10**precision - 1).scaleb(-scale)
            return _number(format(limit + Decimal(1).scaleb(-scale), "f"), text=text)
        case t.FloatType() if high is None:
            return _number("1e39", text=text)
        case t.FloatType() | t.DoubleType() if high is not None or low is not None:
            beyond = high + max(1.0, abs(high)) if high is not None else (low or 0.0) - max(1.0, abs(low or 0.0))
            return None if abs(beyond) > 1e38 else _number(repr(beyond), text=text)
        case t.TimestampType() | t.TimestamptzType() if field.encoding in UNITS:
            return _number(str(9_000_000_000_000_000_000 // UNITS[field.encoding] * 40), text=False)
        case _:
            return None


def _number(digits: str, *, text: bool) -> Form:
    form = digits if text else msgspec.Raw(digits.encode())
    return lambda _rng: form


def misspelt(field: Field) -> Form | None:
    """Return text that is not written as the field is; None where any text is fine, or none is expected."""
    if field.one_of is not None:
        return None
    if field.pattern is not None:
        text = unmatched(field.pattern)
    elif field.encoding in UNITS or isinstance(field.type, t.ListType | t.MapType | t.StructType):
        return None
    elif field.encoding == "string":
        text = "n/a"
    else:
        text = _MISSPELT.get(type(field.type))
    return None if text is None else lambda _rng: text


def unlisted(field: Field) -> Form | None:
    """Return a symbol that `one_of` does not list."""
    if field.one_of is None:
        return None
    text = next(f"{start}UNLISTED" for start in ("", "X_", "Y_", "Z_") if f"{start}UNLISTED" not in field.one_of)
    return lambda _rng: text

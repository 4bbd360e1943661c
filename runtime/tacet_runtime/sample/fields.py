"""One maker a field: each call gives a value and its form in the message; most draw from a pool that was made once."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

from tacet_runtime.plan import types as t
from tacet_runtime.sample.patterns import matching
from tacet_runtime.sample.values import EPOCH, UNITS, WORDS, former, micros_of, moment_of, value, within
from tacet_runtime.steps.constraints import bounds

if TYPE_CHECKING:
    import random

    from tacet_runtime.plan.model import Field
    from tacet_runtime.sample.profile import FieldProfile

Values: TypeAlias = dict[str, Any]
Pair: TypeAlias = tuple[Any, Any]
"""A typed value, and its form in the message."""
Maker: TypeAlias = Callable[[int, Values], Pair]
"""Makes a pair for a moment (microseconds since 1970) and the values that the row has so far."""

POOL = 800
_LATEST = 5_000_000
"""Microseconds that other times of a message lie after its event time, at most."""


class SampleError(Exception):
    """No sample can be made of this plan; the message says why."""


def maker(field: Field, rng: random.Random, base: dt.datetime, own: FieldProfile | None) -> Maker:
    """Return what makes values of a field; `base` is where the stretch of event time begins. Raises SampleError."""
    form = former(field.type, field.encoding)
    if own is not None and own.choice:
        return _chosen(rng, own, field.type)
    if field.one_of is not None:
        symbols = [s for s in field.one_of if field.pattern is None or s in _matching(rng, field, field.one_of)]
        return pooled(rng, [(s, s) for s in symbols or field.one_of], even=True)
    if field.identity and field.range is None and field.pattern is None:
        fresh = _fresh(field, rng)
        if fresh is not None:
            return lambda _micros, _values: (found := fresh(), form(found))
    if isinstance(field.type, t.UuidType):
        fresh_uuid = _uuids(rng)
        if own is None or own.distinct is None:
            return lambda _micros, _values: (found := fresh_uuid(), found)
        return pooled(rng, [(found := fresh_uuid(), found) for _ in range(own.distinct)])
    low, high = bounds(field.range, field.type) if field.range is not None else (None, None)
    if isinstance(field.type, t.TimestamptzType | t.TimestampType):
        return _after(field, rng, low, high)
    size = own.distinct if own is not None and own.distinct is not None else POOL
    if field.pattern is not None:
        return pooled(rng, [(text, text) for text in _matching(rng, field, None, size)])
    made = (value(rng, field.type, base, low, high) for _ in range(size))
    return pooled(rng, [(one, form(one)) for one in made])


def pooled(rng: random.Random, pairs: Sequence[Pair], *, even: bool = False) -> Maker:
    """Return what draws from a pool; earlier ones more often, unless `even`."""
    count, random_ = len(pairs), rng.random
    if even:
        return lambda _micros, _values: pairs[int(count * random_())]
    return lambda _micros, _values: pairs[int(count * random_() ** 2)]


def keyed(fields: Sequence[Field], rows: Sequence[tuple[Any, ...]], rng: random.Random) -> dict[str, Maker]:
    """Return makers for the fields of a lookup's key, in the order they are drawn: together they name a row that is there."""
    makers: dict[str, Maker] = {}
    for at, field in enumerate(fields):
        form = former(field.type, field.encoding)
        below: dict[tuple[Any, ...], dict[Any, Pair]] = {}
        for row in rows:
            if _allowed(field, row[at]):
                below.setdefault(row[:at], {})[row[at]] = (row[at], form(row[at]))
        pools = {earlier: pooled(rng, list(pairs.values())) for earlier, pairs in below.items()}
        if pools:
            makers[field.name] = _below(pools, tuple(f.name for f in fields[:at]), next(iter(pools.values())))
    return makers


def _below(pools: Mapping[tuple[Any, ...], Maker], earlier: tuple[str, ...], other: Maker) -> Maker:
    if not earlier:
        return other
    return lambda micros, values: pools.get(tuple(values.get(n) for n in earlier), other)(micros, values)


def _allowed(field: Field, typed: Any) -> bool:
    if typed is None or (field.one_of is not None and typed not in field.one_of):
        return False
    low, high = bounds(field.range, field.type) if field.range is not None else (None, None)
    return bool(within(typed, low, high) == typed)


def _chosen(rng: random.Random, own: FieldProfile, type_: t.Type) -> Maker:
    pairs = [(typed(form, type_), form) for form in own.choice]
    if not own.weights:
        return pooled(rng, pairs)
    shares = list(accumulate(own.weights))
    return lambda _micros, _values: rng.choices(pairs, cum_weights=shares)[0]


def typed(form: Any, type_: t.Type) -> Any:
    """Return a simple JSON value as a value of a type, as conditions see it; None where it is none."""
    match type_:
        case t.BooleanType():
            return form if isinstance(form, bool) else None
        case t.IntType() | t.LongType():
            return form if isinstance(form, int) and not isinstance(form, bool) else None
        case t.FloatType():
            return struct.unpack("f", struct.pack("f", form))[0] if isinstance(form, int | float) else None
        case t.DoubleType():
            return float(form) if isinstance(form, int | float) else None
        case t.StringType() | t.UuidType():
            return form if isinstance(form, str) else None
        case t.DecimalType(_, scale):
            try:
                return Decimal(str(form)).quantize(Decimal(1).scaleb(-scale))
            except InvalidOperation:
                return None
        case t.DateType():
            return dt.date.fromisoformat(form) if isinstance(form, str) else None
        case _:
            return form


def _matching(rng: random.Random, field: Field, among: Sequence[str] | None, size: int = POOL) -> list[str]:
    import re  # noqa: PLC0415  (only patterns need it)

    pattern = field.pattern or ""
    if among is not None:
        whole = re.compile(pattern, re.ASCII)
        return [text for text in among if whole.fullmatch(text)]
    found = matching(rng, pattern, min(size, 500))
    if not found:
        raise SampleError(f"no text could be made for the pattern of `{field.name}`: give it a `choice` in a profile")
    return found


def _uuids(rng: random.Random) -> Callable[[], str]:
    bits, digits = rng.getrandbits, "89ab"

    def fresh() -> str:
        text = f"{bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{digits[bits(2)]}{text[17:20]}-{text[20:]}"

    return fresh


def _fresh(field: Field, rng: random.Random) -> Callable[[], Any] | None:
    """Return what makes a value that does not come twice, for the types that have so many."""
    match field.type:
        case t.UuidType():
            return _uuids(rng)
        case t.LongType():
            return lambda: rng.getrandbits(53)
        case t.IntType():
            return lambda: rng.getrandbits(31)
        case t.StringType():
            return lambda: f"{WORDS[rng.randrange(24)]}-{rng.getrandbits(64):016x}"
        case t.BinaryType():
            return lambda: rng.randbytes(16)
        case t.DoubleType():
            return lambda: rng.getrandbits(52) / 2**20
        case t.DecimalType(precision, scale):
            return lambda: Decimal(rng.randrange(10**precision)) * Decimal(1).scaleb(-scale)
        case _:
            return None


def _after(field: Field, rng: random.Random, low: Any, high: Any) -> Maker:
    """Return what makes moments soon after the event time, as fine as their encoding."""
    zone = dt.UTC if isinstance(field.type, t.TimestamptzType) else None
    unit = UNITS.get(field.encoding, 1_000)
    form, numbers = former(field.type, field.encoding), field.encoding in UNITS
    limits = (_micros(low), _micros(high))
    random_ = rng.random

    def make(micros: int, _values: Values) -> Pair:
        found = micros + int(random_() * _LATEST)
        found = within(-(-found // unit) * unit, *limits)
        moment = (EPOCH + dt.timedelta(microseconds=found)).replace(tzinfo=zone)
        return moment, found // unit if numbers else form(moment)

    return make


def at_moment(field: Field) -> Maker:
    """Return what gives the event time itself."""
    unit = UNITS.get(field.encoding, 1)
    form, numbers = former(field.type, field.encoding), field.encoding in UNITS

    def make(micros: int, _values: Values) -> Pair:
        moment = moment_of(micros // unit * unit).replace(tzinfo=dt.UTC)
        return moment, micros // unit if numbers else form(moment)

    return make


def _micros(limit: dt.datetime | None) -> int | None:
    return None if limit is None else micros_of(limit)

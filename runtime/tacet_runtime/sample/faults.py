"""What can go wrong, kind by kind: in which field of which client, how it looks, and what it deserves by construction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Optional, Required, RequiredWhen
from tacet_runtime.plan.walk import columns, path_values
from tacet_runtime.sample.clients import strangers
from tacet_runtime.sample.conditions import ABSENT
from tacet_runtime.sample.values import micros_of
from tacet_runtime.sample.wrong import misspelt, mistyped, out_of_bounds, unlisted

if TYPE_CHECKING:
    import random

    from tacet_runtime.plan.model import Field, Plan
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.conditions import Reference
    from tacet_runtime.sample.shapes import Shapes

Form: TypeAlias = Callable[["random.Random"], Any]
_SKEW = 90_000_000
"""How far a skewed clock runs ahead, in microseconds."""
_ABOVE = 1_000
"""Keys above the last one that is known, of which one is taken."""


def _absent(_rng: random.Random) -> Any:
    return ABSENT


def _null(_rng: random.Random) -> Any:
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong in messages of one client, or (`client` None) of any."""

    kind: str
    client: Client | None
    field: str | None
    expected: str | None
    form: Form = _absent
    missing: bool = False
    """The field is left out where it is needed: it has no effect where it is not."""
    skew: int = 0
    """Microseconds that the event time runs ahead."""
    lookup: bool = False
    """The value is fine, but reference data does not know it."""
    moment: int | None = None
    """When it happens, if not in the stretch of event time: microseconds since 1970."""
    items: list[Any] | None = None
    """What stands where the exploded list belongs."""
    whole: bool = False
    """`items` replaces the list: nothing, when `items` is None."""


@dataclass(frozen=True, slots=True)
class Site:
    """What faults are planted in."""

    plan: Plan
    clients: tuple[Client, ...]
    """The ones that the newest users have first."""
    shapes: Shapes
    reference: Reference
    day: dt.date
    fields: tuple[Field, ...]
    """The ones that may go wrong alone."""

    def sent(self) -> Iterator[tuple[Client, Field]]:
        """Yield each client with each field that it sends."""
        for client in self.clients:
            for field in self.fields:
                if field.name in client.fields and client.omission(field.name, self.day) is None:
                    yield client, field

    def needed(self, client: Client, field: Field) -> bool:
        """Tell whether a field that is left out is needed, at least at times."""
        presence = self.shapes.presence(field, client)
        if isinstance(presence, Required):
            return True
        rows = {f.name for f in self.plan.source.fields if f.path.root != "$"}
        return isinstance(presence, RequiredWhen) and (
            field.path.root != "$" or not rows & set(columns(presence.condition))
        )


def open_fields(plan: Plan) -> tuple[Field, ...]:
    """Return fields that may go wrong alone: not those that say when and who, nor what `select` reads."""
    source = plan.source
    special = {source.event_time, source.producer_name, source.producer_version}
    select = [part.path for part in path_values(source.select)]
    paths = [(f.path.root, *f.path.steps) for f in source.fields] + [(p.root, *p.steps) for p in select]
    fine = [f for f in source.fields if f.name not in special and f.path.root != "$index" and _alone(f, paths)]
    read = _read(plan)
    return tuple(sorted(fine, key=lambda f: (f.name in read, isinstance(f.presence, Optional))))


def _read(plan: Plan) -> set[str]:
    source = plan.source
    found = [p.condition for v in source.versions for p in v.presence.values() if isinstance(p, RequiredWhen)]
    found += [rule.check for rule in source.rules]
    if plan.derived is not None:
        found += [f.drop_when for f in plan.derived.filters]
        found += [c.when for c in plan.derived.corrections]
    return {name for condition in found for name in columns(condition)}


def _alone(field: Field, paths: list[tuple[str, ...]]) -> bool:
    """Tell whether no other path leads to, into or around a field's place."""
    own = (field.path.root, *field.path.steps)
    return sum(own[: len(p)] == p or p[: len(own)] == own for p in paths if len(p) > 1 or p == own) == 1


def _lost(site: Site, kind: str, form: Form, *, rejecting: bool = False, identity: bool = False) -> list[Fault]:
    verdict = "rejected:missing_identity" if identity else "rejected:missing" if rejecting else "logging_bug"
    return [
        Fault(kind, client, field.name, verdict, form, missing=True)
        for client, field in site.sent()
        if client.registration is not None
        and site.needed(client, field)
        and field.identity == identity
        and (identity or field.reject_on_bug == rejecting)
        and (field.path.steps or form is _null)
    ]


def _logging_bug(site: Site) -> list[Fault]:
    return _lost(site, "logging_bug", _absent)


def _null_instead(site: Site) -> list[Fault]:
    return _lost(site, "null", _null)


def _rejecting_bug(site: Site) -> list[Fault]:
    return _lost(site, "rejecting_bug", _absent, rejecting=True)


def _lost_identity(site: Site) -> list[Fault]:
    return _lost(site, "lost_identity", _absent, identity=True)


def _invalid(site: Site, kind: str, reason: str, wrong: Callable[[Field], Form | None]) -> list[Fault]:
    found = []
    for client, field in site.sent():
        form = wrong(field)
        if form is not None and not field.identity:
            ends = f"rejected:{reason}" if field.reject_on_bug else f"invalid:{reason}"
            found.append(Fault(kind, client, field.name, ends, form))
    return sorted(found, key=lambda f: (f.expected or "").startswith("rejected"))


def _wrong_type(site: Site) -> list[Fault]:
    return _invalid(site, "wrong_type", "type", mistyped)


def _out_of_range(site: Site) -> list[Fault]:
    ranged = {f.name for f in site.plan.source.fields if f.range is not None}
    return sorted(_invalid(site, "out_of_range", "range", out_of_bounds), key=lambda f: f.field not in ranged)


def _bad_format(site: Site) -> list[Fault]:
    return _invalid(site, "bad_format", "format", misspelt)


def _not_listed(site: Site) -> list[Fault]:
    return _invalid(site, "not_listed", "one_of", unlisted)


def _clock_skew(site: Site) -> list[Fault]:
    time = site.plan.source.event_time
    return [Fault("clock_skew", client, time, None, skew=_SKEW) for client in site.clients]


def _expired_omission(site: Site) -> list[Fault]:
    """Return clients that still leave a field out after their omission of it has expired."""
    fields = {f.name: f for f in site.fields}
    found = []
    for client in site.clients:
        for omission in client.registration.omissions if client.registration else ():
            field = fields.get(omission.field)
            if field is None or omission.expires is None or not field.path.steps or not site.needed(client, field):
                continue
            try:
                day = dt.date.fromisoformat(omission.expires) + dt.timedelta(days=2)
            except OverflowError:
                continue
            if client.omission(field.name, day) is None and field.name in client.fields:
                moment = micros_of(dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC))
                verdict = "rejected:missing" if field.reject_on_bug else "logging_bug"
                found.append(Fault("expired_omission", client, field.name, verdict, missing=True, moment=moment))
    return found


def _unknown_producer(site: Site) -> list[Fault]:
    """Return builds that nobody registered, and that leave a required field out."""
    return [
        Fault(
            "unknown_producer",
            client,
            field.name,
            "unknown_producer",
            _absent if field.path.steps else _null,
            missing=True,
        )
        for client in strangers(site.plan.source)
        for field in site.fields
        if site.needed(client, field) and not field.identity and field.name in client.fields
    ]


def _lookup_miss(site: Site) -> list[Fault]:
    found = []
    fields = {f.name: f for f in site.fields}
    for lookup in site.plan.derived.lookups if site.plan.derived is not None else ():
        for at, key in enumerate(lookup.keys):
            known = {row[at] for row in site.reference.get(lookup.name, ())}
            field = fields.get(key.field)
            form = None if field is None or not known else _unheard(field, known)
            if field is None or form is None:
                continue
            ends = f"rejected:lookup:{lookup.name}" if lookup.on_miss == "reject" else f"lookup_miss:{lookup.name}"
            found += [
                Fault("lookup_miss", client, field.name, ends, form, lookup=True)
                for client, sent in site.sent()
                if sent.name == field.name
            ]
    return found


def _unheard(field: Field, known: set[Any]) -> Form | None:
    """Return a key that reference data does not have, where that is easy to make."""
    if field.one_of is not None or field.pattern is not None or field.range is not None or field.encoding == "string":
        return None
    match field.type:
        case t.StringType():
            return lambda rng: f"nobody-knows-{rng.randrange(10**6)}"
        case t.UuidType():
            return lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4))
        case t.IntType() | t.LongType() if max(known) + _ABOVE < 2 ** (31 if isinstance(field.type, t.IntType) else 63):
            above = max(known) + 1
            return lambda rng: above + rng.randrange(_ABOVE)
        case t.DateType() if (dt.date.max - max(known)).days >= _ABOVE:
            after = max(known) + dt.timedelta(days=1)
            return lambda rng: (after + dt.timedelta(days=rng.randrange(_ABOVE))).isoformat()
        case _:
            return None


def _no_list(site: Site) -> list[Fault]:
    if site.plan.source.explode is None:
        return []
    return [Fault("no_list", None, None, "rejected:explode", whole=True)]


def _empty_list(site: Site) -> list[Fault]:
    if site.plan.source.explode is None:
        return []
    return [Fault("empty_list", None, None, "filtered:no_items", items=[], whole=True)]


KINDS: Mapping[str, Callable[[Site], list[Fault]]] = {
    "logging_bug": _logging_bug,
    "null": _null_instead,
    "wrong_type": _wrong_type,
    "out_of_range": _out_of_range,
    "bad_format": _bad_format,
    "not_listed": _not_listed,
    "clock_skew": _clock_skew,
    "unknown_producer": _unknown_producer,
    "expired_omission": _expired_omission,
    "rejecting_bug": _rejecting_bug,
    "lost_identity": _lost_identity,
    "lookup_miss": _lookup_miss,
    "no_list": _no_list,
    "empty_list": _empty_list,
}

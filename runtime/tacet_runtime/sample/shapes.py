"""What a client sends on a day of event time, settled once: the slots of a message, and what is left out on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tacet_runtime.plan.model import Optional, RequiredWhen
from tacet_runtime.sample.clients import version_value
from tacet_runtime.sample.conditions import Condition
from tacet_runtime.sample.fields import Maker
from tacet_runtime.sample.values import former

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from tacet_runtime.plan.model import Field, Presence, Source
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.profile import Profile

Send: TypeAlias = Literal["always", "sometimes", "when"]
OPTIONAL_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Slot:
    """A field that a client sends: always, in a share of messages, or when a condition is not FALSE."""

    field: Field
    name: str
    steps: tuple[str, ...]
    make: Maker
    send: Send
    share: float
    condition: Condition | None
    put: bool
    """False for a second field at the same place: the first one's value stands there."""


Opened: TypeAlias = tuple[Slot, str, tuple[str, ...], Maker, Send, float, Condition | None, bool]
"""A slot with its parts beside it: this is read for every value of every message."""


def opened(slot: Slot) -> Opened:
    """Return a slot with its parts."""
    return slot, slot.name, slot.steps, slot.make, slot.send, slot.share, slot.condition, slot.put


@dataclass(frozen=True, slots=True)
class Excused:
    """A field that a client leaves out on purpose. `condition`: it would be needed only then."""

    field: str
    verdict: str
    planted: str
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Shape:
    """A client's messages on a day."""

    message: tuple[Opened, ...]
    row: tuple[Opened, ...]
    excused: tuple[Excused, ...]


class Shapes:
    """Makes shapes, and remembers them. `makers`: what makes each field's values."""

    def __init__(self, source: Source, profile: Profile, makers: Mapping[str, Maker]) -> None:
        self._source = source
        self._profile = profile
        self._makers = makers
        self._presences = {version.version: version.presence for version in source.versions}
        self._places = _places(source)
        self._always = always(source)
        self._order = ordered(source)
        self._conditions: dict[str, Condition] = {}
        self._known: dict[tuple[Client, dt.date], Shape] = {}

    def of(self, client: Client, day: dt.date) -> Shape:
        """Return what a client sends on a day."""
        if (client, day) not in self._known:
            self._known[client, day] = self._shape(client, day)
        return self._known[client, day]

    def presence(self, field: Field, client: Client) -> Presence:
        """Return what the contract that a client was built against asks of a field."""
        return self._presences.get(client.contract, {}).get(field.name, field.presence)

    def condition(self, presence: Presence) -> Condition | None:
        """Return the condition of `required_when`."""
        if not isinstance(presence, RequiredWhen):
            return None
        return self._conditions.setdefault(repr(presence.condition), Condition(presence.condition))

    def _shape(self, client: Client, day: dt.date) -> Shape:
        slots: dict[str, list[Opened]] = {"$": [], "$item": []}
        excused: list[Excused] = []
        for field in self._order:
            if field.path.root == "$index":
                continue
            excuse = None if field.name in self._always else self._excuse(field, client, day)
            if excuse is None:
                slots[field.path.root].append(opened(self._slot(field, client)))
            else:
                excused.append(excuse)
        return Shape(tuple(slots["$"]), tuple(slots["$item"]), tuple(excused))

    def _excuse(self, field: Field, client: Client, day: dt.date) -> Excused | None:
        condition = self.condition(self.presence(field, client))
        omission = client.omission(field.name, day)
        if omission is not None:
            return Excused(field.name, f"declared_omission:{omission.id}", "omission", condition)
        if client.registration is not None and field.name not in client.fields:
            return Excused(field.name, f"declared_omission:predates-{field.since}", "predates", condition)
        return None

    def _slot(self, field: Field, client: Client) -> Slot:
        presence = self.presence(field, client)
        condition = self.condition(presence)
        own = self._profile.fields.get(field.name)
        share = own.share if own is not None and own.share is not None else OPTIONAL_SHARE
        send: Send = "always"
        if field.name in self._always:
            condition = None
        elif condition is not None and _decided_above(field, condition, self._source):
            send = "when"
        elif isinstance(presence, Optional):
            send = "sometimes"
        put = self._places[field.path.root, field.path.steps] == field.name
        return Slot(field, field.name, field.path.steps, self._maker(field, client), send, share, condition, put)

    def _maker(self, field: Field, client: Client) -> Maker:
        if field.name == self._source.producer_name:
            return lambda _micros, _values: (client.producer, client.producer)
        if field.name == self._source.producer_version:
            own = version_value(client.version, field.type)
            pair = (own, former(field.type, field.encoding)(own))
            return lambda _micros, _values: pair
        return self._makers[field.name]


def always(source: Source) -> frozenset[str]:
    """Return fields that every message has: event time, producer, identity, and places that others need too."""
    needed = {source.event_time, source.producer_name, source.producer_version}
    needed |= {f.name for f in source.fields if f.identity}
    places = [(f.path.root, f.path.steps) for f in source.fields]
    shared = {f.name for f in source.fields if places.count((f.path.root, f.path.steps)) > 1}
    return frozenset(needed | shared)


def ordered(source: Source) -> list[Field]:
    """Return fields so that what a condition reads comes before the field that has it."""
    special = (source.event_time, source.producer_name, source.producer_version)
    found = [f for f in source.fields if f.name in special]
    found += [f for f in source.fields if f not in found and not isinstance(f.presence, RequiredWhen)]
    left = [f for f in source.fields if f not in found]
    while left:
        names = {f.name for f in left}
        free = [f for f in left if not names & (set(_needs(f)) - {f.name})] or left[:1]
        found += free
        left = [f for f in left if f not in free]
    return found


def _needs(field: Field) -> tuple[str, ...]:
    return Condition(field.presence.condition).columns if isinstance(field.presence, RequiredWhen) else ()


def _places(source: Source) -> dict[tuple[str, tuple[str, ...]], str]:
    """Return which field makes the value of a place that several fields read."""
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    for field in sorted(ordered(source), key=lambda f: f.one_of is None and f.pattern is None and f.range is None):
        found.setdefault((field.path.root, field.path.steps), field.name)
    special = (source.event_time, source.producer_name, source.producer_version)
    found.update({(f.path.root, f.path.steps): f.name for f in source.fields if f.name in special})
    return found


def _decided_above(field: Field, condition: Condition, source: Source) -> bool:
    """Tell whether a field's condition is the same for all that share its value: else it is always sent."""
    if field.path.root != "$":
        return True
    rows: set[Any] = {f.name for f in source.fields if f.path.root != "$"}
    return not rows & set(condition.columns)

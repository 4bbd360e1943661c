"""The verdict on every field of a row: was it sent, was it right, and if it is missing, was that meant?

Judged by the row's own event time and by what its producer registered; never by a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan.model import Optional, RequiredWhen
from tacet_runtime.plan.versions import holds, version_key
from tacet_runtime.steps.expressions import evaluate

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from tacet_runtime.plan.model import Field, Omission, Presence, Registration, Source

PRESENT = "present"
NOT_APPLICABLE = "not_applicable"
UNDETERMINED = "undetermined"
OPTIONAL = "optional"
UNKNOWN_PRODUCER = "unknown_producer"
LOGGING_BUG = "logging_bug"


@dataclass(frozen=True, slots=True)
class Registered:
    """What a producer's version registered, ready to be asked."""

    contract: str
    presence: Mapping[str, Presence]
    omissions: Mapping[str, tuple[Omission, ...]]


class Producers:
    """Finds the registration of a producer's version; remembers what it found."""

    def __init__(self, source: Source) -> None:
        self._source = source
        presence = {v.version: v.presence for v in source.versions}
        self._by_name: dict[str, list[tuple[Registration, Registered]]] = {}
        for registration in source.registrations:
            omissions: dict[str, tuple[Omission, ...]] = {}
            for omission in registration.omissions:
                omissions[omission.field] = (*omissions.get(omission.field, ()), omission)
            known = Registered(registration.contract, presence[registration.contract], omissions)
            self._by_name.setdefault(registration.producer, []).append((registration, known))
        every = [known for registrations in self._by_name.values() for _, known in registrations]
        self._numbers = {id(known): number for number, known in enumerate(every)}
        self._found: dict[tuple[str, str], Registered | None] = {}

    def find(self, name: str | None, version: object) -> Registered | None:
        """Return what covers this producer and version (typed values); None: it is unknown."""
        if name is None or version is None:
            return None
        key = (name, str(version))
        if key not in self._found:
            if len(self._found) > 100_000:  # a stream of random versions must not fill the memory
                self._found.clear()
            self._found[key] = self._search(*key)
        return self._found[key]

    def told(self, name: str | None, version: str | None) -> str:
        """Say in words what `find` finds."""
        if name is None or version is None:
            return f"unknown: the row has no {'name' if name is None else 'version'} of its producer"
        found = self.find(name, version)
        if found is not None:
            return f"version {version} of {name} registered contract {found.contract}"
        if name not in self._by_name:
            return f"unknown: no producer {name} is registered"
        if version_key(version, self._source.scheme) is None:
            return f"unknown: {version} is no {self._source.scheme} version"
        return f"unknown: version {version} lies in no range that {name} registered"

    def number(self, registered: Registered) -> int:
        """Return a registration's position, the same for the life of this object."""
        return self._numbers[id(registered)]

    def _search(self, name: str, version: str) -> Registered | None:
        scheme = self._source.scheme
        key = version_key(version, scheme)
        if key is None:
            return None
        return next((known for r, known in self._by_name.get(name, ()) if holds(r.bounds, key, scheme)), None)


def missing_verdict(
    field: Field, registered: Registered | None, day: dt.date | None, row: Mapping[str, Any]
) -> tuple[str, str]:
    """Return (verdict, why) of a field that was not sent. `day` is the event time's, in UTC; `row` has typed values."""
    presence = registered.presence.get(field.name, field.presence) if registered else field.presence
    if isinstance(presence, RequiredWhen):
        needed = evaluate(presence.condition, row)[0]
        if needed is False:
            return NOT_APPLICABLE, "its condition is FALSE"
        if needed is None:
            return UNDETERMINED, "its condition is NULL: its own inputs are missing"
    if registered is not None:
        omission = next((o for o in registered.omissions.get(field.name, ()) if _covers(o, day)), None)
        if omission is not None:
            return f"declared_omission:{omission.id}", f"declared for this version, {_span(omission)}"
        if field.name not in registered.presence:
            return (
                f"declared_omission:predates-{field.since}",
                f"contract {registered.contract} has no such field, {field.since} is the first that has",
            )
    if isinstance(presence, Optional):
        return OPTIONAL, "the field is optional"
    if registered is None:
        return UNKNOWN_PRODUCER, "no registration covers this producer and version"
    return LOGGING_BUG, "required, registered, and nobody declared it"


def _span(omission: Omission) -> str:
    since, expires = omission.since, omission.expires
    if since is None and expires is None:
        return "without dates"
    return " ".join([*([f"since {since}"] if since else []), *([f"until {expires}"] if expires else [])])


def _covers(omission: Omission, day: dt.date | None) -> bool:
    """Tell whether an omission holds on a day; without an event time, only one without dates does."""
    if day is None:
        return omission.since is None and omission.expires is None
    text = day.isoformat()
    return (omission.since is None or omission.since <= text) and (omission.expires is None or text <= omission.expires)

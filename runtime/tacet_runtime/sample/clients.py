"""Who sends: producers, their versions, and what each registered; drawn with the shares of the profile."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.versions import holds, version_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.model import Field, Omission, Registration, Source
    from tacet_runtime.sample.profile import Profile

_STRANGERS = ("somebody-new", "client-a", "client-b")
_ODD = {
    "semver": ("0.0.1", "99999.0.0", "1.0.0-dev", "unversioned"),
    "dotted": ("0", "99999.0", "unversioned"),
    "integer": ("0", "99999", "unversioned"),
    "date": ("1999-12-31", "2099-12-31", "unversioned"),
}
_FIRST = {"semver": ("1.0.0", "0.1.0"), "dotted": ("1.0", "0"), "integer": ("1", "0"), "date": ("2020-01-01",)}


@dataclass(frozen=True, slots=True)
class Client:
    """One build of one producer. `registration` None: nobody registered it."""

    producer: str
    version: str
    registration: Registration | None
    contract: str
    """The contract version that it was built against: what it registered, or the newest."""
    fields: frozenset[str]
    """What that contract version has."""

    def omission(self, field: str, day: dt.date | None) -> Omission | None:
        """Return the omission that covers a field on a day of event time; without one, only an undated one does."""
        for omission in self.registration.omissions if self.registration else ():
            if omission.field == field and covers(omission, day):
                return omission
        return None


def covers(omission: Omission, day: dt.date | None) -> bool:
    """Tell whether an omission holds on a day: `since` and `expires` both belong to it."""
    if day is None:
        return omission.since is None and omission.expires is None
    since, expires = omission.since or "0001-01-01", omission.expires or "9999-12-31"
    return since <= day.isoformat() <= expires


def clients(source: Source, profile: Profile) -> tuple[list[Client], list[float]]:
    """Return the registered clients and their shares; where nobody is registered, some that nobody knows."""
    found: list[Client] = []
    shares: list[float] = []
    for name in dict.fromkeys(r.producer for r in source.registrations):
        own = profile.producers.get(name)
        share = own.share if own is not None else 1.0
        wanted = own.versions if own is not None and own.versions else _usual(source, name)
        builds = {v: s for v, s in wanted.items() if s and _sendable(source, name, v)}
        for version, part in builds.items():
            found.append(_client(source, name, version))
            shares.append(share * part / sum(builds.values()))
    if not any(shares):
        found = strangers(source)
        shares = [1.0] * len(found)
    return found, shares


def strangers(source: Source) -> list[Client]:
    """Return clients that no registration covers and whose name and version are valid all the same; maybe none."""
    names = [*dict.fromkeys(r.producer for r in source.registrations), *_STRANGERS, *(_name(source).one_of or ())]
    pairs = ((name, version) for name in names for version in (*_ODD[source.scheme], *_FIRST[source.scheme]))
    fine = ((n, v) for n, v in pairs if _sendable(source, n, v) and covering(source, n, v) is None)
    return [_client(source, *pair) for pair in fine][:8]


def covering(source: Source, name: str, version: str) -> Registration | None:
    """Return the registration of a version."""
    key = version_key(version, source.scheme)
    if key is None:
        return None
    return next((r for r in source.registrations if r.producer == name and holds(r.bounds, key, source.scheme)), None)


def version_value(version: str, type_: t.Type) -> Any:
    """Return a version as a value of its field's type. Raises ValueError where it is none."""
    if isinstance(type_, t.IntType | t.LongType):
        number = int(version)
        if str(number) != version or number >= (2**31 if isinstance(type_, t.IntType) else 2**63):
            raise ValueError(version)
        return number
    return dt.date.fromisoformat(version) if isinstance(type_, t.DateType) else version


def _client(source: Source, name: str, version: str) -> Client:
    registration = covering(source, name, version)
    contract = registration.contract if registration is not None else source.version
    fields = next((frozenset(v.presence) for v in source.versions if v.version == contract), frozenset())
    return Client(name, version, registration, contract, fields)


def _name(source: Source) -> Field:
    return next(f for f in source.fields if f.name == source.producer_name)


def _sendable(source: Source, name: str, version: str) -> bool:
    """Tell whether both are valid values of their fields."""
    field = next(f for f in source.fields if f.name == source.producer_version)
    try:
        version_value(version, field.type)
    except ValueError:
        return False
    return _valid(_name(source), name) and _valid(field, version)


def _valid(field: Field, text: str) -> bool:
    if field.one_of is not None and text not in field.one_of:
        return False
    return field.pattern is None or re.compile(field.pattern, re.ASCII).fullmatch(text) is not None


def _usual(source: Source, name: str) -> dict[str, float]:
    """Return up to three versions of each registered range, later ones with more users."""
    found: dict[str, float] = {}
    for registration in (r for r in source.registrations if r.producer == name):
        named = [bound.version for bound in registration.bounds]
        near = [v for start in (*named, *_FIRST[source.scheme]) for v in _near(start, source)]
        inside = [v for v in dict.fromkeys(near) if covering(source, name, v) is registration]
        for version in inside[:3]:
            found[version] = float(len(found) + 1)
    return found


def _near(version: str, source: Source) -> Iterator[str]:
    """Yield the version, and some a little after it."""
    if version_key(version, source.scheme) is None:
        return
    yield version
    match source.scheme:
        case "semver":
            major, minor, patch = version.partition("+")[0].partition("-")[0].split(".")
            yield f"{major}.{minor}.{int(patch) + 1}"
            yield f"{major}.{int(minor) + 1}.0"
        case "dotted":
            yield f"{version}.1"
            yield f"{version}.2"
        case "integer":
            yield str(int(version) + 1)
            yield str(int(version) + 2)
        case "date":
            day = dt.date.fromisoformat(version)
            if day.year < 9999:
                yield str(day + dt.timedelta(days=1))
                yield str(day + dt.timedelta(days=7))

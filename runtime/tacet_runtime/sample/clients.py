"""Who sends: producers, their versions, and what each registered; drawn with the shares of the profile."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.plan.versions import holds, version_key

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Registration, Source
    from tacet_runtime.sample.profile import Profile


@dataclass(frozen=True, slots=True)
class Client:
    """One build of one producer. `registration` None: nobody registered it."""

    producer: str
    version: str
    registration: Registration | None
    fields: frozenset[str]
    """What the contract version that it registered has."""

    def omission(self, field: str, day: str) -> str | None:
        """Return the id of the omission that covers a field on a day (ISO), or None."""
        for omission in self.registration.omissions if self.registration else ():
            if omission.field == field:
                since, expires = omission.since or "0001-01-01", omission.expires or "9999-12-31"
                if since <= day <= expires:
                    return omission.id
        return None


def clients(source: Source, profile: Profile) -> tuple[list[Client], list[float]]:
    """Return the clients and their shares."""
    fields = {version.version: frozenset(version.presence) for version in source.versions}
    found: list[Client] = []
    shares: list[float] = []
    for name in dict.fromkeys(r.producer for r in source.registrations):
        own = profile.producers.get(name)
        wanted = own.versions if own and own.versions else dict.fromkeys(_versions(source, name), 1.0)
        total = sum(wanted.values()) or 1.0
        for version, share in wanted.items():
            registration = covering(source, name, version)
            known = fields[registration.contract] if registration else fields[source.version]
            found.append(Client(name, version, registration, known))
            shares.append((own.share if own else 1.0) * share / total)
    return found, shares


def covering(source: Source, name: str, version: str) -> Registration | None:
    """Return the registration of a version."""
    key = version_key(version, source.scheme)
    if key is None:
        return None
    return next((r for r in source.registrations if r.producer == name and holds(r.bounds, key, source.scheme)), None)


def _versions(source: Source, name: str) -> list[str]:
    """Return up to three versions of each registered range: at its start, and a little after."""
    found: list[str] = []
    for registration in (r for r in source.registrations if r.producer == name):
        starts = [b.version for b in registration.bounds if b.operator in {">=", ">", "="}] or _first(source)
        near = itertools.chain.from_iterable(_after(start, source) for start in starts)
        found += [v for v in near if covering(source, name, v) is registration][:3]
    return list(dict.fromkeys(found))


def _first(source: Source) -> list[str]:
    return {"semver": ["1.0.0"], "dotted": ["1.0"], "integer": ["1"], "date": ["2020-01-01"]}[source.scheme]


def _after(version: str, source: Source) -> list[str]:
    match source.scheme:
        case "semver":
            major, minor, patch = version.partition("+")[0].partition("-")[0].split(".")
            return [version, f"{major}.{minor}.{int(patch) + 1}", f"{major}.{int(minor) + 1}.0"]
        case "dotted":
            return [version, f"{version}.1", f"{version}.2"]
        case "integer":
            return [version, str(int(version) + 1), str(int(version) + 2)]
        case "date":
            day = dt.date.fromisoformat(version)
            return [version, *(str(day + dt.timedelta(days=n)) for n in (1, 7))]

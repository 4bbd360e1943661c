"""Rules over registrations: who logs what, and what is excused for how long."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tacet_codegen.rules.base import Finding, Rule
from tacet_runtime.plan.model import Optional
from tacet_runtime.plan.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.ir.model import Omission, Producer, RawEvent, Registration, Repository, Scheme
    from tacet_runtime.plan.versions import Key

SOON_DAYS = 30


def _events(repository: Repository) -> dict[str, dict[str, RawEvent]]:
    """Return event -> version -> contract, oldest first."""
    found: dict[str, dict[str, RawEvent]] = {}
    for event in repository.raw_events:
        found.setdefault(event.header.qualified, {})[str(event.header.version)] = event
    return found


def _unregistered(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    registered: dict[str, set[str]] = {}
    for producer in repository.producers:
        registered.setdefault(producer.event, set()).add(producer.name)
    for name, versions in _events(repository).items():
        newest = list(versions.values())[-1]
        if newest.header.status == "draft":
            continue
        field = next(f for f in newest.fields if f.name == newest.producer.name)
        known = registered.get(name, set())
        missing = [v for v in field.constraint.one_of or () if v not in known]
        if missing:
            yield Finding(
                field.span,
                f"`{missing[0]}` may log `{name}`, and is not registered"
                + (f" (nor are {len(missing) - 1} more)" if len(missing) > 1 else ""),
                f"write `producers/{missing[0]}.yaml`: without it, what is missing is nobody's bug",
            )
        elif not known:
            yield Finding(
                newest.header.span,
                f"`{name}` has no registered producer",
                "write `producers/NAME.yaml`: without it, what is missing is nobody's bug",
            )


def _gaps(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    events = _events(repository)
    for producer in repository.producers:
        scheme = list(events[producer.event].values())[-1].producer.scheme
        for one, other in _apart(producer.registrations, scheme):
            yield Finding(
                other.span,
                f"versions between `{one.text}` and `{other.text}` are not registered",
                "let one range begin where the other ends: `<5.2.0` and `>=5.2.0`",
            )


def _apart(registrations: tuple[Registration, ...], scheme: Scheme) -> Iterator[tuple[Registration, Registration]]:
    """Yield ranges with a gap between them; a pinned version (`=2`) may fill one, and is none that others must reach."""
    reach: tuple[Key, int] | None = None
    last: Registration | None = None
    for (start, end), at in sorted((_ends(r, scheme), at) for at, r in enumerate(registrations)):
        registration = registrations[at]
        if _bounded(registration):
            if last is not None and reach is not None and reach < start:
                yield last, registration
            last, reach = registration, end
        elif reach is not None and reach >= start:
            reach = max(reach, end)


_LOW: Key = ()
_HIGH: Key = (float("inf"),)


def _bounded(registration: Registration) -> bool:
    return all(bound.operator != "=" for bound in registration.bounds)


def _ends(registration: Registration, scheme: Scheme) -> tuple[tuple[Key, int], tuple[Key, int]]:
    """Return where a range begins and ends; a place is a version and 0 (just before it) or 1 (just after it)."""
    low, high = (_LOW, 0), (_HIGH, 1)
    for bound in registration.bounds:
        key = version_key(bound.version, scheme) or _LOW
        if bound.operator in {">=", ">", "="}:
            low = max(low, (key, 1 if bound.operator == ">" else 0))
        if bound.operator in {"<=", "<", "="}:
            high = min(high, (key, 0 if bound.operator == "<" else 1))
    return low, high


def _omissions(repository: Repository) -> Iterator[tuple[Producer, Registration, Omission]]:
    for producer in repository.producers:
        for registration in producer.registrations:
            for omission in registration.omissions:
                yield producer, registration, omission


def _expired(repository: Repository, today: dt.date | None) -> Iterator[Finding]:
    for _, _, omission in _omissions(repository):
        if today is not None and omission.expires is not None and dt.date.fromisoformat(omission.expires) < today:
            yield Finding(
                omission.span,
                f"omission `{omission.id}` of `{omission.field}` ended on {omission.expires}",
                "send the field, or agree on a later date: since then it is a logging bug again",
            )


def _expiring(repository: Repository, today: dt.date | None) -> Iterator[Finding]:
    for _, _, omission in _omissions(repository):
        if today is None or omission.expires is None:
            continue
        left = (dt.date.fromisoformat(omission.expires) - today).days
        if 0 <= left <= SOON_DAYS:
            yield Finding(
                omission.span,
                f"omission `{omission.id}` of `{omission.field}` ends in {left} days, on {omission.expires}",
                "send the field by then, or agree on a later date",
            )


def _needless(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    events = _events(repository)
    for producer, registration, omission in _omissions(repository):
        event = events[producer.event][str(registration.contract)]
        field = next((f for f in event.fields if f.name == omission.field), None)
        if field is not None and isinstance(field.presence, Optional):
            yield Finding(
                omission.span,
                f"omission of `{omission.field}`, which is optional in {registration.contract}",
                "remove it: an optional field needs no excuse",
            )


def _contradictory(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    first: dict[tuple[str, str], Omission] = {}
    for producer, _range, omission in _omissions(repository):
        other = first.setdefault((producer.event, omission.id), omission)
        if (other.reason, other.since, other.expires, other.max_share) != (
            omission.reason,
            omission.since,
            omission.expires,
            omission.max_share,
        ):
            yield Finding(
                omission.span,
                f"omission `{omission.id}` says something else on line {other.span.line}",
                "give both the same reason, dates and max_share, or two ids",
            )


def _draft(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    events = _events(repository)
    for producer in repository.producers:
        for registration in producer.registrations:
            header = events[producer.event][str(registration.contract)].header
            released = any(e.header.status != "draft" for e in events[producer.event].values())
            if header.status == "draft" and released:
                yield Finding(
                    registration.span,
                    f"`{producer.name}` logs the draft `{header.reference}`",
                    "release it first: jobs decode with the newest released version",
                )


PRODUCERS = (
    Rule(
        "W721", "warning", "everybody who may log an event is registered",
        "Without a registration nobody has promised anything: what is missing is `unknown_producer`, never `logging_bug`.",
        "Register the producer, or take it out of `one_of`.", _unregistered,
    ),
    Rule(
        "W722", "warning", "a producer's ranges have no gap between them",
        "A version in the gap is an unknown producer's.", "Let one range begin where the other ends.", _gaps,
    ),
    Rule(
        "W723", "warning", "no omission is over",
        "After its last day an omission excuses nothing: rows since then are judged as bugs.",
        "Send the field, or agree on a later date.", _expired,
    ),
    Rule(
        "W724", "info", "no omission ends within 30 days",
        "What is excused today is a bug next month.", "Send the field by then, or agree on a later date.", _expiring,
    ),
    Rule(
        "W725", "warning", "omissions excuse only what needs an excuse",
        "An optional field may be missing anyway; the omission hides how often it really is.",
        "Remove the omission.", _needless,
    ),
    Rule(
        "W726", "warning", "one omission id means one thing",
        "The verdict names only the id; two meanings under it cannot be told apart.",
        "Say the same, or use two ids.", _contradictory,
    ),
    Rule(
        "W727", "warning", "producers log released versions",
        "A draft may change, and is not what jobs decode with.", "Release the version first.", _draft,
    ),
)  # fmt: skip

"""A producer as meant: its ranges in the event's scheme, apart from one another, and its omissions of fields there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.ranges import overlap, read_bounds
from tacet_codegen.ir.model import Producer, RawEvent, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.frontend.producer import WrittenOmission, WrittenProducer, WrittenRegistration
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.frontend.written import Known
    from tacet_codegen.ir.model import RawField, Scheme


def resolve_producers(written: Iterable[WrittenProducer], known: Known, problems: Problems) -> tuple[Producer, ...]:
    """Settle every producer, by event and name; what is wrong is left out."""
    producers = []
    owners: dict[tuple[str, str], str] = {}
    for producer in written:
        qualified = f"{producer.place.namespace}.{producer.place.folder}"
        versions = {str(e.header.version): e for e in known.raw.get(qualified, ())}
        if qualified in known.broken:
            continue
        if not versions:
            problems.add(
                "E302",
                f"producer of `{qualified}`, and there is no such raw event",
                producer.event.span,
                "write the event's contract, or move the file",
            )
            continue
        _own_ids(producer, qualified, owners, problems)
        resolved = _producer(producer, qualified, versions, problems)
        if resolved is not None:
            producers.append(resolved)
    return tuple(sorted(producers, key=lambda p: (p.event, p.name)))


def _producer(
    written: WrittenProducer, qualified: str, versions: Mapping[str, RawEvent], problems: Problems
) -> Producer | None:
    before = problems.errors
    newest = list(versions.values())[-1]
    _known_producer(written, newest, problems)
    registrations = [_registration(r, versions, newest.producer.scheme, problems) for r in written.registrations]
    whole = [r for r in registrations if r is not None]
    for at, one in enumerate(whole):
        for other in whole[:at]:
            if overlap(one.bounds, other.bounds, newest.producer.scheme):
                problems.add(
                    "E304",
                    f"range `{one.text}` overlaps `{other.text}`",
                    one.span,
                    "a version lies in one range: move a bound",
                )
    ids = [o for r in written.registrations for o in r.omissions]
    _one_meaning(ids, problems)
    if problems.errors > before:
        return None
    place = written.place
    return Producer(written.name, qualified, written.owner, tuple(whole), place.file, place.digest, written.span)


def _known_producer(written: WrittenProducer, event: RawEvent, problems: Problems) -> None:
    named = next(f for f in event.fields if f.name == event.producer.name)
    closed = named.constraint.one_of
    if closed is not None and written.name not in closed:
        hint = reading.did_you_mean(
            written.name, closed, f"add it to `one_of` of `{named.name}`, or rename the producer"
        )
        problems.add(
            "E302", f"producer `{reading.cut(written.name)}` is no value of `{named.name}`", written.span, hint
        )


def _own_ids(producer: WrittenProducer, event: str, owners: dict[tuple[str, str], str], problems: Problems) -> None:
    """Check that no other producer of the event uses an omission's id: the verdict names nothing else."""
    for registration in producer.registrations:
        for written in registration.omissions:
            other = owners.setdefault((event, written.omission.id), producer.name)
            if other != producer.name:
                problems.add(
                    "E306",
                    f"omission id `{written.omission.id}` is used by `{reading.cut(other)}` too",
                    written.field.span,
                    "an id is one producer's: begin it with the producer's name",
                )


def _one_meaning(omissions: list[WrittenOmission], problems: Problems) -> None:
    first: dict[str, WrittenOmission] = {}
    for omission in omissions:
        other = first.setdefault(omission.omission.id, omission)
        if other.omission.field != omission.omission.field:
            problems.add(
                "E306",
                f"omission id `{omission.omission.id}` stands for two fields",
                omission.field.span,
                "give each field's omission an id of its own",
            )


def _registration(
    written: WrittenRegistration, versions: Mapping[str, RawEvent], scheme: Scheme, problems: Problems
) -> Registration | None:
    bounds = read_bounds(written.range, scheme, problems)
    event = versions.get(str(written.contract))
    if event is None:
        problems.add(
            "E302",
            f"contract `{written.contract}` does not exist",
            written.contract_span,
            f"versions: {', '.join(versions)}",
        )
        return None
    newest = list(versions.values())[-1]
    known = {f.name: f for f in newest.fields} | {f.name: f for f in event.fields}
    for omission in written.omissions:
        _omission(omission, known, event, problems)
    if bounds is None:
        return None
    omissions = tuple(o.omission for o in written.omissions)
    return Registration(written.range.value, bounds, written.contract, omissions, written.range.span)


def _omission(written: WrittenOmission, known: Mapping[str, RawField], event: RawEvent, problems: Problems) -> None:
    found = known.get(written.omission.field)
    name = reading.cut(written.omission.field)
    if found is None:
        hint = reading.did_you_mean(name, known, f"fields of `{event.header.reference}`: {', '.join(list(known)[:8])}")
        problems.add("E301", f"omission of `{name}`, and there is no such field", written.field.span, hint)
    elif found.identity:
        problems.add(
            "E306",
            f"omission of `{name}`, which is part of the identity",
            written.field.span,
            "a row without its identity is always rejected: remove the omission",
        )

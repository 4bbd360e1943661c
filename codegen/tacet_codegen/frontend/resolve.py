"""As written -> as meant: names found, versions chosen, expressions typed. What one file cannot know is settled here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Optional, Required, RequiredWhen

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.expressions import Scope, parse
from tacet_codegen.frontend.ranges import overlap, read_bounds
from tacet_codegen.frontend.resolve_derived import resolve_derived
from tacet_codegen.ir.columns import (
    LEDGER,
    METRICS,
    REJECTS,
    companion,
    derived_columns,
    derived_table,
    raw_columns,
    raw_table,
)
from tacet_codegen.ir.lock import assign
from tacet_codegen.ir.model import (
    Job,
    Lock,
    Producer,
    RawEvent,
    RawField,
    Registration,
    Repository,
    Rule,
    SourceSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Presence
    from tacet_runtime.plan.types import Type

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.derived import WrittenDerived
    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.producer import WrittenOmission, WrittenProducer, WrittenRegistration
    from tacet_codegen.frontend.raw import WrittenField, WrittenRaw, WrittenRule
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.columns import Column
    from tacet_codegen.ir.model import DerivedEvent, Scheme, Table, Version


@dataclass(slots=True)
class Written:
    """All files as written. `broken`: qualified names of contracts that have errors, so that nobody else complains."""

    raw: list[WrittenRaw] = field(default_factory=list)
    derived: list[WrittenDerived] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    producers: list[WrittenProducer] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)


def condition(text: Scalar, scope: Scope, problems: Problems) -> Expression | None:
    """Type an expression that must be boolean."""
    return parse(text.value, text.at, scope, problems.found, expected=t.BooleanType())


def resolve(written: Written, lock: Lock, problems: Problems) -> Repository:
    """Settle everything that spans files. What cannot be settled is left out, and said."""
    raw_events = _raw_events(written, lock, problems)
    producers = _producers(written, raw_events, problems)
    derived = [resolve_derived(event, raw_events, written, problems) for event in written.derived]
    events = tuple(event for event in derived if event is not None)
    _shared_tables(raw_events, events, problems)
    lock = assign(lock, _sink_columns(raw_events, events))
    raw_events = tuple(_with_ids(event, lock) for event in raw_events)
    events = tuple(_derived_with_ids(event, raw_events, lock) for event in events)
    jobs = _jobs(events, raw_events, producers)
    tables = tuple(sorted(written.tables, key=lambda table: (table.header.qualified, table.header.version.key)))
    return Repository(raw_events, events, tables, producers, jobs, lock)


def _raw_events(written: Written, lock: Lock, problems: Problems) -> tuple[RawEvent, ...]:
    ordered = sorted(written.raw, key=lambda e: (e.header.qualified, e.header.version.key))
    since: dict[tuple[str, str], Version] = {}
    types: dict[tuple[str, str], Type] = {}
    events = []
    for event in ordered:
        for name, type_, span in ((f.name, f.type, f.span) for f in event.fields):
            key = (event.header.qualified, name)
            since.setdefault(key, event.header.version)
            before = types.setdefault(key, type_)
            if not _promotes(before, type_):
                problems.add(
                    "E405",
                    f"field `{name}` changes its type since an earlier version",
                    span,
                    "give the new form a new name: one table holds both versions",
                )
            types[key] = type_
        resolved = _raw_event(event, since, problems)
        if resolved is not None:
            events.append(resolved)
        else:
            written.broken.add(event.header.qualified)
    return tuple(events)


def _promotes(old: Type, new: Type) -> bool:
    """Tell whether Iceberg can read the old column as the new type (Iceberg spec, Schema Evolution)."""
    if old == new:
        return True
    match old, new:
        case (t.IntType(), t.LongType()) | (t.FloatType(), t.DoubleType()):
            return True
        case t.DecimalType(p, s), t.DecimalType(p2, s2):
            return s == s2 and p2 >= p
        case t.ListType(a), t.ListType(b):
            return _promotes(a, b)
        case t.MapType(a), t.MapType(b):
            return _promotes(a, b)
        case t.StructType(a), t.StructType(b):
            after = {m.name: m.type for m in b}
            return all(m.name not in after or _promotes(m.type, after[m.name]) for m in a)
        case _:
            return False


def _raw_event(event: WrittenRaw, since: Mapping[tuple[str, str], Version], problems: Problems) -> RawEvent | None:
    before = problems.errors
    scope = Scope({f.name: f.type for f in event.fields})
    fields = [_raw_field(f, scope, since[event.header.qualified, f.name], problems) for f in event.fields]
    rules = [rule(r, scope, problems) for r in event.rules]
    select = condition(event.select, Scope({}, paths=True), problems) if event.select else None
    if problems.errors > before:
        return None
    return RawEvent(
        header=event.header,
        source=SourceSpec(
            event.topic, select, event.select.value if event.select else None, event.explode, event.event_time
        ),
        producer=event.producer,
        unknown_fields=event.unknown_fields,
        fields=tuple(f for f in fields if f),
        rules=tuple(r for r in rules if r),
        sinks=event.sinks,
    )


def _raw_field(written: WrittenField, scope: Scope, since: Version, problems: Problems) -> RawField | None:
    presence: Presence
    if written.when is not None:
        when = condition(written.when, scope, problems)
        if when is None:
            return None
        presence = RequiredWhen(when)
    else:
        presence = Required() if written.presence == "required" else Optional()
    return RawField(
        name=written.name,
        id=0,
        type=written.type,
        path=written.path,
        encoding=written.encoding,
        presence=presence,
        identity=written.identity,
        reject_on_bug=written.reject_on_bug,
        constraint=written.constraint,
        pii=written.pii,
        doc=written.doc,
        since=since,
        span=written.span,
    )


def rule(written: WrittenRule, scope: Scope, problems: Problems) -> Rule | None:
    """Type a rule or an agreement."""
    check = condition(written.check, scope, problems)
    if check is None:
        return None
    return Rule(written.name, check, written.check.value, written.otherwise, written.severity, written.span)


def _producers(written: Written, raw_events: tuple[RawEvent, ...], problems: Problems) -> tuple[Producer, ...]:
    producers = []
    for producer in written.producers:
        qualified = f"{producer.place.namespace}.{producer.place.folder}"
        versions = {str(e.header.version): e for e in raw_events if e.header.qualified == qualified}
        if qualified in written.broken:
            continue
        if not versions:
            problems.add(
                "E302",
                f"producer of `{qualified}`, and there is no such raw event",
                producer.event.span,
                "write the event's contract, or move the file",
            )
            continue
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


def _shared_tables(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent], problems: Problems) -> None:
    owners: dict[str, str] = {}
    for name, owner, span in _table_owners(raw_events, derived):
        other = owners.setdefault(name.casefold(), owner)
        if other != owner:
            problems.add(
                "E403",
                f"table `{name}` is written by `{other}` and by `{owner}`",
                span,
                "give each event a table of its own",
            )


def _table_owners(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent]) -> Iterable[tuple[str, str, Span]]:
    for event in raw_events:
        yield (
            raw_table(event),
            event.header.qualified,
            event.sinks.iceberg.span if event.sinks.iceberg else event.header.span,
        )
    for item in derived:
        span = item.sinks.iceberg.span if item.sinks.iceberg else item.header.span
        table = derived_table(item)
        yield table, item.header.qualified, span
        for role in ("rejects", "ledger", "metrics"):
            yield companion(table, role), item.header.qualified, span


def _sink_columns(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent]) -> dict[str, list[Column]]:
    tables: dict[str, list[Column]] = {}
    for event in raw_events:
        tables.setdefault(raw_table(event), []).extend(raw_columns(event))
        for role, columns in (("rejects", REJECTS), ("ledger", LEDGER), ("metrics", METRICS)):
            tables[companion(raw_table(event), role)] = list(columns)
    for item in sorted(derived, key=lambda e: (e.header.qualified, e.header.version.key)):
        table = derived_table(item)
        tables.setdefault(table, []).extend(derived_columns(item))
        for role, columns in (("rejects", REJECTS), ("ledger", LEDGER), ("metrics", METRICS)):
            tables[companion(table, role)] = list(columns)
    return tables


def _with_ids(event: RawEvent, lock: Lock) -> RawEvent:
    ids = lock.ids[raw_table(event)]
    return replace(event, fields=tuple(replace(f, id=ids[f.name]) for f in event.fields))


def _derived_with_ids(event: DerivedEvent, raw_events: tuple[RawEvent, ...], lock: Lock) -> DerivedEvent:
    ids = lock.ids[derived_table(event)]
    raw = next(r for r in raw_events if r.header.reference == event.raw.header.reference)
    return replace(event, raw=raw, fields=tuple(replace(f, id=ids[f.name]) for f in event.fields))


def _jobs(
    derived: tuple[DerivedEvent, ...], raw_events: tuple[RawEvent, ...], producers: tuple[Producer, ...]
) -> tuple[Job, ...]:
    newest: dict[str, DerivedEvent] = {}
    for event in sorted(derived, key=lambda e: (e.header.status != "draft", e.header.version.key)):
        newest[event.header.qualified] = event
    return tuple(job_of(event.raw, event, raw_events, producers) for _, event in sorted(newest.items()))


def job_of(
    raw: RawEvent, derived: DerivedEvent | None, raw_events: tuple[RawEvent, ...], producers: tuple[Producer, ...]
) -> Job:
    """Gather what one job needs; its digest covers every file that it was made from."""
    versions = tuple(e for e in raw_events if e.header.qualified == raw.header.qualified)
    own = tuple(p for p in producers if p.event == raw.header.qualified)
    files = [(e.header.file, e.header.digest) for e in versions] + [(p.file, p.digest) for p in own]
    if derived is not None:
        files.append((derived.header.file, derived.header.digest))
        files += [(lookup.table.header.file, lookup.table.header.digest) for lookup in derived.lookups]
    digest = hashlib.sha256("".join(f"{file} {d}\n" for file, d in sorted(set(files))).encode()).hexdigest()
    header = derived.header if derived is not None else raw.header
    return Job(header.qualified, raw, versions, own, derived, digest)

"""As written -> as meant: names found, versions chosen, expressions typed. What one file cannot know is settled here."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tacet_codegen.frontend.promotion import check_types
from tacet_codegen.frontend.resolve_derived import resolve_derived
from tacet_codegen.frontend.resolve_producer import resolve_producers
from tacet_codegen.frontend.resolve_raw import resolve_raw
from tacet_codegen.frontend.sink_tables import check_owners, sink_columns, with_derived_ids, with_ids
from tacet_codegen.frontend.sink_topics import check_topics
from tacet_codegen.frontend.written import Known, by_name
from tacet_codegen.ir.lock import assign
from tacet_codegen.ir.model import Job, Repository

if TYPE_CHECKING:
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.frontend.written import Versioned as _Versioned
    from tacet_codegen.frontend.written import Written
    from tacet_codegen.ir.model import DerivedEvent, Lock, Producer, RawEvent


def resolve(written: Written, lock: Lock, problems: Problems) -> Repository:
    """Settle everything that spans files. What cannot be settled is left out, and said."""
    raw_events = resolve_raw(written, problems)
    tables = tuple(sorted(written.tables, key=_age))
    known = Known(by_name(raw_events), by_name(tables), written.broken)
    producers = resolve_producers(written.producers, known, problems)
    ordered = sorted(written.derived, key=_age)
    found = [resolve_derived(event, known, problems) for event in ordered]
    events = tuple(event for event in found if event is not None)
    check_types(((e.header.qualified, f.name, f.type, f.span) for e in events for f in e.fields), problems)
    check_owners(raw_events, events, problems)
    check_topics(raw_events, events, problems)
    lock = assign(lock, sink_columns(raw_events, events))
    raw_events = tuple(with_ids(event, lock) for event in raw_events)
    numbered = {event.header.reference: event for event in raw_events}
    events = tuple(with_derived_ids(event, numbered, lock) for event in events)
    return Repository(raw_events, events, tables, producers, _jobs(events, raw_events, producers), lock)


def _age(contract: _Versioned) -> tuple[str, tuple[int, int, int]]:
    return contract.header.qualified, contract.header.version.key


def _jobs(
    derived: tuple[DerivedEvent, ...], raw_events: tuple[RawEvent, ...], producers: tuple[Producer, ...]
) -> tuple[Job, ...]:
    versions = by_name(raw_events)
    registered: dict[str, list[Producer]] = {}
    for producer in producers:
        registered.setdefault(producer.event, []).append(producer)
    newest: dict[str, DerivedEvent] = {}
    for event in sorted(derived, key=lambda e: (e.header.status != "draft", e.header.version.key)):
        newest[event.header.qualified] = event
    jobs = [
        job_of(event.raw, event, versions[name], tuple(registered.get(name, ())))
        for event in newest.values()
        for name in (event.raw.header.qualified,)
    ]
    read = {job.raw.header.qualified for job in jobs}
    for name, events in versions.items():
        if name not in read:
            raw = max(events, key=lambda e: (e.header.status != "draft", e.header.version.key))
            jobs.append(job_of(raw, None, events, tuple(registered.get(name, ()))))
    return tuple(sorted(jobs, key=lambda job: job.name))


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

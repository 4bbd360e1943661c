"""A job as meant -> the plan as run. Everything an engine needs is settled here; no engine asks a contract again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.ir.columns import (
    LEDGER,
    METRICS,
    REJECTS,
    companion,
    derived_columns,
    derived_table,
    nested_paths,
    raw_columns,
    raw_table,
)
from tacet_runtime.plan import model as p

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.ir.columns import Column
    from tacet_codegen.ir.model import (
        DerivedEvent,
        DerivedField,
        Job,
        Lock,
        Lookup,
        Producer,
        RawEvent,
        RawField,
        Rule,
        TableField,
    )

DEFAULT_WINDOW = 300


def lower(job: Job, lock: Lock) -> p.Plan:
    """Return the job's plan, without SQL. `lock` must have an id for every column (`ir.lock.assign`)."""
    derived = job.derived
    window = derived.quality.window_seconds if derived and derived.quality else DEFAULT_WINDOW
    return p.Plan(
        format=p.PLAN_FORMAT,
        job=job.name,
        digest=job.digest,
        source=_source(job),
        derived=_derived(derived) if derived else None,
        limits=p.Limits(),
        metrics_window_seconds=window,
        tables=_tables(job.raw, derived, lock),
        topics=_topics(job.raw, derived),
        sql={},
    )


def _line(span: Span) -> str:
    return f"{span.file}:{span.line}"


def _source(job: Job) -> p.Source:
    raw = job.raw
    return p.Source(
        event=raw.header.qualified,
        version=str(raw.header.version),
        topic=raw.source.topic,
        select=raw.source.select,
        explode=raw.source.explode,
        event_time=raw.source.event_time,
        producer_name=raw.producer.name,
        producer_version=raw.producer.version,
        scheme=raw.producer.scheme,
        unknown_fields=raw.unknown_fields,
        fields=tuple(_field(f) for f in raw.fields),
        versions=tuple(_version(v) for v in job.raw_versions),
        registrations=tuple(r for producer in job.producers for r in _registrations(producer)),
        rules=tuple(_rule(r) for r in raw.rules),
        keep_payload=raw.sinks.keep_payload,
        line=_line(raw.header.span),
    )


def _field(field: RawField) -> p.Field:
    return p.Field(
        name=field.name,
        id=field.id,
        type=field.type,
        path=field.path,
        encoding=field.encoding,
        presence=field.presence,
        identity=field.identity,
        reject_on_bug=field.reject_on_bug,
        one_of=field.constraint.one_of,
        range=field.constraint.range,
        pattern=field.constraint.pattern,
        since=str(field.since),
        line=_line(field.span),
    )


def _version(event: RawEvent) -> p.ContractVersion:
    return p.ContractVersion(str(event.header.version), {f.name: f.presence for f in event.fields})


def _registrations(producer: Producer) -> Iterable[p.Registration]:
    for registration in producer.registrations:
        omissions = tuple(p.Omission(o.id, o.field, o.since, o.expires, o.max_share) for o in registration.omissions)
        yield p.Registration(producer.name, registration.bounds, str(registration.contract), omissions)


def _rule(rule: Rule) -> p.Rule:
    return p.Rule(rule.name, rule.check, rule.otherwise, _line(rule.span))


def _derived(event: DerivedEvent) -> p.Derived:
    return p.Derived(
        event=event.header.qualified,
        version=str(event.header.version),
        filters=tuple(p.Filter(f.name, f.drop_when) for f in event.filters),
        corrections=tuple(
            p.Correction(c.name, c.when, tuple(p.Assignment(a.field, a.value) for a in c.set))
            for c in event.corrections
        ),
        lookups=tuple(_lookup(lookup) for lookup in event.lookups),
        fields=tuple(_derived_field(f) for f in event.fields),
        agreements=tuple(_rule(a) for a in event.agreements),
        line=_line(event.header.span),
    )


def _lookup(lookup: Lookup) -> p.Lookup:
    table = lookup.table
    return p.Lookup(
        name=lookup.name,
        table=table.header.reference,
        source=table.source,
        keys=tuple(p.LookupKey(column, field) for column, field in lookup.on),
        columns=tuple(_table_column(f) for f in table.fields),
        on_miss=lookup.on_miss,
        line=_line(lookup.span),
    )


def _table_column(field: TableField) -> p.TableColumn:
    demands = field.constraint
    return p.TableColumn(field.name, field.type, field.required, demands.one_of, demands.range, demands.pattern)


def _derived_field(field: DerivedField) -> p.DerivedField:
    return p.DerivedField(
        name=field.name,
        id=field.id,
        type=field.type,
        value=field.value,
        taken_over=field.taken_over is not None,
        inputs=field.inputs,
        identity=field.identity,
        line=_line(field.span),
    )


def _tables(raw: RawEvent, derived: DerivedEvent | None, lock: Lock) -> tuple[p.SinkTable, ...]:
    main = derived_table(derived) if derived else raw_table(raw)
    tables = [_table("raw", raw_table(raw), raw_columns(raw), lock, raw)]
    if derived is not None:
        tables.append(_table("derived", main, derived_columns(derived), lock, derived))
    companions: tuple[tuple[Literal["rejects", "ledger", "metrics"], tuple[Column, ...]], ...] = (
        ("rejects", REJECTS),
        ("ledger", LEDGER),
        ("metrics", METRICS),
    )
    tables += [_table(role, companion(main, role), columns, lock, None) for role, columns in companions]
    return tuple(tables)


def _table(
    role: Literal["raw", "derived", "rejects", "ledger", "metrics"],
    name: str,
    columns: tuple[Column, ...],
    lock: Lock,
    event: RawEvent | DerivedEvent | None,
) -> p.SinkTable:
    sink = event.sinks.iceberg if event else None
    ids = lock.ids[name]
    return p.SinkTable(
        role=role,
        name=name,
        columns=tuple(
            p.SinkColumn(
                c.name, ids[c.name], c.type, c.required, tuple(ids[path] for path in nested_paths(c.name, c.type))
            )
            for c in columns
        ),
        partition=sink.partition if sink else (),
        sort=sink.sort if sink else (),
    )


def _topics(raw: RawEvent, derived: DerivedEvent | None) -> tuple[p.SinkTopic, ...]:
    topics = []
    if raw.sinks.kafka is not None:
        topics.append(p.SinkTopic("raw", raw.sinks.kafka.topic, raw.sinks.kafka.key, raw.sinks.kafka.format))
    if derived is not None and derived.sinks.kafka is not None:
        topics.append(
            p.SinkTopic("derived", derived.sinks.kafka.topic, derived.sinks.kafka.key, derived.sinks.kafka.format)
        )
    return tuple(topics)

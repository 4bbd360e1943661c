"""The hub: contracts as meant. Names are resolved, defaults filled, expressions typed, ids assigned; all of it frozen.

The frontend makes these, rules and targets read them. Types and typed expressions are the plan's own: one meaning,
said once. Nothing here knows YAML, and nothing downstream of here sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_codegen.diagnostics import Span
    from tacet_runtime.plan.expressions import Expression, Path
    from tacet_runtime.plan.model import Bound, Bounds, PartitionField, Presence, TableSource
    from tacet_runtime.plan.types import Encoding, Type

Status: TypeAlias = Literal["draft", "released", "deprecated"]
Scheme: TypeAlias = Literal["semver", "dotted", "integer", "date"]
Pii: TypeAlias = Literal["none", "internal", "restricted"]


@dataclass(frozen=True, slots=True)
class Version:
    """A contract's own version: always MAJOR.MINOR.PATCH."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def key(self) -> tuple[int, int, int]:
        """Return the sort key."""
        return (self.major, self.minor, self.patch)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for it, and where they are told."""

    team: str
    notify: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What every versioned contract has."""

    namespace: str
    name: str
    version: Version
    status: Status
    owner: Owner
    doc: str
    file: str
    """Path of the contract, relative to the repository."""
    digest: str
    """SHA-256 of the file's bytes, hex."""
    span: Span

    @property
    def qualified(self) -> str:
        """Return `namespace.name`."""
        return f"{self.namespace}.{self.name}"

    @property
    def reference(self) -> str:
        """Return `namespace.name@version`."""
        return f"{self.qualified}@{self.version}"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a value may be, beyond its type."""

    one_of: tuple[str, ...] | None = None
    range: Bounds | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class RawField:
    """A field of a raw event."""

    name: str
    id: int
    type: Type
    path: Path
    encoding: Encoding
    presence: Presence
    when: str | None
    """`required_when`, as written."""
    identity: bool
    reject_on_bug: bool
    constraint: Constraint
    pii: Pii
    doc: str
    since: Version
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """A validity rule or an agreement; `text` is the expression as written."""

    name: str
    check: Expression
    text: str
    otherwise: Literal["reject", "flag"]
    severity: Literal["info", "warning", "critical"]
    span: Span


@dataclass(frozen=True, slots=True)
class IcebergSink:
    """A table: `namespace.name`, partition and sort."""

    table: str
    partition: tuple[PartitionField, ...]
    sort: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class KafkaSink:
    """A topic."""

    topic: str
    key: tuple[str, ...]
    format: Literal["source", "avro"]
    span: Span


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where an event goes."""

    iceberg: IcebergSink | None
    kafka: KafkaSink | None
    keep_payload: bool = True


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where raw events come from, and which of them are ours."""

    topic: str
    select: Expression | None
    select_text: str | None
    explode: Path | None
    event_time: str


@dataclass(frozen=True, slots=True)
class ProducerKey:
    """Which fields name the producer and its version."""

    name: str
    version: str
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One version of a raw event."""

    header: Header
    source: SourceSpec
    producer: ProducerKey
    unknown_fields: Literal["report", "keep", "reject"]
    fields: tuple[RawField, ...]
    rules: tuple[Rule, ...]
    sinks: Sinks


@dataclass(frozen=True, slots=True)
class Omission:
    """A declared absence, by one producer, of one field."""

    id: str
    field: str
    reason: str
    note: str
    approved_by: str | None
    issue: str | None
    since: str | None
    expires: str | None
    max_share: float | None
    span: Span


@dataclass(frozen=True, slots=True)
class Registration:
    """What one range of a producer's versions logs."""

    text: str
    bounds: tuple[Bound, ...]
    contract: Version
    omissions: tuple[Omission, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Producer:
    """One producer of one raw event."""

    name: str
    event: str
    """`namespace.name` of the raw event."""
    owner: Owner
    registrations: tuple[Registration, ...]
    file: str
    digest: str
    span: Span


@dataclass(frozen=True, slots=True)
class TableField:
    """A column of reference data."""

    name: str
    type: Type
    required: bool
    constraint: Constraint
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """One version of reference data."""

    header: Header
    key: tuple[str, ...]
    source: TableSource
    fields: tuple[TableField, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A named drop."""

    name: str
    drop_when: Expression
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value a correction sets."""

    field: str
    value: Expression
    text: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A named correction."""

    name: str
    when: Expression
    text: str
    set: tuple[Assignment, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Lookup:
    """A join, with the one table version it was resolved to."""

    name: str
    table: Table
    on: tuple[tuple[str, str], ...]
    """(table column, raw field)."""
    on_miss: Literal["keep", "reject"]
    span: Span


@dataclass(frozen=True, slots=True)
class DerivedField:
    """A field of a derived event: taken over from a raw field or a lookup, or computed."""

    name: str
    id: int
    type: Type
    value: Expression
    text: str
    """`from` or `expr`, as written."""
    taken_over: str | None
    """What `from:` names: a raw field, or `lookup.column`. None when it is computed."""
    inputs: tuple[str, ...]
    optional: bool
    identity: bool
    pii: Pii
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold on one quality metric of one field (`*`: every field)."""

    field: str
    metric: str
    warning: float | None
    critical: float | None
    min_rows: int
    span: Span


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured, and when somebody is told."""

    window_seconds: int
    by: tuple[str, ...]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class DerivedEvent:
    """One version of a derived event: filter, correct, enrich."""

    header: Header
    raw: RawEvent
    """The raw version that decodes: the newest released one in range."""
    raw_range: str
    filters: tuple[Filter, ...]
    corrections: tuple[Correction, ...]
    lookups: tuple[Lookup, ...]
    fields: tuple[DerivedField, ...]
    agreements: tuple[Rule, ...]
    sinks: Sinks
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Job:
    """One derived event and all that it needs; `derived` is None for a raw event on its own."""

    name: str
    """`namespace.name`."""
    raw: RawEvent
    raw_versions: tuple[RawEvent, ...]
    """Every version of the raw event, oldest first."""
    producers: tuple[Producer, ...]
    derived: DerivedEvent | None
    digest: str
    """SHA-256 over the digests of all files of this job, sorted by path."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A warning that is accepted for a while, in one file."""

    rule: str
    file: str
    """Path of the contract or producer, relative to the repository."""
    reason: str
    expires: str
    """Last day, UTC, ISO."""
    span: Span


@dataclass(frozen=True, slots=True)
class Repository:
    """All contracts of a repository."""

    raw_events: tuple[RawEvent, ...]
    derived_events: tuple[DerivedEvent, ...]
    tables: tuple[Table, ...]
    producers: tuple[Producer, ...]
    jobs: tuple[Job, ...]
    """One per derived event (newest released version, else newest), one per raw event that none reads; by name."""
    lock: Lock

    @property
    def headers(self) -> tuple[Header, ...]:
        """Return the headers of every contract that is a version of something: events first, then tables."""
        raw, derived = (event.header for event in self.raw_events), (event.header for event in self.derived_events)
        return (*raw, *derived, *(table.header for table in self.tables))


@dataclass(frozen=True, slots=True)
class Lock:
    """`released.lock`: digest of every released file, and every Iceberg field id ever assigned."""

    released: Mapping[str, str] = field(default_factory=dict)
    """Contract path -> SHA-256 hex."""
    ids: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Sink table -> column path (`a`, `a.element`, `a.key`, `a.value`, `a.member`) -> id."""

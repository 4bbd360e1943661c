"""The plan: one job as data, complete. The compiler writes it, every engine reads it; nothing else passes between them.

Positions in contracts are text (`contracts/x/1.0.0.yaml:14`), so that a reject can name the line it broke.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tacet_runtime.plan.expressions import Expression, Path
from tacet_runtime.plan.types import Encoding, Type

PLAN_FORMAT = 1
"""The plan format this runtime reads. A plan of another format is refused with both numbers."""


class Required(msgspec.Struct, frozen=True, tag="required", tag_field="presence"):
    """Always sent."""


class Optional(msgspec.Struct, frozen=True, tag="optional", tag_field="presence"):
    """May be left out."""


class RequiredWhen(msgspec.Struct, frozen=True, tag="required_when", tag_field="presence"):
    """Sent whenever the condition is TRUE; the condition sees typed raw values, an invalid one as NULL."""

    condition: Expression


Presence: TypeAlias = Required | Optional | RequiredWhen


class Bounds(msgspec.Struct, frozen=True):
    """An inclusive range in the field's own type, as JSON's form of the value (text for decimals and times)."""

    low: int | float | str | None
    high: int | float | str | None


class Field(msgspec.Struct, frozen=True):
    """One raw field: where it stands in the message, what it may be, when it must be there."""

    name: str
    id: int
    type: Type
    path: Path
    encoding: Encoding
    presence: Presence
    identity: bool
    reject_on_bug: bool
    one_of: tuple[str, ...] | None
    range: Bounds | None
    pattern: str | None
    since: str
    """The first contract version that has this field."""
    line: str


class Omission(msgspec.Struct, frozen=True):
    """A producer's declared absence of one field. `since` and `expires` are ISO dates, UTC, both inclusive."""

    id: str
    field: str
    since: str | None
    expires: str | None
    max_share: float | None


class Bound(msgspec.Struct, frozen=True):
    """One comparison of a version range."""

    operator: Literal[">=", ">", "<=", "<", "="]
    version: str


class Registration(msgspec.Struct, frozen=True):
    """One version range of one producer: all bounds must hold."""

    producer: str
    bounds: tuple[Bound, ...]
    contract: str
    """The contract version that this range registered."""
    omissions: tuple[Omission, ...]


class ContractVersion(msgspec.Struct, frozen=True):
    """What one released version demands: presence of each field that it has."""

    version: str
    presence: dict[str, Presence]


class Rule(msgspec.Struct, frozen=True):
    """A validity rule or an agreement: fails only on FALSE."""

    name: str
    check: Expression
    otherwise: Literal["reject", "flag"]
    line: str


class Source(msgspec.Struct, frozen=True):
    """The raw event: how messages become typed, judged rows."""

    event: str
    """`namespace.name`."""
    version: str
    """The version that decodes: the newest released one in the job's range."""
    topic: str
    select: Expression | None
    explode: Path | None
    event_time: str
    producer_name: str
    producer_version: str
    scheme: Literal["semver", "dotted", "integer", "date"]
    unknown_fields: Literal["report", "keep", "reject"]
    fields: tuple[Field, ...]
    versions: tuple[ContractVersion, ...]
    registrations: tuple[Registration, ...]
    rules: tuple[Rule, ...]
    keep_payload: bool
    line: str


class Filter(msgspec.Struct, frozen=True):
    """A named drop: drops only on TRUE. Sees raw values before correction."""

    name: str
    drop_when: Expression


class Assignment(msgspec.Struct, frozen=True):
    """One value that a correction sets."""

    field: str
    value: Expression


class Correction(msgspec.Struct, frozen=True):
    """When TRUE, sets fields; all its expressions see the row as it was before this correction."""

    name: str
    when: Expression
    set: tuple[Assignment, ...]


class LookupKey(msgspec.Struct, frozen=True):
    """One equality of a lookup: the table's key column and the raw field (after correction)."""

    column: str
    field: str


class TableColumn(msgspec.Struct, frozen=True):
    """One column of reference data that is read, and what its contract demands of the values."""

    name: str
    type: Type
    required: bool
    one_of: tuple[str, ...] | None = None
    range: Bounds | None = None
    pattern: str | None = None


class TableSource(msgspec.Struct, frozen=True):
    """Where reference data is: a Parquet or CSV file relative to the repository, or an Iceberg table."""

    kind: Literal["file", "iceberg", "kafka", "jdbc"]
    location: str
    refresh_seconds: int | None


class Lookup(msgspec.Struct, frozen=True):
    """A join on the table's whole key: one row or none. A NULL key is a miss."""

    name: str
    table: str
    """`namespace.name@version`."""
    source: TableSource
    keys: tuple[LookupKey, ...]
    columns: tuple[TableColumn, ...]
    on_miss: Literal["keep", "reject"]
    line: str


class DerivedField(msgspec.Struct, frozen=True):
    """One field of the derived event.

    `taken_over` is True for `from:`: a NULL has the verdict of the raw field, or of the lookup's column. Otherwise it is
    explained by `inputs`, the columns of the expression in the order they are written.
    """

    name: str
    id: int
    type: Type
    value: Expression
    taken_over: bool
    inputs: tuple[str, ...]
    identity: bool
    line: str


class Derived(msgspec.Struct, frozen=True):
    """The derived event: what is dropped, set right, joined and computed."""

    event: str
    version: str
    filters: tuple[Filter, ...]
    corrections: tuple[Correction, ...]
    lookups: tuple[Lookup, ...]
    fields: tuple[DerivedField, ...]
    agreements: tuple[Rule, ...]
    line: str


class Limits(msgspec.Struct, frozen=True):
    """Always on; bytes and counts."""

    message_bytes: int = 1_048_576
    depth: int = 64
    string_bytes: int = 65_536
    keys: int = 10_000
    explode_rows: int = 1_000


class SinkColumn(msgspec.Struct, frozen=True):
    """One column of a sink table: its Iceberg id, and the ids of what is nested in it, in Iceberg's visiting order."""

    name: str
    id: int
    type: Type
    required: bool
    nested_ids: tuple[int, ...] = ()


class PartitionField(msgspec.Struct, frozen=True):
    """One field of a partition spec; `width` is for bucket and truncate."""

    column: str
    transform: Literal["identity", "year", "month", "day", "hour", "bucket", "truncate"]
    width: int | None = None

    @property
    def name(self) -> str:
        """Return what the spec calls the field."""
        return self.column if self.transform == "identity" else f"{self.column}_{self.transform}"


class SinkTable(msgspec.Struct, frozen=True):
    """One Iceberg table that the job writes."""

    role: Literal["raw", "derived", "rejects", "ledger", "metrics"]
    name: str
    columns: tuple[SinkColumn, ...]
    partition: tuple[PartitionField, ...] = ()
    sort: tuple[str, ...] = ()


class SinkTopic(msgspec.Struct, frozen=True):
    """One Kafka topic that the job writes."""

    role: Literal["raw", "derived"]
    topic: str
    key: tuple[str, ...]
    format: Literal["source", "avro"]
    avro_schema: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """One job, complete. `derived` is None for a plan that ends after the raw rules (`tacet explain RAW`)."""

    format: int
    job: str
    """`namespace.name` of the derived event (or of the raw one, without a derived part)."""
    digest: str
    """SHA-256 over the canonical contracts that this plan was compiled from."""
    source: Source
    derived: Derived | None
    limits: Limits
    metrics_window_seconds: int
    tables: tuple[SinkTable, ...]
    topics: tuple[SinkTopic, ...]
    sql: dict[str, str]
    """Statements of the embedded engine by name, as `targets/duckdb` wrote them."""

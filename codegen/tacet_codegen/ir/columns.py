"""Which columns each sink table has: the contract's fields, then those that every table of its role adds.

The one place that says so: ids are assigned to these columns (`lock.py`), and the plan carries them (`lower.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.ir.model import DerivedEvent, RawEvent
    from tacet_runtime.plan.types import Type

_TEXTS = t.ListType(t.StringType())
_REASONS = t.MapType(t.StringType())
_COUNTS = t.MapType(t.LongType())
_RANGES = t.ListType(t.StructType((t.Member("first", t.LongType()), t.Member("last", t.LongType()))))


@dataclass(frozen=True, slots=True)
class Column:
    """A column before it has an id."""

    name: str
    type: Type
    required: bool = False


_POSITION = (
    Column("_source", t.StringType(), required=True),
    Column("_partition", t.IntType(), required=True),
    Column("_offset", t.LongType(), required=True),
)
_ROW = (*_POSITION, Column("_index", t.IntType(), required=True), Column("_contract", t.StringType(), required=True))

REJECTS = (
    *_POSITION,
    Column("_index", t.IntType()),
    Column("kind", t.StringType(), required=True),
    Column("field", t.StringType()),
    Column("detail", t.StringType()),
    Column("line", t.StringType()),
    Column("producer", t.StringType()),
    Column("producer_version", t.StringType()),
    Column("contract", t.StringType(), required=True),
    Column("event_time", t.TimestamptzType()),
    Column("bytes", t.BinaryType()),
)
LEDGER = (
    Column("seq", t.LongType(), required=True),
    Column("source", t.StringType(), required=True),
    Column("partition", t.IntType(), required=True),
    Column("first_offset", t.LongType(), required=True),
    Column("last_offset", t.LongType(), required=True),
    *(
        Column(name, t.LongType(), required=True)
        for name in (
            "messages", "skipped", "rejected", "filtered", "emitted_parents",
            "rows", "rejected_rows", "filtered_rows", "emitted_rows",
        )
    ),
    Column("rejected_by", _COUNTS, required=True),
    Column("filtered_by", _COUNTS, required=True),
    Column("skipped_ranges", _RANGES, required=True),
    Column("filtered_ranges", _RANGES, required=True),
    Column("plan", t.StringType(), required=True),
    Column("lookups", _REASONS, required=True),
    Column("position_bytes", t.LongType()),
    Column("position_digest", t.StringType()),
    Column("absent_ranges", _RANGES),
)  # fmt: skip
METRICS = (
    Column("window_start", t.TimestamptzType()),
    Column("event", t.StringType(), required=True),
    Column("producer", t.StringType()),
    Column("producer_version", t.StringType()),
    Column("kind", t.StringType(), required=True),
    Column("field", t.StringType()),
    Column("name", t.StringType()),
    Column("rows", t.LongType(), required=True),
)


def raw_columns(event: RawEvent) -> tuple[Column, ...]:
    """Return the raw archive's columns."""
    fields = tuple(Column(f.name, f.type, f.identity) for f in event.fields)
    unknown = (Column("_unknown", _REASONS),) if event.unknown_fields == "keep" else ()
    return (
        *fields,
        *_ROW,
        Column("_registered", t.StringType()),
        Column("_absences", _REASONS, required=True),
        Column("_nulls", _TEXTS, required=True),
        Column("_flags", _TEXTS, required=True),
        *unknown,
        Column("_payload", t.BinaryType()),
    )


def derived_columns(event: DerivedEvent) -> tuple[Column, ...]:
    """Return the derived table's columns."""
    fields = tuple(Column(f.name, f.type, f.identity) for f in event.fields)
    return (
        *fields,
        *_ROW,
        Column("_source_contract", t.StringType(), required=True),
        Column("_absences", _REASONS, required=True),
        Column("_corrections", _TEXTS, required=True),
        Column("_flags", _TEXTS, required=True),
    )


def raw_table(event: RawEvent) -> str:
    """Return the name of the raw archive's table."""
    return event.sinks.iceberg.table if event.sinks.iceberg else event.header.qualified


def derived_table(event: DerivedEvent) -> str:
    """Return the name of the derived event's table; rejects, ledger and metrics are named after it."""
    return event.sinks.iceberg.table if event.sinks.iceberg else event.header.qualified


def companion(table: str, role: str) -> str:
    """Return the name of a table that goes with a job: rejects, ledger or metrics."""
    return f"{table}_{role}"


def paths(column: Column) -> Iterator[str]:
    """Yield the paths that need an id: the column, then what is nested in it, in Iceberg's visiting order."""
    yield column.name
    yield from nested_paths(column.name, column.type)


def nested_paths(path: str, type_: Type) -> Iterator[str]:
    """Yield the paths below a column: `a.element`, `a.key`, `a.value`, `a.member`; siblings before their children."""
    match type_:
        case t.ListType(element):
            yield f"{path}.element"
            yield from nested_paths(f"{path}.element", element)
        case t.MapType(value):
            yield f"{path}.key"
            yield f"{path}.value"
            yield from nested_paths(f"{path}.value", value)
        case t.StructType(members):
            for member in members:
                yield f"{path}.{member.name}"
            for member in members:
                yield from nested_paths(f"{path}.{member.name}", member.type)
        case _:
            return

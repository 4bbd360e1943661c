"""Which tables all events write together: one owner each, and one id for every column, from the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.columns import Column
    from tacet_codegen.ir.model import DerivedEvent, Lock, RawEvent


def check_owners(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent], problems: Problems) -> None:
    """Check that no two events write one table, companions included."""
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


def sink_columns(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent]) -> dict[str, list[Column]]:
    """Return every column of every table, over all versions, oldest first; where two events write one, those of both."""
    tables: dict[str, list[Column]] = {}
    for event in raw_events:
        tables.setdefault(raw_table(event), []).extend(raw_columns(event))
        for role, columns in (("rejects", REJECTS), ("ledger", LEDGER), ("metrics", METRICS)):
            tables.setdefault(companion(raw_table(event), role), list(columns))
    for item in derived:
        table = derived_table(item)
        tables.setdefault(table, []).extend(derived_columns(item))
        for role, columns in (("rejects", REJECTS), ("ledger", LEDGER), ("metrics", METRICS)):
            tables.setdefault(companion(table, role), list(columns))
    return tables


def with_ids(event: RawEvent, lock: Lock) -> RawEvent:
    """Return the event with its columns' ids."""
    ids = lock.ids[raw_table(event)]
    return replace(event, fields=tuple(replace(f, id=ids[f.name]) for f in event.fields))


def with_derived_ids(event: DerivedEvent, raw_events: Mapping[str, RawEvent], lock: Lock) -> DerivedEvent:
    """Return the event with its columns' ids, and with its raw event that has them."""
    ids = lock.ids[derived_table(event)]
    raw = raw_events[event.raw.header.reference]
    return replace(event, raw=raw, fields=tuple(replace(f, id=ids[f.name]) for f in event.fields))

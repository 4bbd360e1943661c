"""Which tables of a job the catalog lacks, and which it has under other names than the contracts': its commits tell."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pyiceberg.exceptions import NoSuchTableError, RESTError

from tacet_runtime.connectors.iceberg import TableError, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from tacet_runtime.plan.model import Plan, SinkTable


def see_there(catalog: Catalog, plan: Plan, marker: str, *, ran: bool) -> None:
    """Raise TableError when a table that has commits is not there, or has another name: one made anew would lack them."""
    if missing := missing_of(catalog, plan, marker, ran=ran):
        raise TableError(
            f"{plan.job} has commits, and there is no table {missing[0].name}: was it dropped? Put the catalog's entry back: "
            "register the newest metadata file of the one that was"
        )


def missing_of(catalog: Catalog, plan: Plan, marker: str, *, ran: bool) -> list[SinkTable]:
    """Return the tables that the catalog lacks though the job has commits.

    `marker` is the property that numbers them, or what stands before a dot in those of its shards; `ran` tells that the job
    left files, so that its tables are looked for though none is there by its name. Raises TableError for other names.
    """
    if not _missing(catalog, plan):
        return []
    begun = any(_begun(table, marker) for table in _loaded(catalog, [sink.name for sink in plan.tables]))
    # Only then: no commit comes before all tables are made, by whatever shard.
    missing = _missing(catalog, plan)
    if missing and (begun or ran) and (found := _elsewhere(catalog, plan, marker, missing)):
        raise TableError(_told(plan, [(found[sink.role], sink) for sink in missing if sink.role in found]))
    return missing if begun else []


def _missing(catalog: Catalog, plan: Plan) -> list[SinkTable]:
    missing = []
    for sink in plan.tables:
        with readable(sink.name):
            if not catalog.table_exists(sink.name):
                missing.append(sink)
    return missing


def _loaded(catalog: Catalog, names: Iterable[str]) -> Iterator[Table]:
    for name in names:
        with suppress(NoSuchTableError), readable(name):
            yield catalog.load_table(name)


def _begun(table: Table, marker: str) -> bool:
    return any(name == marker or name.startswith(f"{marker}.") for name in table.properties)


def _elsewhere(catalog: Catalog, plan: Plan, marker: str, missing: list[SinkTable]) -> dict[str, str]:
    """Return by role what the job's missing tables are called in the catalog, as far as it lists what it has."""
    names, found = {sink.name for sink in plan.tables}, {}
    with suppress(NotImplementedError, RESTError):
        listed = (name for namespace in catalog.list_namespaces() for name in catalog.list_tables(namespace))
        for name in map(".".join, listed):
            with suppress(Exception):  # whatever is wrong with a table of others
                if name not in names and _begun(table := catalog.load_table(name), marker):
                    found[_role(plan, table)] = name
    return {sink.role: found[sink.role] for sink in missing if sink.role in found}


def _role(plan: Plan, table: Table) -> str:
    """Return which of a job's tables one is: each has columns of its own, whatever the contract's fields are."""
    names = set(table.schema().column_names)

    def other(sink: SinkTable) -> tuple[int, int]:
        columns = {column.name for column in sink.columns}
        return len(_own(columns) ^ _own(names)), -len(columns & names)

    return min(plan.tables, key=other).role


def _own(columns: set[str]) -> set[str]:
    return {name for name in columns if name.startswith("_")}


def _told(plan: Plan, renamed: list[tuple[str, SinkTable]]) -> str:
    events = {"raw": plan.source.event, "derived": plan.derived.event if plan.derived else ""}
    said = [(events[sink.role], old) for old, sink in renamed if sink.role in events]
    lines = [f"`iceberg: {{table: {old}}}` below `sinks:` in the contract of {event}" for event, old in said]
    moves = ", ".join(f"{old} to {sink.name}" for old, sink in renamed)
    write = f"write {' and '.join(lines)}, or rename" if lines else "rename"
    (old, sink), *_ = renamed
    return (
        f"{plan.job} has commits in table {old}, which the contract calls {sink.name}, and there is none of that name: an event keeps "
        f"its table; {write} in the catalog (`rename_table` of pyiceberg): {moves}"
    )

"""REPLAY and BACKFILL: which messages are reconsidered, with which lookups, and when that is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb

from tacet_runtime.connectors.iceberg import data_file, data_paths, replace_branch
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.exactly_once import Warehouse, owned
from tacet_runtime.reconsider import Audit, groups_of, ledger_rows, reconsider

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from tacet_runtime.plan.model import Plan

BRANCH = "backfill"
_FETCH = 1_000


class NotKept(Exception):  # noqa: N818
    """The raw archive has no payloads, or the lookups of that time are not one snapshot."""


def replay_rejects(
    plan: Plan, root: Path, warehouse: Path, engine: Literal["embedded", "reference"] = "embedded"
) -> Audit:
    """Run every rejected message again, from its kept bytes, with the lookups of today.

    What is accepted now takes its place in the tables, and its reject is gone: each is replayed once. What is
    rejected again, in the same way, is not touched.
    """
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse)
        store.open()
        return _apply(store, root, None, _contents(store, "rejects", "bytes", "TRUE"), engine, publish=True)


def backfill(
    plan: Plan,
    root: Path,
    warehouse: Path,
    first: dt.datetime,
    last: dt.datetime,
    *,
    publish: bool,
    latest: bool = False,
    engine: Literal["embedded", "reference"] = "embedded",
) -> Audit:
    """Run the messages of the raw archive with an event time in [first, last) again.

    Without `publish` the new rows stand in the branch `backfill` of the derived table, and readers see nothing of it.
    Lookups are the recorded ones, unless `latest`. Raises NotKept.
    """
    if not plan.source.keep_payload:
        raise NotKept(f"{plan.source.event} keeps no payloads: there is nothing to run again")
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse)
        store.open()
        snapshots = None if latest else _recorded(store)
        return _apply(store, root, snapshots, archived(store, first, last), engine, publish=publish)


def archived(store: Warehouse, first: dt.datetime, last: dt.datetime) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield (source, partition, offset, bytes) of messages with a row whose event time lies in [first, last)."""
    column = '"' + store.plan.source.event_time.replace('"', '""') + '"'
    within = f"{column} >= TIMESTAMPTZ '{first.isoformat()}' AND {column} < TIMESTAMPTZ '{last.isoformat()}'"
    condition = f"(_source, _partition, _offset) IN (SELECT (_source, _partition, _offset) FROM t WHERE {within})"
    return _contents(store, "raw", "_payload", condition)


def _recorded(store: Warehouse) -> dict[str, str]:
    """Return the lookups' snapshots that the ledger has. Raises NotKept when there are several."""
    found: dict[str, str] = {}
    for row in ledger_rows(store):
        for name, snapshot in dict(row["lookups"]).items():
            if found.setdefault(name, snapshot) != snapshot:
                raise NotKept(f"lookup `{name}` was read at several snapshots: say `--lookups latest`")
    return found


def _apply(
    store: Warehouse,
    root: Path,
    snapshots: dict[str, str] | None,
    contents: Iterator[tuple[str, int, int, bytes]],
    engine: Literal["embedded", "reference"],
    *,
    publish: bool,
) -> Audit:
    lookups = load_lookups(store.plan, root, store.catalog, snapshots=snapshots, archive=store.root / "lookups")
    processor = make_processor(engine, store.plan, lookups)
    used = {name: lookup.snapshot for name, lookup in lookups.items()}
    with store.folder() as folder:
        changes = reconsider(store, processor, groups_of(store, contents), folder, used)
        if changes.entries and publish:
            store.commit(store.seq() + 1, folder, changes.files, changes.entries, changes.removed)
        elif changes.entries:
            table = store.table("derived")
            files = [data_file(table, Path(f.path), f.partition) for f in changes.files if f.role == "derived"]
            replace_branch(table, BRANCH, files, [path for role, path in changes.removed if role == "derived"])
            for file in changes.files:
                if file.role != "derived":
                    Path(file.path).unlink()
    return changes.audit


def _contents(store: Warehouse, role: str, column: str, condition: str) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield (source, partition, offset, bytes) of messages in order, each once; DuckDB sorts on the disk."""
    paths = data_paths(store.table(role))
    if not paths:
        return
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    with duckdb.connect(config={"memory_limit": "512MB", "threads": 2}) as db:
        db.execute(f"CREATE VIEW t AS SELECT * FROM read_parquet([{names}], union_by_name = true)")
        db.execute("SET TimeZone = 'UTC'")
        sql = f"SELECT _source, _partition, _offset, {column} FROM t WHERE {column} IS NOT NULL AND {condition} ORDER BY 1, 2, 3"
        cursor = db.execute(sql)
        while rows := cursor.fetchmany(_FETCH):
            yield from rows

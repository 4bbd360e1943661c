"""REPLAY and BACKFILL: which messages are reconsidered, with which lookups, and when that is published."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import duckdb

from tacet_runtime.connectors.arrow import no_rows
from tacet_runtime.connectors.iceberg import data_file, drop_branch, replace_branch
from tacet_runtime.connectors.locations import parquet_rows
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.exactly_once import Warehouse, insist
from tacet_runtime.locking import owned
from tacet_runtime.reconsider import Audit, groups_of, reconsider
from tacet_runtime.view import View, look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.catalog import Catalog

    from tacet_runtime.batch import Processor
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.view import Scope

BRANCH = "backfill"
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)
_FETCH = 1_000


@dataclass(frozen=True, slots=True)
class Times:
    """Which messages of the archive are meant: those with a row or a reject of such an event time."""

    span: tuple[dt.datetime, dt.datetime] | None = None
    """The first, and the one after the last; the last moment that there is belongs to a span that ends with it."""
    none: bool = False
    """Also without a valid event time, which lies in no span."""

    def condition(self, column: str) -> str:
        """Return the SQL that holds for such an event time."""
        found = [f"{column} IS NULL"] if self.none else []
        if self.span is not None:
            first, last = self.span
            end = "infinity" if last == _LAST else last.isoformat()
            found.append(f"{column} >= TIMESTAMPTZ '{first.isoformat()}' AND {column} < TIMESTAMPTZ '{end}'")
        return " OR ".join(f"({one})" for one in found) or "false"


class NotKept(Exception):  # noqa: N818
    """The raw archive has no payloads."""


def replay_rejects(
    plan: Plan,
    root: Path,
    warehouse: Path,
    engine: Literal["embedded", "reference"] = "embedded",
    *,
    catalog: Catalog | None = None,
) -> Audit:
    """Run every rejected message again, from its kept bytes, with the lookups of today.

    What is accepted now takes its place in the tables, and its reject is gone: each is replayed once. What is
    rejected again, in the same way, is not touched.
    """
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse, catalog)
        store.open()
        engines = _Engines(store, root, engine, latest=True)
        view = look(store)
        return _apply(view, engines, _contents(view, _REJECTED), publish=True)


def backfill(
    plan: Plan,
    root: Path,
    warehouse: Path,
    times: Times,
    *,
    publish: bool,
    latest: bool = False,
    engine: Literal["embedded", "reference"] = "embedded",
    catalog: Catalog | None = None,
) -> Audit:
    """Run the messages that have a row or a reject of these event times again, whole.

    Without `publish` the new rows stand in the branch `backfill` of the derived table, and readers see nothing of it.
    Lookups are those that the ledger recorded for each message, unless `latest`. Raises NotKept.
    """
    if not plan.source.keep_payload:
        raise NotKept(f"{plan.source.event} keeps no payloads: there is nothing to run again")
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse, catalog)
        store.open()
        engines = _Engines(store, root, engine, latest=latest)
        view = look(store)
        scope = reached(view, times)
        audit = _apply(view, engines, archived(view, times), publish=publish)
        audit.scope = scope
        return audit


_REJECTED = "SELECT _source, _partition, _offset, bytes FROM rejects WHERE bytes IS NOT NULL"
_PLACES = """
WITH place AS (
  SELECT _source, _partition, _offset FROM raw WHERE {raw}
  UNION SELECT _source, _partition, _offset FROM rejects WHERE {rejects})
"""
_WITHIN = """
SELECT _source, _partition, _offset, _payload FROM raw SEMI JOIN place USING (_source, _partition, _offset) WHERE _payload IS NOT NULL
UNION ALL
SELECT _source, _partition, _offset, bytes FROM rejects SEMI JOIN place USING (_source, _partition, _offset) WHERE bytes IS NOT NULL
"""
_OUTSIDE = """
SELECT count(DISTINCT (_source, _partition, _offset)) FROM raw ANTI JOIN place USING (_source, _partition, _offset) WHERE {column} IS NULL
"""


def archived(view: View, times: Times) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield (source, partition, offset, bytes) of messages with a row or a reject of these event times."""
    return _contents(view, _places(view, times) + _WITHIN)


def reached(view: View, times: Times) -> Scope:
    """Return what a change of these event times does not reach."""
    if times.none:
        return view.scope
    with _reading(view) as db:
        [(messages,)] = db.execute(_places(view, times) + _OUTSIDE.format(column=_event_time(view))).fetchall()
    return replace(view.scope, no_event_time=messages)


def _places(view: View, times: Times) -> str:
    return _PLACES.format(raw=times.condition(_event_time(view)), rejects=times.condition("event_time"))


def _event_time(view: View) -> str:
    return '"' + view.store.plan.source.event_time.replace('"', '""') + '"'


class _Engines:
    """An engine for each set of lookup snapshots that is asked for; the newest set alone with `latest`."""

    def __init__(self, store: Warehouse, root: Path, name: Literal["embedded", "reference"], *, latest: bool) -> None:
        self._store, self._root, self._name, self._latest = store, root, name, latest
        self._made: dict[tuple[tuple[str, str], ...], tuple[Processor, dict[str, str]]] = {}

    def of(self, recorded: Mapping[str, str]) -> tuple[Processor, dict[str, str]]:
        """Return the engine for messages with these recorded snapshots, and the snapshots that it really uses."""
        wanted = {} if self._latest else dict(recorded)
        key = tuple(sorted(wanted.items()))
        if key not in self._made:
            store = self._store
            archive = store.root / "lookups"
            lookups = load_lookups(store.plan, self._root, store.catalog, snapshots=wanted, archive=archive)
            used = {name: lookup.snapshot for name, lookup in lookups.items()}
            self._made[key] = (make_processor(self._name, store.plan, lookups), used)
        return self._made[key]


def _apply(view: View, engines: _Engines, contents: Iterator[tuple[str, int, int, bytes]], *, publish: bool) -> Audit:
    store = view.store
    name = store.tables["derived"].name if "derived" in store.tables else ""
    with store.tidied(), store.folder() as folder:
        changes = reconsider(view, engines.of, groups_of(view, contents), folder)
        if changes.entries and publish:
            store.commit(store.seq() + 1, folder, changes.files, changes.entries, changes.removed)
        elif changes.entries:
            table = store.table("derived")
            files = [data_file(table, Path(f.path), f.partition) for f in changes.files if f.role == "derived"]
            removed = [path for role, path in changes.removed if role == "derived"]
            insist(name, lambda: replace_branch(store.table("derived"), BRANCH, files, removed))
            for file in changes.files:
                if file.role != "derived":
                    Path(file.path).unlink()
        if "derived" in store.tables and (publish or not changes.entries):
            # What an earlier audit left there is published now, or is not what would change any more.
            insist(name, lambda: drop_branch(store.table("derived"), BRANCH))
    return changes.audit


def _contents(view: View, sql: str) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield (source, partition, offset, bytes) of messages in order, each once; DuckDB sorts on the disk."""
    with _reading(view) as db:
        cursor = db.execute(f"{sql} ORDER BY 1, 2, 3")
        before = None
        while rows := cursor.fetchmany(_FETCH):
            for source, partition, offset, data in rows:
                if (source, partition, offset) != before:
                    before = (source, partition, offset)
                    yield source, partition, offset, data


@contextmanager
def _reading(view: View) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the views `raw` and `rejects` of the job's tables."""
    with (
        TemporaryDirectory(prefix="tacet-history-") as spill,
        duckdb.connect(config={"memory_limit": "512MB", "threads": 2, "temp_directory": spill}) as db,
    ):
        db.execute("SET TimeZone = 'UTC'")
        _view(db, view, "raw", _event_time(view))
        _view(db, view, "rejects", "event_time")
        yield db


def _view(db: duckdb.DuckDBPyConnection, view: View, role: str, time: str) -> None:
    """Make a table's rows readable, with its event time, which files may have no column of."""
    db.register(f"no_{role}", no_rows(view.store.tables[role]))
    rows = f"SELECT * FROM no_{role}"
    if paths := view.paths(role):
        files = parquet_rows(paths, union_by_name=True)
        rows = f"SELECT * FROM {files} UNION ALL BY NAME SELECT {time} FROM no_{role}"
    db.execute(f"CREATE VIEW {role} AS {rows}")

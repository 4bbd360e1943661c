"""VERIFY: prove from the tables alone that every message was consumed once and every row is there once.

Three questions. Is the ledger one unbroken account of each source? Do the tables hold, for each of its ranges, exactly the
rows that it says, each position once? Is every file named once, with the bytes that were written (`seals.py`), and every
table at the ledger's commit? What a service has brought to some tables and not yet to all is left out (`view.py`).
DuckDB reads only positions, range by range, and spills to the disk: memory does not grow with the data.

An entry with an empty range (`first_offset = last_offset`) is an adjustment: differences that a replay or a backfill
made to the range that begins there (`reconsider.py`).
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFileContent

from tacet_runtime.connectors.iceberg import data_paths, live_files, readable
from tacet_runtime.connectors.iceberg_columns import made
from tacet_runtime.connectors.locations import local_path, parquet_rows
from tacet_runtime.connectors.lookups import LookupError_, kept
from tacet_runtime.connectors.seals import broken
from tacet_runtime.connectors.snapshots import all_paths, foreign, lost, said
from tacet_runtime.exactly_once import MARKER
from tacet_runtime.ledger import GivenUp, given_up
from tacet_runtime.proofs import AGAIN, BASE, EMPTY, EMPTY_ROWS, LOOKUPS, NO_RANGES, POSITIONS, QUERIES
from tacet_runtime.released import released
from tacet_runtime.view import ahead, begun, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tacet_runtime.exactly_once import Warehouse
    from tacet_runtime.view import View, Waiting

    Coming: TypeAlias = Callable[[View], tuple[Waiting, ...] | None]

SHOWN = 20
"""Findings of one kind that are listed; the rest is counted."""
_LIMITS: dict[str, str | int | float | list[str]] = {"memory_limit": "512MB", "threads": 2}
_HASHING = 2
"""Threads that hash; more than a disk can feed are of no use."""
_RESTORE = "put the table back to a snapshot from before, or run `tacet backfill` over that time, then verify again"
_RERUN = "run the job again over the same input: it finishes or repeats what is missing"
_FINISH = "run the same command again, or `tacet maintain`: it finishes the commit, or removes what was never committed"
ADVICE = {
    "lost_range": "of an island, start every shard once, for one that was killed may have commits that the tables lack; else the "
    "ledger lost entries: " + _RESTORE,
    "doubled_range": "the ledger has entries twice: " + _RESTORE,
    "account": "an entry of the ledger was changed: " + _RESTORE,
    "rows_differ": "rows were added or lost behind the job: " + _RESTORE,
    "rejects_differ": "rejects were added or lost behind the job: " + _RESTORE,
    "position_lost": _RESTORE,
    "position_doubled": _RESTORE,
    "outcomes_differ": _RESTORE,
    "row_doubled": _RESTORE,
    "row_outside": _RESTORE,
    "raw_lost": "put the raw archive back to a snapshot from before",
    "raw_differs": "put the raw archive back to a snapshot from before",
    "file_twice": "put the table back to the snapshot before the file was registered again",
    "file_missing": "put the file back from a copy",
    "file_damaged": "put the file back from a copy",
    "lookup_lost": "put the file back from a copy; without it, `tacet backfill` can only take reference data of now (`--lookups latest`)",
    "table_missing": "put the catalog's entry back (register the table's newest metadata file)",
    "schema": "give the column back its name, or put the table's schema back to the one before: the files still have the values",
    "row_deletes": "another writer deleted rows: " + _RESTORE,
    "orphan": "the next run removes what a crash left; `tacet maintain` removes the rest; readers never see it",
    "intent": _FINISH,
    "marker": "a commit did not reach this table, or its properties were put back: of an island, start the shard, which says "
    "what to do; else " + _RERUN,
    "rolled_back": "set the table's current snapshot forward again, or run the job with `--accept-rollback`",
    "foreign_commit": "another writer changed the table: `tacet backfill` without `--publish` says which cells differ",
}
"""Kind -> what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: what kind, where, what was found, and one way out."""

    kind: str
    where: str
    detail: str

    @property
    def hint(self) -> str:
        """Return what to do about it."""
        return ADVICE[self.kind]


class Again(NamedTuple):
    """Messages that a replay or a backfill has changed since they were consumed, and rows that the table has more for it."""

    messages: int
    rows: int


class _Asked(NamedTuple):
    """What the queries found."""

    findings: list[Finding]
    totals: dict[str, int]
    messages: int
    rows: int
    given_up: tuple[GivenUp, ...]
    again: Again


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what is wrong with it; `totals` counts findings by kind, listed or not."""

    findings: tuple[Finding, ...]
    totals: dict[str, int]
    messages: int
    rows: int
    files: int
    given_up: tuple[GivenUp, ...] = ()
    """Messages without an entry that an operator left out with `--accept-loss`: no finding, for nothing brings them back."""
    again: Again = field(default_factory=lambda: Again(0, 0))
    topics: tuple[str, ...] = ()
    """Topics of a service that wrote these tables: what was run again is not in them."""
    waiting: tuple[Waiting, ...] | None = ()
    """Commits that some table lacks; None when Kafka does not say."""


def verify(store: Warehouse, coming: Coming | None = None) -> Proof:
    """Look at a job's tables; nothing is changed. Raises what pyiceberg and DuckDB raise when a table cannot be read.

    `coming` says which commits Kafka has and a table has not; None when Kafka does not say.
    """
    store.see_names()
    view = look(store)
    if not view.tables:
        store.table("ledger")
    late = coming(view) if coming is not None else None
    unknown = late is None and (coming is not None or bool(store.served()))
    waiting = late or view.partly or (None if unknown else ())
    # Tables are made one after the other, the first time: only one that a commit should have reached is missing.
    started = any(begun(table, store.plan.job) for table in view.tables.values())
    gone = [
        Finding("table_missing", sink.name, "the catalog has no such table")
        for role, sink in store.tables.items()
        if started and role not in view.tables
    ]
    if "ledger" not in view.tables:
        return Proof(tuple(gone), dict(Counter(f.kind for f in gone)), 0, 0, 0, waiting=waiting)
    files, findings = _files(view)
    findings += _changed(store, files)
    findings = [*gone, *findings, *_schemas(view), *_markers(view, late), *_others(view)]
    if store.intents():
        # Tables are compared when they are at one commit again: before that, every difference would be named twice.
        count = sum(map(len, files.values()))
        return Proof(tuple(findings), dict(Counter(f.kind for f in findings)), 0, 0, count, waiting=waiting)
    known = given_up(store.plan.job, view.tables["ledger"].properties), _joined(late or ())
    try:
        asked = _queried(store, _together(view, files), *known)
    except duckdb.Error:
        damaged = {path for paths in files.values() for path in paths if broken(path) or not _readable(path)}
        if not damaged:
            raise
        told = {finding.detail for finding in findings}
        unread = [_damaged(store.tables[role].name, p) for role, paths in files.items() for p in paths if p in damaged]
        findings += [one for one in unread if one.detail not in told]
        files = {role: [p for p in paths if p not in damaged] for role, paths in files.items()}
        asked = _queried(store, _together(view, files), *known)
    totals = {**Counter(f.kind for f in findings), **asked.totals}
    count = sum(len(paths) for paths in files.values())
    return Proof(
        (*findings, *asked.findings), totals, asked.messages, asked.rows, count, asked.given_up, asked.again, view.topics, waiting
    )  # fmt: skip


def _together(view: View, files: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """Return the files that may be compared."""
    return {role: [path for path in paths if not view.waits(path)] for role, paths in files.items()}


def _joined(late: Sequence[Waiting]) -> list[GivenUp]:
    """Return where in the sources the commits are that will come, neighbours as one."""
    joined: list[GivenUp] = []
    for source, partition, first, last in sorted(span for one in late for span in one.ranges):
        before = joined[-1] if joined else None
        if before is not None and (before.source, before.partition, before.last) == (source, partition, first):
            joined[-1] = before._replace(last=last)
        else:
            joined.append(GivenUp(source, partition, first, last))
    return joined


def _queried(
    store: Warehouse, files: Mapping[str, list[Path]], known: Sequence[GivenUp], coming: Sequence[GivenUp]
) -> _Asked:
    """Ask all queries; `known` are gaps that an operator left, `coming` those that commits will fill."""
    findings: list[Finding] = []
    totals: dict[str, int] = {}
    with (
        TemporaryDirectory(prefix="tacet-verify-") as spill,
        duckdb.connect(config={**_LIMITS, "temp_directory": spill}) as db,
    ):
        for name, spans in (("given_up", known), ("coming", coming)):
            db.execute(f"CREATE TABLE {name} (source VARCHAR, partition INTEGER, first BIGINT, last BIGINT)")
            if spans:
                db.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", spans)
        _views(db, {"derived": files.get("raw", []), **files})  # a raw event on its own emits its archive
        for kind, sql in QUERIES:
            listed = f"SELECT *, count(*) OVER () FROM ({sql}) q(place, detail) ORDER BY ALL LIMIT {SHOWN}"
            for place, detail, total in db.execute(listed).fetchall():
                findings.append(Finding(kind, str(place), str(detail)))
                totals[kind] = int(total)
        messages, rows = db.execute("SELECT coalesce(sum(messages), 0), coalesce(sum(rows), 0) FROM base").fetchall()[0]
        lost_lookups = [*_lookups(store, (snapshot for (snapshot,) in db.execute(LOOKUPS).fetchall()))]
        findings += lost_lookups
        totals |= Counter(finding.kind for finding in lost_lookups)
        gaps = db.execute(
            "FROM gaps SELECT * EXCLUDE (given_up, coming) WHERE given_up UNION ALL FROM rest ORDER BY ALL"
        ).fetchall()
        again = db.execute(AGAIN).fetchall()[0]
    return _Asked(findings, totals, int(messages), int(rows), tuple(GivenUp(*gap) for gap in gaps), Again(*again))


def _lookups(store: Warehouse, snapshots: Iterable[str]) -> Iterator[Finding]:
    """Yield the files of reference data that messages were run with, and that are not kept any more as they were."""
    for snapshot in snapshots:
        if snapshot.startswith("sha256:"):
            try:
                kept(snapshot, store.root / "lookups")
            except LookupError_ as error:
                yield Finding("lookup_lost", str(store.root / "lookups"), str(error))


def _changed(store: Warehouse, files: Mapping[str, list[Path]]) -> list[Finding]:
    """Return files whose bytes are not those that were sealed: every byte of every file is read once."""
    placed = [(store.tables[role].name, path) for role, paths in files.items() for path in paths]
    with ThreadPoolExecutor(_HASHING) as pool:
        hits = pool.map(broken, [path for _, path in placed])
        return [_damaged(name, path) for (name, path), hit in zip(placed, hits, strict=True) if hit]


def _damaged(name: str, path: Path) -> Finding:
    return Finding("file_damaged", name, f"{path}: its bytes are not those that were written")


def _readable(path: Path) -> bool:
    try:
        names = pq.read_schema(path).names
        pq.read_table(path, columns=[n for n in names if n.startswith("_") or n in {"seq", "source", "kind"}])
    except (pa.ArrowException, OSError):
        return False
    return True


def _files(view: View) -> tuple[dict[str, list[Path]], list[Finding]]:
    """Return the files that can be looked at, by role, and what is wrong with the registered ones and the others."""
    store = view.store
    named: set[Path] = set()
    usable: dict[str, list[Path]] = {}
    found: list[Finding] = []
    for role, table in view.tables.items():
        name, usable[role] = store.tables[role].name, []
        with readable(name):
            live = live_files(table)
        for file in live:
            path = local_path(file.file_path)
            if not store.owns(path):
                continue
            if file.content != DataFileContent.DATA:
                found.append(Finding("row_deletes", name, f"{path} deletes {file.record_count} rows"))
                continue
            if path in named:
                found.append(Finding("file_twice", name, f"{path} is registered twice"))
            named.add(path)
            if not path.exists():
                found.append(
                    Finding(
                        "file_missing", name, f"{path} with {file.record_count} rows is registered and is not there"
                    )
                )
            elif (size := path.stat().st_size) != file.file_size_in_bytes:
                found.append(Finding("file_damaged", name, f"{path} has {size} bytes, not {file.file_size_in_bytes}"))
            else:
                usable[role].append(path)
    kept = store.unfinished() | released(store.root)
    strangers = [p for p in store.data_files() if p not in named and p not in kept and not view.waits(p)]
    known = _known(view) if strangers else set()
    found += [Finding("orphan", str(path), "no table names this file") for path in strangers if path not in known]
    found += [
        Finding("intent", str(path), "a commit was not finished; rows are not compared before it is")
        for path in store.intents()
    ]
    return usable, found


def _known(view: View) -> set[Path]:
    """Return what any snapshot of any table names."""
    found: set[Path] = set()
    for role, table in view.tables.items():
        with readable(view.store.tables[role].name):
            found |= all_paths(table)
    return found


def _markers(view: View, late: Sequence[Waiting] | None) -> Iterator[Finding]:
    """Compare the markers of each owner: the job over files, and every shard of it on an island.

    A service brings its commits to one table after the other: that some lack them is wrong only when Kafka has them no more.
    """
    own = f"{MARKER}.{view.store.plan.job}"
    owners = {n for table in view.tables.values() for n in table.properties if n == own or n.startswith(f"{own}.")}
    unfinished = {path.stem for path in view.store.intents()}
    coming = {
        f"{own}.{island}.{shard}" for (island, shard), (low, _) in view.commits.items() if _comes(shard, low, late)
    }
    for owner in sorted(owners):
        seq = view.tables["ledger"].properties.get(owner, "0")
        for role, table in view.tables.items():
            name, at = view.store.tables[role].name, table.properties.get(owner, "0")
            explained = owner in coming if owner != own else seq in unfinished and at == str(int(seq) - 1)
            if at != seq and not (explained and at.isdigit() and seq.isdigit()):
                yield Finding("marker", name, f"is at commit {at} of {owner}, the ledger is at {seq}")
            if (newest := lost(table, owner)) is not None:
                yield Finding("rolled_back", name, f"commit {said(newest)[owner]} is not in its line any more")
    for role, table in view.tables.items():
        ours = (path for path in data_paths(table) if view.store.owns(path))
        beyond = max((ahead(path, view.store.plan.job, table) or 0 for path in ours), default=0)
        if beyond:
            name = view.store.tables[role].name
            yield Finding("marker", name, f"has files of commit {beyond} of a shard, and its marker says less")


def _comes(shard: int, at: int, late: Sequence[Waiting] | None) -> bool:
    """Tell whether the commits after `at` are in Kafka, or nobody knows."""
    return late is None or any(one.shard == shard and one.first == at + 1 for one in late)


def _schemas(view: View) -> Iterator[Finding]:
    """Yield columns of a job's tables that readers do not see as the job writes them. A table that never had one waits for a run."""
    for role, table in view.tables.items():
        name, now = view.store.tables[role].name, {field.field_id: field.name for field in table.schema().fields}
        numbers = {made_as: number for number, made_as in made(table).items()}
        for column in (column.name for column in view.store.tables[role].columns if column.name in numbers):
            number = numbers[column]
            if number not in now:
                yield Finding("schema", name, f"column `{column}` (id {number}) is gone")
            elif now[number] != column:
                yield Finding("schema", name, f"column `{column}` (id {number}) is called `{now[number]}`")


def _others(view: View) -> Iterator[Finding]:
    for role, table in view.tables.items():
        for one in foreign(table):
            detail = f"snapshot {one.snapshot} ({one.operation}) is no job's: {one.added_rows} rows added, {one.deleted_rows} deleted"
            yield Finding("foreign_commit", view.store.tables[role].name, detail)


def _views(db: duckdb.DuckDBPyConnection, paths: Mapping[str, list[Path]]) -> None:
    for role in ("ledger", "raw", "derived", "rejects"):
        late = "kind LIKE 'lookup:%' OR kind LIKE 'agreement:%'" if role == "rejects" else "FALSE"
        columns = "*" if role == "ledger" else f"{POSITIONS}, {late} AS late"
        if paths.get(role):
            source = parquet_rows(paths[role], union_by_name=role == "ledger")
            db.execute(f"CREATE VIEW {role} AS SELECT {columns} FROM {source}")
        else:
            db.execute(f"CREATE VIEW {role} AS SELECT {EMPTY.get(role, EMPTY_ROWS)} WHERE FALSE")
    described = db.execute("DESCRIBE ledger").fetchall()
    absent = "absent_ranges" if any(name == "absent_ranges" for name, *_ in described) else NO_RANGES
    db.execute(f"CREATE TABLE entries AS SELECT *, {absent} AS absent FROM ledger")
    db.execute(BASE)

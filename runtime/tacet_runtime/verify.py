"""VERIFY: prove from the tables alone that every message was consumed once and every row is there once.

Three questions. Is the ledger one unbroken account of each source? Do the tables hold, for each of its ranges, exactly the
rows that it says, each position once? Is every file named once, and every table at the ledger's commit? DuckDB reads
only positions, range by range, and spills to the disk: memory does not grow with the data.

An entry with an empty range (`first_offset = last_offset`) is an adjustment: differences that a replay or a backfill
made to the range that begins there (`reconsider.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFileContent

from tacet_runtime.connectors.iceberg import all_paths, live_files, local_path
from tacet_runtime.connectors.snapshots import foreign, lost, said
from tacet_runtime.exactly_once import MARKER, ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pyiceberg.table import Table

    from tacet_runtime.exactly_once import Warehouse

SHOWN = 20
"""Findings of one kind that are listed; the rest is counted."""
_LIMITS: dict[str, str | int | float | list[str]] = {"memory_limit": "512MB", "threads": 2}
_RESTORE = "put the table back to a snapshot from before, or run `tacet backfill` over that time, then verify again"
_RERUN = "run the job again over the same input: it finishes or repeats what is missing"
ADVICE = {
    "lost_range": "the ledger lost entries: " + _RESTORE,
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
    "table_missing": "put the catalog's entry back (register the table's newest metadata file)",
    "row_deletes": "another writer deleted rows: " + _RESTORE,
    "orphan": "the next run removes what a crash left; `tacet maintain` removes the rest; readers never see it",
    "intent": _RERUN,
    "marker": "a commit did not reach this table, or its properties were put back: " + _RERUN,
    "rolled_back": "set the table's current snapshot forward again, or run the job with `--accept-rollback`",
    "foreign_commit": "another writer changed the table: `tacet backfill` without `--publish` says which cells differ",
}
"""Kind -> what to do."""
_POSITIONS = "_source, _partition, _offset, _index"


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


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what is wrong with it; `totals` counts findings by kind, listed or not."""

    findings: tuple[Finding, ...]
    totals: dict[str, int]
    messages: int
    rows: int
    files: int


def verify(store: Warehouse) -> Proof:
    """Look at a job's tables; nothing is changed. Raises what pyiceberg and DuckDB raise when a table cannot be read."""
    there = {role: store.table(role) for role in ORDER if role in store.tables and store.has(role)}
    gone = [
        Finding("table_missing", t.name, "the catalog has no such table")
        for t in store.tables.values()
        if t.role not in there
    ]
    if "ledger" not in there:
        if not there:
            store.table("ledger")
        return Proof(tuple(gone), dict(Counter(f.kind for f in gone)), 0, 0, 0)
    files, findings = _files(store, there)
    findings = [*gone, *findings, *_markers(store, there), *_others(store, there)]
    if store.intents():
        # Tables are compared when they are at one commit again: before that, every difference would be named twice.
        return Proof(tuple(findings), dict(Counter(f.kind for f in findings)), 0, 0, sum(map(len, files.values())))
    try:
        queried, totals, messages, rows = _queried(files)
    except duckdb.Error:
        damaged = {path for paths in files.values() for path in paths if not _readable(path)}
        if not damaged:
            raise
        findings += [Finding("file_damaged", str(path), "it cannot be read") for path in sorted(damaged)]
        files = {role: [p for p in paths if p not in damaged] for role, paths in files.items()}
        queried, totals, messages, rows = _queried(files)
    totals = {**Counter(f.kind for f in findings), **totals}
    return Proof((*findings, *queried), totals, messages, rows, sum(len(paths) for paths in files.values()))


def _queried(files: Mapping[str, list[Path]]) -> tuple[list[Finding], dict[str, int], int, int]:
    """Return what the queries find, how many by kind, and messages and rows of the ledger."""
    findings: list[Finding] = []
    totals: dict[str, int] = {}
    with (
        TemporaryDirectory(prefix="tacet-verify-") as spill,
        duckdb.connect(config={**_LIMITS, "temp_directory": spill}) as db,
    ):
        _views(db, {"derived": files.get("raw", []), **files})  # a raw event on its own emits its archive
        for kind, sql in _QUERIES:
            listed = f"SELECT *, count(*) OVER () FROM ({sql}) q(place, detail) ORDER BY ALL LIMIT {SHOWN}"
            for place, detail, total in db.execute(listed).fetchall():
                findings.append(Finding(kind, str(place), str(detail)))
                totals[kind] = int(total)
        messages, rows = db.execute("SELECT coalesce(sum(messages), 0), coalesce(sum(rows), 0) FROM base").fetchall()[0]
    return findings, totals, int(messages), int(rows)


def _readable(path: Path) -> bool:
    try:
        names = pq.read_schema(path).names
        pq.read_table(path, columns=[n for n in names if n.startswith("_") or n in {"seq", "source", "kind"}])
    except (pa.ArrowException, OSError):
        return False
    return True


def _files(store: Warehouse, there: Mapping[str, Table]) -> tuple[dict[str, list[Path]], list[Finding]]:
    """Return the files that can be looked at, by role, and what is wrong with the registered ones and the others."""
    named: set[Path] = set()
    usable: dict[str, list[Path]] = {}
    found: list[Finding] = []
    for role, table in there.items():
        name, usable[role] = store.tables[role].name, []
        for file in live_files(table):
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
    waiting = store.unfinished()
    strangers = [path for path in store.data_files() if path not in named and path not in waiting]
    known = {path for table in there.values() for path in all_paths(table)} if strangers else set()
    found += [Finding("orphan", str(path), "no table names this file") for path in strangers if path not in known]
    found += [
        Finding("intent", str(path), "a commit was not finished; rows are not compared before it is")
        for path in store.intents()
    ]
    return usable, found


def _markers(store: Warehouse, there: Mapping[str, Table]) -> Iterator[Finding]:
    """Compare the markers of each owner: the job over files, and every shard of it on an island."""
    own = f"{MARKER}.{store.plan.job}"
    owners = {n for table in there.values() for n in table.properties if n == own or n.startswith(f"{own}.")}
    for owner in sorted(owners):
        seq = there["ledger"].properties.get(owner, "0")
        for role, table in there.items():
            name, at = store.tables[role].name, table.properties.get(owner, "0")
            if at != seq:
                yield Finding("marker", name, f"is at commit {at} of {owner}, the ledger is at {seq}")
            if (newest := lost(table, owner)) is not None:
                yield Finding("rolled_back", name, f"commit {said(newest)[owner]} is not in its line any more")


def _others(store: Warehouse, there: Mapping[str, Table]) -> Iterator[Finding]:
    for role, table in there.items():
        for one in foreign(table):
            detail = f"snapshot {one.snapshot} ({one.operation}) is no job's: {one.added_rows} rows added, {one.deleted_rows} deleted"
            yield Finding("foreign_commit", store.tables[role].name, detail)


_EMPTY = {
    "ledger": "NULL::BIGINT AS seq, '' AS source, 0 AS partition, 0::BIGINT AS first_offset, 0::BIGINT AS last_offset, "
    + ", ".join(
        f"0::BIGINT AS {name}"
        for name in (
            "messages", "skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows",
        )
    )
    + ", MAP {'x': 0::BIGINT} AS rejected_by, [{'first': 0::BIGINT, 'last': 0::BIGINT}] AS skipped_ranges, "
    "[{'first': 0::BIGINT, 'last': 0::BIGINT}] AS filtered_ranges, NULL::VARCHAR AS position_digest",
}  # fmt: skip
_EMPTY_ROWS = "'' AS _source, 0 AS _partition, 0::BIGINT AS _offset, 0 AS _index, FALSE AS late"


def _views(db: duckdb.DuckDBPyConnection, paths: Mapping[str, list[Path]]) -> None:
    for role in ("ledger", "raw", "derived", "rejects"):
        late = "kind LIKE 'lookup:%' OR kind LIKE 'agreement:%'" if role == "rejects" else "FALSE"
        columns = "*" if role == "ledger" else f"{_POSITIONS}, {late} AS late"
        if paths.get(role):
            names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths[role])
            source = f"read_parquet([{names}], union_by_name = {role == 'ledger'})"
            db.execute(f"CREATE VIEW {role} AS SELECT {columns} FROM {source}")
        else:
            db.execute(f"CREATE VIEW {role} AS SELECT {_EMPTY.get(role, _EMPTY_ROWS)} WHERE FALSE")
    described = db.execute("DESCRIBE ledger").fetchall()
    absent = "absent_ranges" if any(name == "absent_ranges" for name, *_ in described) else _NO_RANGES
    db.execute(f"CREATE TABLE entries AS SELECT *, {absent} AS absent FROM ledger")
    db.execute(_BASE)


_SUMS = ("skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows")
_NO_RANGES = "NULL::STRUCT(first BIGINT, last BIGINT)[]"
"""A ledger that was written before sources had offsets without messages."""
_BASE = f"""
CREATE TABLE base AS
SELECT b.source, b.partition, b.first_offset, b.last_offset, b.seq, b.messages, b.skipped_ranges, b.absent, b.position_digest,
       coalesce(list_sum(list_transform(b.absent, lambda r: r.last - r.first)), 0)::BIGINT AS absent_offsets,
       coalesce(a.filtered_ranges, b.filtered_ranges) AS filtered_ranges,
       {", ".join(f"(b.{n} + coalesce(a.{n}, 0))::BIGINT AS {n}" for n in _SUMS)},
       (list_sum(map_values(b.rejected_by)) + coalesce(a.records, 0))::BIGINT AS records
FROM entries b LEFT JOIN (
  SELECT source, partition, first_offset, {", ".join(f"sum({n}) AS {n}" for n in _SUMS)},
         sum(list_sum(map_values(rejected_by))) AS records, arg_max(filtered_ranges, seq) AS filtered_ranges
  FROM entries WHERE first_offset = last_offset GROUP BY ALL
) a USING (source, partition, first_offset)
WHERE b.first_offset < b.last_offset;
CREATE TABLE bounds AS SELECT DISTINCT source, partition, first_offset, last_offset FROM base;
CREATE VIEW placed AS
SELECT role, p.*, b.first_offset FROM (
  SELECT 'raw' AS role, * FROM raw UNION ALL SELECT 'derived', * FROM derived UNION ALL SELECT 'rejects', * FROM rejects
) p ASOF LEFT JOIN bounds b ON p._source = b.source AND p._partition = b.partition AND p._offset >= b.first_offset;
CREATE TABLE tallied AS
SELECT _source AS source, _partition AS partition, first_offset,
       count(*) FILTER (role = 'derived') AS derived_rows, count(*) FILTER (role = 'raw') AS raw_rows,
       count(*) FILTER (late AND _index IS NOT NULL) AS late_rows, count(*) FILTER (role = 'rejects') AS reject_records,
       count(*) FILTER (role = 'rejects' AND _index IS NOT NULL) AS reject_rows
FROM placed GROUP BY ALL;
CREATE VIEW traced AS
SELECT source, partition, first_offset, 'skipped' AS outcome, unnest(skipped_ranges, recursive := true) FROM base
UNION ALL SELECT source, partition, first_offset, 'filtered', unnest(filtered_ranges, recursive := true) FROM base
UNION ALL SELECT source, partition, first_offset, 'absent', unnest(absent, recursive := true) FROM base;
CREATE TABLE outcomes AS
SELECT _source AS source, _partition AS partition, first_offset, _offset AS begins, _offset + 1 AS ends,
       CASE WHEN bool_or(role = 'derived') THEN 'emitted' ELSE 'rejected' END AS outcome
FROM placed WHERE role <> 'raw' GROUP BY ALL
UNION ALL SELECT source, partition, first_offset, first, last, outcome FROM traced;
CREATE VIEW per_range AS
SELECT b.*, coalesce(d.derived_rows, 0) AS derived_rows, coalesce(d.reject_records, 0) AS reject_records,
       coalesce(d.reject_rows, 0) AS reject_rows, coalesce(d.raw_rows, 0) AS raw_rows, coalesce(d.late_rows, 0) AS late_rows
FROM base b LEFT JOIN tallied d USING (source, partition, first_offset);
CREATE VIEW covered AS
SELECT source, partition, first_offset, outcome, sum(ends - begins)::BIGINT AS n FROM outcomes GROUP BY ALL;
"""
_RANGE = "format('{} {}..{}', source, first_offset, last_offset)"
_QUERIES: tuple[tuple[str, str], ...] = (
    (
        "lost_range",
        """SELECT format('{} {}..{}', source, ends, first_offset), format('no entry of the ledger has these {} messages', first_offset - ends) FROM (
             SELECT source, first_offset, coalesce(max(last_offset) OVER (PARTITION BY source, partition
               ORDER BY first_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
               CASE WHEN position_digest IS NULL THEN first_offset ELSE 0 END) AS ends FROM base)
           WHERE first_offset > ends""",
    ),
    (
        "doubled_range",
        """SELECT format('{} {}..{}', source, first_offset, least(ends, last_offset)), format('more than one entry has these {} messages', least(ends, last_offset) - first_offset) FROM (
             SELECT *, max(last_offset) OVER (PARTITION BY source, partition
               ORDER BY first_offset, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends FROM base)
           WHERE first_offset < ends""",
    ),
    (
        "account",
        f"""SELECT {_RANGE}, format('{{}} messages = {{}} skipped + {{}} rejected + {{}} filtered + {{}} emitted; {{}} rows = {{}} rejected + {{}} filtered + {{}} emitted: does not close',
             messages, skipped, rejected, filtered, emitted_parents, rows, rejected_rows, filtered_rows, emitted_rows)
           FROM base WHERE messages <> skipped + rejected + filtered + emitted_parents OR messages + absent_offsets <> last_offset - first_offset
             OR rows <> rejected_rows + filtered_rows + emitted_rows""",
    ),
    (
        "rows_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} emitted rows, the table {{}}', emitted_rows, derived_rows)
           FROM per_range WHERE emitted_rows <> derived_rows""",
    ),
    (
        "rejects_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} rejects ({{}} rows), the table {{}} ({{}})', records, rejected_rows, reject_records, reject_rows)
           FROM per_range WHERE records <> reject_records OR rejected_rows <> reject_rows""",
    ),
    (
        "position_lost",
        """WITH o AS (SELECT *, max(ends) OVER (PARTITION BY source, partition, first_offset ORDER BY begins, ends
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outcomes),
           gaps AS (
             SELECT source, coalesce(before, first_offset) AS a, begins AS b FROM o WHERE begins > coalesce(before, first_offset)
             UNION ALL
             SELECT l.source, coalesce(e.ends, l.first_offset), l.last_offset FROM bounds l
               LEFT JOIN (SELECT source, partition, first_offset, max(ends) AS ends FROM outcomes GROUP BY ALL) e
               USING (source, partition, first_offset)
             WHERE coalesce(e.ends, l.first_offset) < l.last_offset)
           SELECT format('{} {}..{}', source, a, b),
             format('{} messages are neither emitted nor rejected, filtered or skipped', b - a) FROM gaps""",
    ),
    (
        "position_doubled",
        """SELECT format('{} {}..{}', source, begins, least(before, ends)), format('{} messages have more than one outcome', least(before, ends) - begins) FROM (
             SELECT *, max(ends) OVER (PARTITION BY source, partition, first_offset ORDER BY begins, ends
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outcomes)
           WHERE begins < before""",
    ),
    (
        "outcomes_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} {{}}, the tables {{}}', said, outcome, found) FROM (
             SELECT b.source, b.first_offset, b.last_offset, w.outcome, w.said, coalesce(c.n, 0) AS found
             FROM base b, LATERAL (VALUES ('emitted', emitted_parents), ('rejected', rejected), ('filtered', filtered), ('skipped', skipped)) w(outcome, said)
             LEFT JOIN covered c ON c.source = b.source AND c.partition = b.partition AND c.first_offset = b.first_offset AND c.outcome = w.outcome)
           WHERE said <> found""",
    ),
    (
        "row_doubled",
        """SELECT format('{} {} [{}]', _source, _offset, _index), format('stands {} times in {}', count(*), role)
           FROM placed GROUP BY role, _source, _partition, _offset, _index HAVING count(*) > 1""",
    ),
    (
        "row_outside",
        """SELECT format('{} {}', _source, _offset), format('a row of {} that no entry of the ledger covers', role)
           FROM placed p LEFT JOIN bounds b ON p._source = b.source AND p._partition = b.partition AND p.first_offset = b.first_offset
           WHERE b.source IS NULL OR p._offset >= b.last_offset""",
    ),
    (
        "raw_lost",
        """SELECT format('{} {} [{}]', _source, _offset, _index), 'emitted, and not in the raw archive' FROM (
             SELECT * FROM derived EXCEPT SELECT * FROM raw)""",
    ),
    (
        "raw_differs",
        f"""SELECT {_RANGE}, format('{{}} rows passed the raw rules, the raw archive has {{}}', emitted_rows + filtered_rows + late_rows, raw_rows)
           FROM per_range WHERE emitted_rows + filtered_rows + late_rows <> raw_rows""",
    ),
)

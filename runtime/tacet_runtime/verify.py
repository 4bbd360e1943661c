"""VERIFY: prove from the tables alone that every message was consumed once and every row is there once.

Three questions. Is the ledger one unbroken account of each source? Do the tables hold, for each of its ranges, exactly the
rows that it says, each position once? Is every file named once, and every table at the ledger's commit? DuckDB reads
only positions, range by range, and spills to the disk: memory does not grow with the data.

An entry with an empty range (`first_offset = last_offset`) is an adjustment: differences that a replay or a backfill
made to the range that begins there (`reconsider.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from tacet_runtime.connectors.iceberg import all_paths, data_paths
from tacet_runtime.exactly_once import ORDER, marker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tacet_runtime.exactly_once import Warehouse

SHOWN = 20
"""Findings of one kind that are listed; the rest is counted."""
_POSITIONS = "_source, _partition, _offset, _index"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: what kind, where, and what was found."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what is wrong with it."""

    findings: tuple[Finding, ...]
    messages: int
    rows: int
    files: int


def verify(store: Warehouse) -> Proof:
    """Look at a job's tables; nothing is changed. Raises what pyiceberg and DuckDB raise when a table cannot be read."""
    paths = {role: data_paths(store.table(role)) for role in ORDER if role in store.tables}
    findings = [*_files(store, paths), *_markers(store)]
    missing = {path for role in paths for path in paths[role] if not path.exists()}
    with duckdb.connect(config={"memory_limit": "512MB", "threads": 2}) as db:
        there = {role: [p for p in found if p not in missing] for role, found in paths.items()}
        _views(db, {"derived": there.get("raw", []), **there})  # a raw event on its own emits its archive
        for kind, sql in _QUERIES:
            found = db.execute(sql).fetchmany(SHOWN + 1)
            findings += [Finding(kind, str(where), str(detail)) for where, detail in found[:SHOWN]]
            if len(found) > SHOWN:
                findings.append(Finding(kind, "and more", f"only the first {SHOWN} are listed"))
        messages, rows = db.execute("SELECT coalesce(sum(messages), 0), coalesce(sum(rows), 0) FROM base").fetchall()[0]
    return Proof(tuple(findings), int(messages), int(rows), sum(len(p) for p in paths.values()))


def _files(store: Warehouse, paths: dict[str, list[Path]]) -> Iterator[Finding]:
    named: set[Path] = set()
    for role, found in paths.items():
        for path in found:
            if path in named:
                yield Finding("file_twice", store.tables[role].name, f"{path.name} is registered twice")
            named.add(path)
            if not path.exists():
                yield Finding("file_missing", store.tables[role].name, f"{path} is registered and is not there")
    strangers = [path for path in store.data_files() if path not in named]
    known = {path for role in store.tables for path in all_paths(store.table(role))} if strangers else set()
    for path in strangers:
        if path not in known:
            yield Finding("orphan", str(path), "no table names this file")
    for path in store.intents():
        yield Finding("intent", str(path), "a commit was not finished: the next run will heal it")


def _markers(store: Warehouse) -> Iterator[Finding]:
    seq = store.seq()
    for role in ORDER:
        if role in store.tables and marker(store.table(role), store.plan.job) != seq:
            at = marker(store.table(role), store.plan.job)
            yield Finding("marker", store.tables[role].name, f"is at commit {at}, the ledger is at {seq}")


_EMPTY = {
    "ledger": "NULL::BIGINT AS seq, '' AS source, 0 AS partition, 0::BIGINT AS first_offset, 0::BIGINT AS last_offset, "
    + ", ".join(
        f"0::BIGINT AS {name}"
        for name in (
            "messages", "skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows",
        )
    )
    + ", MAP {'x': 0::BIGINT} AS rejected_by, [{'first': 0::BIGINT, 'last': 0::BIGINT}] AS skipped_ranges, "
    "[{'first': 0::BIGINT, 'last': 0::BIGINT}] AS filtered_ranges",
}  # fmt: skip
_EMPTY_ROWS = "'' AS _source, 0 AS _partition, 0::BIGINT AS _offset, 0 AS _index, FALSE AS late"


def _views(db: duckdb.DuckDBPyConnection, paths: dict[str, list[Path]]) -> None:
    for role in ("ledger", "raw", "derived", "rejects"):
        late = "kind LIKE 'lookup:%' OR kind LIKE 'agreement:%'" if role == "rejects" else "FALSE"
        columns = "*" if role == "ledger" else f"{_POSITIONS}, {late} AS late"
        if paths.get(role):
            names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths[role])
            db.execute(
                f"CREATE VIEW {role} AS SELECT {columns} FROM read_parquet([{names}], union_by_name = {role == 'ledger'})"
            )
        else:
            db.execute(f"CREATE VIEW {role} AS SELECT {_EMPTY.get(role, _EMPTY_ROWS)} WHERE FALSE")
    db.execute(_BASE)


_SUMS = ("skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows")
_BASE = f"""
CREATE TABLE entries AS SELECT * FROM ledger;
CREATE TABLE base AS
SELECT b.source, b.partition, b.first_offset, b.last_offset, b.seq, b.messages, b.skipped_ranges,
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
UNION ALL SELECT source, partition, first_offset, 'filtered', unnest(filtered_ranges, recursive := true) FROM base;
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
        """SELECT format('{} {}..{}', source, ends, first_offset), 'no entry of the ledger has these messages' FROM (
             SELECT source, first_offset, coalesce(max(last_offset) OVER (PARTITION BY source, partition
               ORDER BY first_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS ends FROM base)
           WHERE first_offset > ends ORDER BY ALL""",
    ),
    (
        "doubled_range",
        """SELECT format('{} {}..{}', source, first_offset, least(ends, last_offset)), 'more than one entry has these messages' FROM (
             SELECT *, max(last_offset) OVER (PARTITION BY source, partition
               ORDER BY first_offset, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends FROM base)
           WHERE first_offset < ends ORDER BY ALL""",
    ),
    (
        "account",
        f"""SELECT {_RANGE}, format('{{}} messages = {{}} skipped + {{}} rejected + {{}} filtered + {{}} emitted; {{}} rows = {{}} rejected + {{}} filtered + {{}} emitted: does not close',
             messages, skipped, rejected, filtered, emitted_parents, rows, rejected_rows, filtered_rows, emitted_rows)
           FROM base WHERE messages <> skipped + rejected + filtered + emitted_parents OR messages <> last_offset - first_offset
             OR rows <> rejected_rows + filtered_rows + emitted_rows ORDER BY ALL""",
    ),
    (
        "rows_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} emitted rows, the table {{}}', emitted_rows, derived_rows)
           FROM per_range WHERE emitted_rows <> derived_rows ORDER BY ALL""",
    ),
    (
        "rejects_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} rejects ({{}} rows), the table {{}} ({{}})', records, rejected_rows, reject_records, reject_rows)
           FROM per_range WHERE records <> reject_records OR rejected_rows <> reject_rows ORDER BY ALL""",
    ),
    (
        "position_lost",
        """WITH o AS (SELECT *, max(ends) OVER (PARTITION BY source, partition ORDER BY begins, ends
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outcomes),
           gaps AS (
             SELECT source, coalesce(before, 0) AS a, begins AS b FROM o WHERE begins > coalesce(before, 0)
             UNION ALL
             SELECT l.source, coalesce(e.ends, 0), l.last FROM (SELECT source, partition, max(last_offset) AS last FROM base GROUP BY ALL) l
               LEFT JOIN (SELECT source, partition, max(ends) AS ends FROM outcomes GROUP BY ALL) e USING (source, partition)
             WHERE coalesce(e.ends, 0) < l.last)
           SELECT format('{} {}..{}', source, a, b), 'these messages are neither emitted nor rejected, filtered or skipped' FROM gaps ORDER BY ALL""",
    ),
    (
        "position_doubled",
        """SELECT format('{} {}..{}', source, begins, least(before, ends)), 'these messages have more than one outcome' FROM (
             SELECT *, max(ends) OVER (PARTITION BY source, partition ORDER BY begins, ends
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outcomes)
           WHERE begins < before ORDER BY ALL""",
    ),
    (
        "outcomes_differ",
        f"""SELECT {_RANGE}, format('the ledger has {{}} {{}}, the tables {{}}', said, outcome, found) FROM (
             SELECT b.source, b.first_offset, b.last_offset, w.outcome, w.said, coalesce(c.n, 0) AS found
             FROM base b, LATERAL (VALUES ('emitted', emitted_parents), ('rejected', rejected), ('filtered', filtered), ('skipped', skipped)) w(outcome, said)
             LEFT JOIN covered c ON c.source = b.source AND c.partition = b.partition AND c.first_offset = b.first_offset AND c.outcome = w.outcome)
           WHERE said <> found ORDER BY ALL""",
    ),
    (
        "row_doubled",
        """SELECT format('{} {} [{}]', _source, _offset, _index), format('stands {} times in {}', count(*), role)
           FROM placed GROUP BY role, _source, _partition, _offset, _index HAVING count(*) > 1 ORDER BY ALL""",
    ),
    (
        "row_outside",
        """SELECT format('{} {}', _source, _offset), format('a row of {} that no entry of the ledger covers', role)
           FROM placed p LEFT JOIN bounds b ON p._source = b.source AND p._partition = b.partition AND p.first_offset = b.first_offset
           WHERE b.source IS NULL OR p._offset >= b.last_offset ORDER BY ALL""",
    ),
    (
        "raw_lost",
        """SELECT format('{} {} [{}]', _source, _offset, _index), 'emitted, and not in the raw archive' FROM (
             SELECT * FROM derived EXCEPT SELECT * FROM raw) ORDER BY ALL""",
    ),
    (
        "raw_differs",
        f"""SELECT {_RANGE}, format('{{}} rows passed the raw rules, the raw archive has {{}}', emitted_rows + filtered_rows + late_rows, raw_rows)
           FROM per_range WHERE emitted_rows + filtered_rows + late_rows <> raw_rows ORDER BY ALL""",
    ),
)

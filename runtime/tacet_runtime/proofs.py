"""The queries of VERIFY: the ledger and the positions of rows as DuckDB's views, and one query for each promise.

Each query gives (place, detail) of what breaks it. `verify.py` makes the views and runs them.
"""

from __future__ import annotations

POSITIONS = "_source, _partition, _offset, _index"
EMPTY = {
    "ledger": "NULL::BIGINT AS seq, '' AS source, 0 AS partition, 0::BIGINT AS first_offset, 0::BIGINT AS last_offset, "
    + ", ".join(
        f"0::BIGINT AS {name}"
        for name in (
            "messages", "skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows",
        )
    )
    + ", MAP {'x': 0::BIGINT} AS rejected_by, [{'first': 0::BIGINT, 'last': 0::BIGINT}] AS skipped_ranges, "
    "[{'first': 0::BIGINT, 'last': 0::BIGINT}] AS filtered_ranges, NULL::VARCHAR AS position_digest, "
    "MAP {'x': ''} AS lookups",
}  # fmt: skip
EMPTY_ROWS = "'' AS _source, 0 AS _partition, 0::BIGINT AS _offset, 0 AS _index, FALSE AS late"
_SUMS = ("skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows")
LOOKUPS = "SELECT DISTINCT unnest(map_values(lookups)) AS snapshot FROM entries ORDER BY ALL"
"""The snapshots of reference data that the ledger names."""
NO_RANGES = "NULL::STRUCT(first BIGINT, last BIGINT)[]"
"""A ledger that was written before sources had offsets without messages."""
BASE = f"""
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
CREATE VIEW gaps AS
SELECT source, partition, ends AS first, first_offset AS last,
       EXISTS (FROM given_up g WHERE g.source = s.source AND g.partition = s.partition AND g.first <= ends AND g.last >= first_offset) AS given_up,
       EXISTS (FROM coming g WHERE g.source = s.source AND g.partition = s.partition AND g.first <= ends AND g.last >= first_offset) AS coming FROM (
  SELECT source, partition, first_offset, coalesce(max(last_offset) OVER (PARTITION BY source, partition
    ORDER BY first_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    CASE WHEN position_digest IS NULL THEN first_offset ELSE 0 END) AS ends FROM base) s
WHERE first_offset > ends;
CREATE VIEW rest AS
SELECT source, partition, greatest(min(first), max(ends)) AS first, max(last) AS last FROM (
  SELECT g.*, coalesce((SELECT max(last_offset) FROM base b WHERE b.source = g.source AND b.partition = g.partition), 0) AS ends FROM given_up g)
WHERE last > ends GROUP BY ALL;
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
AGAIN = """
WITH touched AS (SELECT DISTINCT source, partition, r.first + i AS at FROM (
  SELECT source, partition, unnest(skipped_ranges) AS r FROM entries WHERE first_offset = last_offset), LATERAL range(r.last - r.first) n(i))
SELECT (SELECT count(*) FROM touched), (SELECT coalesce(sum(emitted_rows), 0)::BIGINT FROM entries WHERE first_offset = last_offset)
"""
"""How many messages were changed by adjustments, and how many rows more that made."""
_RANGE = "format('{} {}..{}', source, first_offset, last_offset)"
QUERIES: tuple[tuple[str, str], ...] = (
    (
        "lost_range",
        """SELECT format('{} {}..{}', source, first, last), format('no entry of the ledger has these {} messages{}', last - first, CASE WHEN (SELECT max(partition) FROM base) > 0 THEN format(' of partition {}', partition) ELSE '' END)
           FROM gaps WHERE NOT given_up AND NOT coming""",
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

"""The demo, as `make demo` runs it: impressions are made, run, proved, compared with what was planted, asked and explained.

It uses the public command and the tables, as a user would. Everything it writes is under ./demo.
Ends with 1 when a promise is not kept: an account that does not close, or a verdict that differs from what was planted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from pyiceberg.catalog.sql import SqlCatalog
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
JOB = "enriched_impression"
say = Console(width=110, highlight=False)


@dataclass(frozen=True)
class Files:
    """Where the demo writes: nothing is written anywhere else."""

    out: Path

    @property
    def events(self) -> Path:
        """The messages, a line each."""
        return self.out / "impressions.ndjson"

    @property
    def labels(self) -> Path:
        """What was planted in them."""
        return self.out / "labels.ndjson"

    @property
    def warehouse(self) -> Path:
        """The Iceberg tables and their catalog."""
        return self.out / "warehouse"

    @property
    def message(self) -> Path:
        """The message that is explained."""
        return self.out / "message.json"


def tacet(*arguments: str, fine: Sequence[int] = (0,)) -> str:
    """Run a verb as a user would, and return its result; its progress and messages are seen."""
    say.print(f"[dim]$ tacet {' '.join(arguments)}[/dim]", soft_wrap=True)
    sys.stdout.flush()
    command = [sys.executable, "-m", "tacet.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in fine:
        sys.exit(f"{done.stdout}\ntacet {arguments[0]} ended with {done.returncode}")
    return done.stdout


def title(text: str) -> None:
    """Begin a part."""
    say.print()
    say.rule(f"[bold]{text}[/bold]", align="left", style="dim")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows; numbers stand right."""
    found = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    numeric = [all(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        found.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        found.add_row(*(f"{v:,}" if isinstance(v, int) and not isinstance(v, bool) else str(v) for v in row))
    say.print(found)


def main() -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser(description="Impressions through the generated job, explained")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "demo")
    given = parser.parse_args()
    began = time.monotonic()
    files = Files(given.out.absolute())
    shutil.rmtree(files.out, ignore_errors=True)
    files.out.mkdir(parents=True)
    contracts()
    counts = run(files, given.events, given.workers)
    asked = open_tables(files)
    kept = [accounting(counts, asked), verdicts(asked)]
    title("Proof: the accounting, from the tables alone")
    say.print(tacet("verify", JOB, "--warehouse", place(files.warehouse)).strip())
    questions(asked)
    why(asked, files)
    where(files, time.monotonic() - began)
    return 0 if all(kept) else 1


def place(path: Path) -> str:
    """Return a path as one would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def contracts() -> None:
    """Check the contracts, and compare what is generated with them."""
    title("Contracts: what is logged, what is left out on purpose, what is made of it")
    tacet("check")
    tacet("build", "--check")
    files = sum(1 for path in (ROOT / "generated").rglob("*") if path.is_file())
    say.print(f"No problem: {files} files under generated/ are what these contracts say, to the byte.")


def run(files: Files, events: int, workers: int) -> dict[str, Any]:
    """Make events as clients send them, and run the job over them; return its accounting."""
    title(f"{events:,} messages of ios, android, tvos and web, several versions each, with planted bugs")
    profile = "examples/impressions/profile.json"
    tacet(
        "sample", JOB, "--events", str(events), "--seed", "7", "--profile", profile,
        "--out", place(files.events), "--labels", place(files.labels),
    )  # fmt: skip
    output = tacet(
        "run",
        JOB,
        "--input",
        place(files.events),
        "--warehouse",
        place(files.warehouse),
        "--workers",
        str(workers),
        "--format",
        "json",
    )
    found: dict[str, Any] = json.loads(output)
    return found


def open_tables(files: Files) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection over the Iceberg tables and the labels."""
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{files.warehouse}/catalog.db", warehouse=f"file://{files.warehouse}")
    wanted = {
        "impression": ("enriched_impression", (
            "event_id", "item", "profile_id", "title_id", "title_name", "is_new_title", "page", "row_index", "row_kind",
            "view_ms", "viewed", "client_ts", "platform", "app_version", "_offset", "_index", "_absences", "_corrections",
        )),
        "metric": ("enriched_impression_metrics", ("event", "producer", "producer_version", "kind", "field", "name", "rows")),
    }  # fmt: skip
    connection = duckdb.connect()
    for name, (of, columns) in wanted.items():
        arrow = catalog.load_table(f"impressions.{of}").scan(selected_fields=columns).to_arrow()
        connection.register(f"{name}_", arrow)
        connection.execute(f"CREATE TABLE {name} AS FROM {name}_")
        connection.unregister(f"{name}_")
    columns = "{message: 'BIGINT', index: 'INT', field: 'VARCHAR', planted: 'VARCHAR', producer: 'VARCHAR', version: 'VARCHAR', expected: 'VARCHAR'}"
    connection.execute(
        f"CREATE TABLE label AS FROM read_json(?, format = 'newline_delimited', columns = {columns})",
        [str(files.labels)],
    )
    return connection


def accounting(counts: dict[str, Any], asked: duckdb.DuckDBPyConnection) -> bool:
    """Show where every message went, and compare it with the labels; tell whether all agrees."""
    title("Accounting: every message ends somewhere, and is counted there")
    ends = ["skipped", "rejected", "filtered", "emitted_parents"]
    total = sum(counts[name] for name in ends)
    closed = total == counts["in"]
    say.print(
        " + ".join(f"{counts[n]:,} {n}" for n in ends)
        + f" = {total:,} of {counts['in']:,} in: "
        + ("closed" if closed else "NOT CLOSED")
    )
    rows = []
    for prefix, by in (
        ("rejected:", counts["rejected_by"]),
        ("filtered:", counts["filtered_by"]),
        ("skipped", {"": counts["skipped"]}),
    ):
        for kind, found in sorted(by.items()):
            planted = one(asked, "SELECT count(*) FROM label WHERE expected = ?", prefix + kind)
            rows.append(((prefix + kind).replace(":", ": "), found, planted, mark(found, planted)))
    fixed = one(asked, "SELECT count(*) FROM impression WHERE list_contains(_corrections, 'clock_ahead')")
    planted = one(asked, "SELECT count(*) FROM label WHERE expected = 'corrected:clock_ahead'")
    rows.append(("corrected: clock_ahead (rows)", fixed, planted, mark(fixed, planted)))
    table(("what became of it", "found", "planted", ""), rows)
    return closed and all(row[1] == row[2] for row in rows)


VERDICTS = """
WITH found AS (
  SELECT producer, producer_version AS version, field, name AS verdict, sum(rows)::BIGINT AS found
  FROM metric WHERE kind = 'verdict' AND event = 'impressions.raw_impression' AND name NOT IN ('optional', 'not_applicable')
  GROUP BY ALL
), planted AS (
  SELECT producer, version, field, expected AS verdict, count(*) AS planted
  FROM label WHERE index IS NOT NULL AND field IS NOT NULL AND expected NOT SIMILAR TO '(rejected|lookup_miss):.*' GROUP BY ALL
), total AS (
  SELECT producer, producer_version AS version, sum(rows)::BIGINT AS rows
  FROM metric WHERE kind = 'rows' AND event = 'impressions.raw_impression' GROUP BY ALL
)
SELECT producer, version, field, verdict, rows, coalesce(found, 0), coalesce(planted, 0)
FROM found FULL JOIN planted USING (producer, version, field, verdict) LEFT JOIN total USING (producer, version)
ORDER BY verdict LIKE 'declared%', producer, version, field, verdict
"""


def verdicts(asked: duckdb.DuckDBPyConnection) -> bool:
    """Show each verdict of each build and field, beside what was planted; tell whether they are the same."""
    title("Missing on purpose, or a bug? Each build and field, beside what was planted")
    rows = []
    for producer, version, field, verdict, total, found, planted in asked.execute(VERDICTS).fetchall():
        colour = "green" if verdict.startswith("declared") else "red" if verdict == "logging_bug" else "yellow"
        share = f"{100 * found / total:5.1f} %" if total else ""
        rows.append(
            (
                f"{producer} {version}",
                field,
                f"[{colour}]{verdict}[/{colour}]",
                share,
                found,
                planted,
                mark(found, planted),
            )
        )
    table(("build", "field", "verdict", "of its rows", "found", "planted", ""), rows)
    say.print("[dim]Every other missing value was optional, or not applicable to its row.[/dim]")
    return bool(rows) and all(row[4] == row[5] for row in rows)


def mark(found: int, planted: int) -> str:
    """Tell at a glance whether two numbers are the same."""
    return "[green]same[/green]" if found == planted else "[bold red]DIFFERS[/bold red]"


def one(asked: duckdb.DuckDBPyConnection, sql: str, *values: object) -> int:
    """Return a single number."""
    found = asked.execute(sql, list(values)).fetchone()
    return int(found[0]) if found else 0


QUESTIONS = (
    ("How often did a profile see a title in 7 days? (frequency capping; a retry counts once)", """
WITH seen AS (SELECT profile_id, title_id, count(DISTINCT (event_id, item)) AS times
              FROM impression WHERE client_ts >= (SELECT max(client_ts) - INTERVAL 7 DAY FROM impression) GROUP BY ALL)
SELECT CASE WHEN times < 5 THEN times::VARCHAR ELSE '5 and more' END AS "times seen", count(*) AS pairs,
       count(DISTINCT profile_id) AS profiles
FROM seen GROUP BY 1 ORDER BY 1"""),
    ("How are new titles shown, by page and row?", """
SELECT page, CASE WHEN row_index IS NULL THEN '-' WHEN row_index < 3 THEN '0 to 2' WHEN row_index < 10 THEN '3 to 9' ELSE '10 and on' END AS "row",
       count(*) AS impressions, count(*) FILTER (is_new_title) AS "of new titles",
       round(100 * avg(is_new_title::INT), 1) AS "new, %"
FROM impression WHERE is_new_title IS NOT NULL AND page IS NOT NULL GROUP BY ALL ORDER BY 1, min(row_index) NULLS FIRST"""),
    ("Which rows of the home page work?", """
SELECT row_kind AS "row", count(*) AS impressions, round(100 * avg(viewed::INT), 1) AS "seen for a second, %",
       round(median(view_ms))::INT AS "median ms", round(100 * count(view_ms) / count(*), 1) AS "with a view time, %"
FROM impression WHERE page = 'home' AND row_kind IS NOT NULL GROUP BY ALL ORDER BY 3 DESC"""),
)  # fmt: skip


def questions(asked: duckdb.DuckDBPyConnection) -> None:
    """Answer three questions from the table by SQL."""
    title("Three questions to impressions.enriched_impression, by SQL")
    for question, sql in QUESTIONS:
        found = asked.execute(sql)
        say.print(f"\n[italic]{question}[/italic]")
        table([column[0] for column in found.description or ()], found.fetchall())


def why(asked: duckdb.DuckDBPyConnection, files: Files) -> None:
    """Explain a NULL: from the row itself, then from its message, found by its source position."""
    title("One row, and why it has NULLs")
    row = asked.execute("""
SELECT _offset, _index, platform, app_version, _absences FROM impression
WHERE list_contains(map_values(_absences), 'logging_bug')
ORDER BY len(list_filter(map_values(_absences), lambda v: starts_with(v, 'declared'))) DESC, _offset, _index LIMIT 1""").fetchone()
    if row is None:
        say.print("No row has a logging bug in this sample.")
        return
    offset, index, platform, version, absences = row
    say.print(f"Row {index} of message {offset:,}, from {platform} {version}. Its own column `_absences` says:")
    table(("field", "is NULL because"), sorted(absences.items()))
    with files.events.open("rb") as lines:
        files.message.write_bytes(next(line for number, line in enumerate(lines) if number == offset).rstrip(b"\n"))
    told = tacet("explain", JOB, place(files.message), "--format", "text").splitlines()
    begun = told.index(next(line for line in told if line.startswith(f"row {index}:"))) + 1
    steps = takewhile(lambda line: line.startswith(" "), told[begun:])
    own = [line.strip() for line in steps if any(f"{name}:" in line or f" {name} = " in line for name in absences)]
    say.print("The same message through the reference interpreter, step by step (what concerns these fields):")
    for line in own:
        say.print(f"  {line}", markup=False, soft_wrap=True)


def where(files: Files, seconds: float) -> None:
    """Say where everything is."""
    title("Where to look")
    for path, what in (
        (place(files.events), "the messages, a line each"),
        (place(files.labels), "what was planted in them"),
        (place(files.warehouse), "Iceberg tables: raw archive, enriched rows, rejects, ledger, metrics"),
        ("contracts/impressions", "what all of this was made of"),
        ("generated", "models, schemas, SQL, the plan and its docs, made from the contracts"),
    ):
        say.print(f"{path:<26}[dim]{what}[/dim]")
    say.print(f"[dim]{seconds:.0f} seconds. This file: {place(Path(__file__))}[/dim]")


if __name__ == "__main__":
    sys.exit(main())

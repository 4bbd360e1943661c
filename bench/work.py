"""What is measured, each in a process of its own (`child.py`).

CPU seconds are this process's and its children's, around the work alone: imports and compiling are not in them.
"""

from __future__ import annotations

import csv
import datetime as dt
import resource
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from bench import loops
from bench.events import plan_of
from bench.stages import clocked
from tacet_runtime.engines.embedded import EmbeddedProcessor
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.ledger import added

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = EmbeddedProcessor
"""`run` imports its engine when it is asked for; here it is imported like everything else, before the clock runs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost. `cpu` and `wall` in seconds, `peak` the largest process in MiB."""

    cpu: float
    wall: float
    peak: float
    messages: int
    rows: int = 0
    stages: dict[str, float] = field(default_factory=dict)


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(work: Callable[[], tuple[int, int]], stages: dict[str, float] | None = None) -> Cost:
    """Run the work, which returns (messages, rows)."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    messages, rows = work()
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(one).ru_maxrss for one in who) / 1024
    return Cost(cpu, wall, peak, messages, rows, stages or {})


def job(source: Path, warehouse: Path, workers: int = 1) -> Cost:
    """Run the job over files into new tables."""
    plan = plan_of(ROOT)

    def work() -> tuple[int, int]:
        counts = added(run(plan, ROOT, warehouse, [str(source)], Options(workers=workers)).counts)
        return counts.messages, counts.rows

    return measured(work)


def staged(source: Path, warehouse: Path) -> Cost:
    """Run the job with a clock at every stage."""
    with clocked() as stages:
        cost = job(source, warehouse)
    return Cost(cost.cpu, cost.wall, cost.peak, cost.messages, cost.rows, stages)


def json_valid(source: Path, _: Path, times: int = 1) -> Cost:
    """Let DuckDB parse the same bytes, so many times, and forget them: the best of three."""
    lines = [line.decode("utf-8", "replace") for line in source.read_bytes().splitlines()]
    connection = duckdb.connect(config={"threads": "1"})
    connection.register("batch", pa.table({"v": pa.array(lines)}))

    def work() -> tuple[int, int]:
        for _ in range(times):
            connection.execute("SELECT count(*) FILTER (json_valid(v)) FROM batch").fetchall()
        return times * len(lines), 0

    return min((measured(work) for _ in range(3)), key=lambda cost: cost.cpu)


def loop(name: str, source: Path, warehouse: Path, **how: bool) -> Cost:
    """Run one of the hand-made loops."""
    work = {"naive": loops.naive, "good": loops.good}[name]
    lines = source.read_bytes().splitlines()
    titles = read_titles(ROOT / "examples/impressions/titles.csv")
    return measured(lambda: (len(lines), work(lines, titles, warehouse, **how)))


def read_titles(path: Path) -> dict[int, tuple[str, str, dt.date | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            int(row["title_id"]): (row["name"], row["kind"], _day(row["release_date"])) for row in csv.DictReader(file)
        }


def _day(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


WORK: dict[str, Callable[..., Cost]] = {
    "job": job,
    "two": lambda source, warehouse: job(source, warehouse, 2),
    "stages": staged,
    "json_valid": json_valid,
    "json_valid, long": lambda source, warehouse: json_valid(source, warehouse, 100),
    "naive": lambda source, warehouse: loop("naive", source, warehouse, avro=False),
    "naive+avro": lambda source, warehouse: loop("naive", source, warehouse, avro=True),
    "naive+validate": lambda source, warehouse: loop("naive", source, warehouse, avro=False, anew=True),
    "good": lambda source, warehouse: loop("good", source, warehouse, avro=False),
    "good+avro": lambda source, warehouse: loop("good", source, warehouse, avro=True),
}


def main(name: str, source: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="tacet-bench-", dir=Path(source).parent))
    try:
        return asdict(WORK[name](Path(source), folder / "warehouse"))
    finally:
        shutil.rmtree(folder)

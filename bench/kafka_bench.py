"""`make bench-kafka`: what exactly once over Kafka costs, beside files and beside a loop by hand; recovery, and latency.

Rates are compared by CPU seconds, as in `__main__.py`, and by wall time; servers and feeder are processes of their own.
Exit 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka as ck
from pyiceberg.catalog.sql import SqlCatalog

from bench.__main__ import child, each
from bench.events import JOB, ONE, plan_of, repeated, write_events
from bench.kafka_world import ENRICHED, PARTITIONS, ended, said, until, world
from bench.report import Figure, table
from bench.work import ROOT, Cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.kafka_world import World

DISTINCT, FEW = 20_000, 3_000
WAIT_SECONDS = 900.0
TOPIC_TIME, TABLE_TIME = 1.0, 10.0
"""Pace of the latency run: seconds that a batch is gathered for, and between commits of the tables."""


def measured(name: str, island: Path, messages: int) -> Cost:
    """Measure the service or the loop in a new process."""
    command = [sys.executable, "-m", "bench.kafka_child", name, str(island), str(messages)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def rates(here: World, file: Path, messages: int) -> tuple[list[Figure], float]:
    """Compare the service with files and with the loop; return the figures, and the service's rate by wall time."""
    lines = file.read_bytes().splitlines()
    here.topics()
    here.produce(lines, messages)
    before = child("job", repeated(file, here.folder / "before", messages // DISTINCT))
    service = measured("service", here.island(), messages)
    after = child("job", repeated(file, here.folder / "after", messages // DISTINCT))
    by_hand = measured("loop", here.island(), messages)
    files = (each(before) + each(after)) / 2
    wall = (before.wall + after.wall) / 2
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in sorted(service.stages.items()))
    note = f"{each(service):.0f} us a message, files {files:.0f}, the loop {each(by_hand):.0f}; wall s by step: {steps}"
    shown = f"wall {service.wall:.1f} s, files {wall:.1f} s, the loop {by_hand.wall:.1f} s"
    return [
        Figure("Kafka to Kafka and Iceberg, of files to Iceberg (CPU)", files / each(service), 0.5, note),
        Figure("the same, by wall time", wall / service.wall, None, shown),
        Figure("x the loop by hand (CPU)", each(by_hand) / each(service), 2.0, f"{service.rows} rows"),
        Figure("the same, by wall time", by_hand.wall / service.wall, None, shown),
        Figure("memory of the service, GiB", service.peak / 1024, 1.5, f"{service.peak:.0f} MiB", least=False),
    ], service.messages / service.wall


def recovery(here: World, lines: Sequence[bytes]) -> Figure:
    """Kill the service and start it again, with messages waiting: seconds to the first committed batch."""
    island = here.island(time=TOPIC_TIME)
    process = here.run(island)
    until(island, process, 1, 120)
    here.produce(lines, FEW)
    ended(process, signal.SIGKILL)
    killed, before = time.time(), len(said(island, "committed"))
    process = here.run(island)
    while len(said(island, "committed")) == before:
        if process.poll() is not None or time.time() > killed + 120:
            raise SystemExit(f"no commit after the kill: {island.with_suffix('.log').read_text()[-2000:]}")
        time.sleep(0.02)
    seconds = moment(said(island, "committed")[before]["time"]) - killed
    ended(process)
    return Figure(
        "seconds from a kill to the first commit", seconds, 10 + TOPIC_TIME, "with start and imports", least=False
    )


def latency(here: World, lines: Sequence[bytes], rate: float, messages: int) -> list[Figure]:
    """Feed steadily; say how long after being produced messages can be read, in topic and table."""
    here.topics()
    island = here.island(time=TOPIC_TIME, tables=TABLE_TIME)
    process = here.run(island)
    while not said(island, "started"):
        time.sleep(0.1)
    sent: list[float] = []
    stop = threading.Event()
    reader = Reader(here.bootstrap, stop)
    feed = threading.Thread(target=lambda: sent.extend(here.sending(lines, messages, rate)))
    for thread in (reader, feed):
        thread.start()
    feed.join()
    until(island, process, messages, WAIT_SECONDS)
    ended(process)
    stop.set()
    reader.join()
    topic = sorted(at - sent[number] for number, at in reader.seen.items())
    rows = _table_latency(here, island, sent)
    note = f"{rate:.0f} messages a second, a batch every {TOPIC_TIME:g} s, tables every {TABLE_TIME:g} s"
    return [
        Figure("produce to topic, p50, s", _share(topic, 0.5), None, note),
        Figure("produce to topic, p99, s", _share(topic, 0.99), 3 * TOPIC_TIME, f"max {topic[-1]:.2f}", least=False),
        Figure("produce to table, p50, s", _share(rows, 0.5), None, note),
        Figure("produce to table, p99, s", _share(rows, 0.99), TABLE_TIME + 3 * TOPIC_TIME, f"max {rows[-1]:.2f}", least=False),
    ]  # fmt: skip


def _share(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


class Reader(threading.Thread):
    """A plain consumer of the enriched topic, which notes when it sees each message of the source for the first time."""

    def __init__(self, bootstrap: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._stop_asked = stop
        self._consumer = ck.Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "bench", "isolation.level": "read_committed",
             "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, "log_level": 0}
        )  # fmt: skip
        self._consumer.assign([ck.TopicPartition(ENRICHED, number, 0) for number in range(PARTITIONS)])
        self.seen: dict[int, float] = {}

    def run(self) -> None:
        """Read until asked to stop, and to the end of what is there."""
        while True:
            found = self._consumer.consume(2_000, 0.1)
            now = time.time()
            for message in found:
                if message.error() is None:
                    self.seen.setdefault(_number(message), now)
            if self._stop_asked.is_set() and not found:
                return


def _number(message: ck.Message) -> int:
    """Return which message of the source a row came from."""
    place = next(value for name, value in message.headers() or () if name == "tacet.position")
    _, partition, offset, _ = (place if isinstance(place, bytes) else str(place).encode()).split(b"/")
    return int(offset) * PARTITIONS + int(partition)


def _table_latency(here: World, island: Path, sent: Sequence[float]) -> list[float]:
    applied = [(int(one["commit"]), moment(one["time"])) for one in said(island, "tables")]
    folder = here.folder / island.stem
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    found: list[float] = []
    for row in catalog.load_table(f"impressions.{JOB}_ledger").scan().to_arrow().to_pylist():
        _, at = applied[bisect_left(applied, (row["seq"], 0.0))]
        offsets = range(row["first_offset"], row["last_offset"])
        found += [at - sent[offset * PARTITIONS + row["partition"]] for offset in offsets]
    return sorted(found)


def moment(text: str) -> float:
    """Return a time of the log as seconds since 1970."""
    return dt.datetime.fromisoformat(text).timestamp()


def run(folder: Path, messages: int, seconds: float) -> list[Figure]:
    """Measure everything."""
    file = folder / "events.ndjson"
    write_events(plan_of(ROOT), ROOT, file, ONE, DISTINCT)
    with world(folder) as here:
        lines = file.read_bytes().splitlines()
        figures, rate = rates(here, file, messages)
        figures.append(recovery(here, lines))
        figures += latency(here, lines, rate / 2, int(rate / 2 * seconds))
    return figures


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="bench-kafka", description=__doc__)
    parser.add_argument("--messages", type=int, default=600_000, help=f"a multiple of {DISTINCT}")
    parser.add_argument("--seconds", type=float, default=30, help="of the steady feed")
    options = parser.parse_args()
    out = ROOT / "bench/out"
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kafka-", dir=out))
    load = os.getloadavg()[0]
    try:
        figures = run(folder, options.messages, options.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{table(figures)}\n\nload average {load:.1f} at the start, {os.cpu_count()} cores")
    document = {"load": load, "figures": [{**asdict(one), "verdict": one.verdict} for one in figures]}
    (out / "kafka.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    main()

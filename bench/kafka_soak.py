"""A soak of the service: events that keep coming, a hard kill every 30 seconds, memory by life, and an account at the end.

`python -m bench.kafka_soak --messages 10000000 --rate 5000`; what it found is printed and kept in `out/soak.json`. Exit 1
when a row was lost or doubled, in topic or table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka as ck
import numpy as np
from confluent_kafka.admin import AdminClient
from pyiceberg.catalog.sql import SqlCatalog

from bench.events import JOB, ONE, plan_of, write_events
from bench.kafka_world import ENRICHED, PARTITIONS, SOURCE, ended, said, world
from bench.work import ROOT

if TYPE_CHECKING:
    from bench.kafka_world import World

DISTINCT = 20_000
ROWS = 4
"""No message of this shape has more rows."""


@dataclass(frozen=True, slots=True)
class Soak:
    """What a soak found. `peaks`: the most memory of each life of the process, MiB; `verified`: what `tacet verify` said."""

    messages: int
    seconds: float
    kills: int
    peaks: tuple[int, ...]
    slowest_return: float
    topic_rows: int
    doubled: int
    table_rows: int
    verified: bool


def memory(pid: int) -> int:
    """Return the resident memory of a process, MiB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text()
    except OSError:
        return 0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def consumed(here: World, island: Path) -> int:
    """Return how many messages the job's group has committed."""
    group = f"tacet.impressions.{JOB}.{island.stem}"
    admin = AdminClient({"bootstrap.servers": here.bootstrap, "log_level": 0})
    wanted = [ck.TopicPartition(SOURCE, number) for number in range(PARTITIONS)]
    asked = ck.ConsumerGroupTopicPartitions(group, wanted)
    try:
        found = admin.list_consumer_group_offsets([asked])[group].result(20)
    except ck.KafkaException:  # nobody has consumed yet
        return 0
    return sum(max(0, at.offset) for at in found.topic_partitions)


def soak(here: World, lines: list[bytes], messages: int, rate: float, every: float) -> Soak:
    """Feed, kill and start again until everything is consumed."""
    here.topics()
    island = here.island(time=1, tables=10)
    feed = threading.Thread(target=lambda: [None for _ in here.sending(lines, messages, rate)], daemon=True)
    began = time.monotonic()
    feed.start()
    peaks: list[int] = []
    returns: list[float] = []
    while True:
        process, life, commits, peak, back = here.run(island), time.monotonic(), len(said(island, "committed")), 0, None
        done = 0
        while time.monotonic() - life < every and done < messages and process.poll() is None:
            time.sleep(0.5)
            peak = max(peak, memory(process.pid))
            if back is None and len(said(island, "committed")) > commits:
                back = time.monotonic() - life
            done = consumed(here, island) if not feed.is_alive() else 0
        peaks.append(peak)
        returns += [] if back is None else [back]
        if done >= messages:
            break
        ended(process, signal.SIGKILL)
    ended(process)
    feed.join()
    seconds = time.monotonic() - began
    rows, doubled = topic_rows(here, messages)
    verify = [sys.executable, "-m", "tacet.cli", "--quiet", "verify", JOB, "--island", str(island)]
    proved = subprocess.run(verify, cwd=ROOT, check=False, stdout=sys.stderr).returncode == 0
    stored = table_rows(here.folder / island.stem)
    return Soak(
        messages, seconds, len(peaks) - 1, tuple(peaks), max(returns, default=0.0), rows, doubled, stored, proved
    )


def topic_rows(here: World, messages: int) -> tuple[int, int]:
    """Return how many rows a read-committed reader finds in the enriched topic, and how many of them more than once."""
    reader = ck.Consumer(
        {"bootstrap.servers": here.bootstrap, "group.id": "soak", "isolation.level": "read_committed",
         "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0}
    )  # fmt: skip
    reader.assign([ck.TopicPartition(ENRICHED, number, 0) for number in range(PARTITIONS)])
    times = np.zeros((messages, ROWS), np.uint8)
    left = set(range(PARTITIONS))
    while left:
        for message in reader.consume(5_000, 0.5):
            if message.error() is not None:
                left.discard(message.partition())
                continue
            place = dict(message.headers() or ())["tacet.position"]
            _, partition, offset, index = bytes(place).split(b"/")  # type: ignore[arg-type]  # the service's are bytes
            times[int(offset) * PARTITIONS + int(partition), int(index)] += 1
    reader.close()
    return int(times.sum()), int((times > 1).sum())


def table_rows(folder: Path) -> int:
    """Return how many rows the enriched table has."""
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    return int(catalog.load_table(f"impressions.{JOB}").scan().count())


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(prog="kafka-soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--rate", type=float, default=5_000, help="events a second")
    parser.add_argument("--every", type=float, default=30, help="seconds between kills")
    options = parser.parse_args()
    out = ROOT / "bench/out"
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=out))
    try:
        file = folder / "events.ndjson"
        write_events(plan_of(ROOT), ROOT, file, ONE, DISTINCT)
        with world(folder) as here:
            found = soak(here, file.read_bytes().splitlines(), options.messages, options.rate, options.every)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(asdict(found), indent=1)
    (out / "soak.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(not (found.verified and found.doubled == 0 and found.topic_rows == found.table_rows))


if __name__ == "__main__":
    main()

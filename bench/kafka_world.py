"""A broker, a registry, topics and an island for the bench of the service: all on loopback, all ended by their ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from bench.events import JOB
from bench.work import ROOT
from tests.support import servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PARTITIONS = 6
SOURCE, RAW, ENRICHED = "ui.events", "impressions.raw", "impressions.enriched"
ISLAND = """island: {name}
kafka: {{bootstrap: "{bootstrap}"}}
registry: {{url: "{registry}"}}
warehouse: "{warehouse}"
pace: {{rows: 50000, bytes: 67108864, time: {time}s, tables: {tables}s}}
status: {{log: json}}
"""


@dataclass(frozen=True, slots=True)
class World:
    """Servers that run, and the folder of what is written."""

    folder: Path
    bootstrap: str
    registry: str

    def topics(self) -> None:
        """Make the topics anew, empty."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        names = set(admin.list_topics(timeout=20).topics)
        ours = [name for name in names if name in {SOURCE, RAW, ENRICHED}]
        if ours:
            for gone in admin.delete_topics(ours, operation_timeout=30).values():
                gone.result(60)
            time.sleep(2)  # their names are free a moment later
        new = [NewTopic(name, PARTITIONS, 1) for name in (SOURCE, RAW, ENRICHED)]
        for made in admin.create_topics(new, operation_timeout=30).values():
            made.result(60)

    def island(self, *, time: float = 1.0, tables: float = 60.0) -> Path:
        """Write the file of a new island, which has consumed nothing and has no tables yet."""
        name = f"b{uuid.uuid4().hex[:8]}"
        path = self.folder / f"{name}.yaml"
        folder = self.folder / name
        path.write_text(
            ISLAND.format(
                name=name, bootstrap=self.bootstrap, registry=self.registry, warehouse=folder, time=time, tables=tables
            )
        )
        return path

    def produce(self, lines: Sequence[bytes], number: int) -> None:
        """Send so many messages as fast as the broker takes them."""
        for _ in self.sending(lines, number, float("inf")):
            pass

    def sending(self, lines: Sequence[bytes], number: int, rate: float) -> Iterator[float]:
        """Send messages, `rate` a second; yield the time of each. Number n is offset n // 6 of partition n % 6."""
        producer = ck.Producer(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "linger.ms": 5, "compression.type": "lz4"}
        )
        began = time.time()
        for at in range(number):
            while True:
                try:
                    producer.produce(SOURCE, lines[at % len(lines)], partition=at % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.05)
            now = time.time()
            yield now
            if at % 100 == 0:
                producer.poll(0)
                time.sleep(max(0.0, began + at / rate - now))
        if producer.flush(60):
            raise SystemExit("the broker does not take the messages")

    def run(self, island: Path) -> subprocess.Popen[bytes]:
        """Start the job as a user would; it writes a JSON object a line to `<island>.log`."""
        command = [sys.executable, "-m", "tacet.cli", "run", JOB, "--island", str(island)]
        with island.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)


def said(island: Path, event: str) -> list[dict[str, Any]]:
    """Return what the service logged of one event."""
    log = island.with_suffix(".log")
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [one for one in found if one.get("event") == event]


def until(island: Path, process: subprocess.Popen[bytes], messages: int, seconds: float) -> None:
    """Wait until the service has committed so many messages. Raises SystemExit when it does not."""
    deadline = time.monotonic() + seconds
    while sum(int(one["messages"]) for one in said(island, "committed")) < messages:
        if process.poll() is not None or time.monotonic() > deadline:
            log = island.with_suffix(".log").read_text(errors="replace")
            raise SystemExit(f"the service did not commit {messages} messages:\n{log[-2000:]}")
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """End a process by its id and return how it ended."""
    if process.poll() is None:
        os.kill(process.pid, number)
    return process.wait(60)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start the servers, push the schemas; stop them afterwards."""
    if missing := servers.missing():
        raise SystemExit(missing)
    with ExitStack() as stack:
        broker = stack.enter_context(servers.kafka(folder / "broker"))
        registry = stack.enter_context(servers.registry(folder / "registry"))
        push = [sys.executable, "-m", "tacet.cli", "--quiet", "registry", "push", "--url", registry]
        subprocess.run(push, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        yield World(folder, broker, registry)

"""The job as a service, as `make demo-kafka` runs it: a real broker and registry, events that keep coming, three hard kills.

A plain consumer, with Confluent's own deserializer and no code of ours, then reads the enriched topic; topic and table must
hold the same rows and the account must close, or it ends with 1. Everything it starts it stops; it writes under ./demo/kafka.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from pyiceberg.catalog.sql import SqlCatalog
from rich.console import Console

from tests.support import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "demo" / "kafka"
JOB = "enriched_impression"
EVENTS, PARTITIONS, KILLS, SECONDS = 30_000, 6, 3, 30.0
OTHERS = 10
"""One event in so many is of another kind: the central topic has no schema."""
SOURCE, RAW, ENRICHED = "ui.events", "impressions.raw", "impressions.enriched"
ISLAND = """island: demo
kafka: {{bootstrap: "{bootstrap}"}}
registry: {{url: "{registry}"}}
warehouse: demo/kafka/warehouse
pace: {{rows: 5000, time: 0.5s, tables: 3s}}
"""
say = Console(width=110, highlight=False)


def tacet(*arguments: str) -> str:
    """Run a verb as a user would, and return its result."""
    say.print(f"[dim]$ tacet {' '.join(arguments)}[/dim]", soft_wrap=True)
    done = subprocess.run(
        [sys.executable, "-m", "tacet.cli", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\ntacet {arguments[0]} ended with {done.returncode}")
    return done.stdout


def service() -> subprocess.Popen[bytes]:
    """Start the job; what it says goes to a file."""
    command = [sys.executable, "-m", "tacet.cli", "run", JOB, "--island", str(OUT / "island.yaml")]
    with (OUT / "service.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def messages() -> Iterator[bytes]:
    """Yield what clients send: impressions, planted faults, and events of other kinds."""
    for number, line in enumerate((OUT / "events.ndjson").read_bytes().splitlines()):
        yield line
        if number % OTHERS == 0:
            yield b'{"type":"playback","at":%d}' % number


def produce(bootstrap: str, sent: Counter[int]) -> None:
    """Send everything, spread over some time."""
    producer = ck.Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    every = SECONDS / (EVENTS + EVENTS // OTHERS)
    began = time.monotonic()
    for number, data in enumerate(messages()):
        producer.produce(SOURCE, data, partition=number % PARTITIONS)
        sent[number % PARTITIONS] += 1
        if number % 100 == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + number * every - time.monotonic()))
    producer.flush()


def wait_for(bootstrap: str, sent: Counter[int], process: subprocess.Popen[bytes]) -> None:
    """Wait until the job's group has consumed everything."""
    reader = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": f"tacet.impressions.{JOB}.demo"})
    wanted = [ck.TopicPartition(SOURCE, number) for number in range(PARTITIONS)]
    until = time.monotonic() + 120
    while {at.partition: at.offset for at in reader.committed(wanted, 10)} != dict(sent):
        if time.monotonic() > until or process.poll() is not None:
            sys.exit(f"the service does not catch up: see {OUT / 'service.log'}")
        time.sleep(0.3)
    reader.close()


def consumed(bootstrap: str, registry: str) -> list[dict[str, Any]]:
    """Read the enriched topic as any consumer would: committed messages, Confluent's deserializer."""
    deserializer = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    context = SerializationContext(ENRICHED, MessageField.VALUE)
    reader = ck.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "someone", "auto.offset.reset": "earliest",
         "isolation.level": "read_committed", "enable.partition.eof": True}
    )  # fmt: skip
    reader.assign([ck.TopicPartition(ENRICHED, number, ck.OFFSET_BEGINNING) for number in range(PARTITIONS)])
    rows, left = [], set(range(PARTITIONS))
    while left:
        for message in reader.consume(5_000, 0.2):
            if message.error() is None:
                rows.append(deserializer(message.value(), context))
            else:
                left.discard(message.partition())
    reader.close()
    return rows


def stored(name: str) -> list[dict[str, Any]]:
    """Read a table."""
    warehouse = OUT / "warehouse"
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    rows: list[dict[str, Any]] = catalog.load_table(f"impressions.{name}").scan().to_arrow().to_pylist()
    return rows


def killed_and_run(bootstrap: str, sent: Counter[int]) -> None:
    """Run the service while events keep coming, and kill it hard on the way."""
    feed = threading.Thread(target=produce, args=(bootstrap, sent))
    process = service()
    feed.start()
    for number in range(KILLS):
        time.sleep(SECONDS / (KILLS + 1))
        process.kill()
        process.wait()
        say.print(f"kill -9, number {number + 1}, after {sent.total()} events; started again")
        process = service()
    feed.join()
    wait_for(bootstrap, sent, process)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    say.print(f"{sent.total()} events consumed, {KILLS} kills; the service was stopped with SIGTERM")


def compare(bootstrap: str, registry: str) -> bool:
    """Compare topic and table, row by row, and show the account."""
    columns = (
        "event_id",
        "item",
        "title_id",
        "title_name",
        "page",
        "row_index",
        "viewed",
        "_partition",
        "_offset",
        "_index",
    )
    topic, table = (
        Counter(tuple(str(row[name]) for name in columns) for row in rows)
        for rows in (consumed(bootstrap, registry), stored(JOB))
    )
    same = topic == table and max(topic.values()) == 1
    say.print(
        f"topic: {topic.total()} rows, table: {table.total()} rows; "
        + ("the same, each once" if same else "THEY DIFFER")
    )
    ledger = stored(f"{JOB}_ledger")
    total = {
        name: sum(row[name] for row in ledger)
        for name in ("messages", "skipped", "rejected", "filtered", "emitted_parents")
    }
    say.print(
        "account: {messages} in = {skipped} skipped + {rejected} rejected + {filtered} filtered + {emitted_parents} emitted".format(
            **total
        )
    )
    return same and total["messages"] == sum(total.values()) - total["messages"]


def main() -> None:
    """Run everything."""
    if missing := servers.missing():
        sys.exit(f"{missing}")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    began = time.monotonic()
    with ExitStack() as stack:
        say.print("starting a broker and a schema registry on loopback")
        bootstrap = stack.enter_context(servers.kafka(OUT / "broker"))
        registry = stack.enter_context(servers.registry(OUT / "registry"))
        new = [NewTopic(name, PARTITIONS, 1) for name in (SOURCE, RAW, ENRICHED)]
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        for made in admin.create_topics(new).values():
            made.result(30)
        (OUT / "island.yaml").write_text(ISLAND.format(bootstrap=bootstrap, registry=registry))
        say.print(tacet("registry", "push", "--url", registry).strip())
        tacet("sample", JOB, "--events", str(EVENTS), "--out", str(OUT / "events.ndjson"))
        sent: Counter[int] = Counter()
        killed_and_run(bootstrap, sent)
        same = compare(bootstrap, registry)
        say.print(tacet("verify", JOB, "--warehouse", str(OUT / "warehouse")).strip())
    say.print(
        f"everything is stopped; {time.monotonic() - began:.0f} s; what was written is in {OUT.relative_to(ROOT)}"
    )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()

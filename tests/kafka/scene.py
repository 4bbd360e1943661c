"""A shop on a real broker: its topics, messages, a process that runs the job, and what is found afterwards.

Processes are forked by a zygote, and are `tacet run` word for word.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from tests.kafka import shop
from tests.kafka.checker import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyiceberg.catalog import Catalog

    from tests.kafka.zygote import Zygote

PARTITIONS = 3


@dataclass
class Process:
    """A forked command."""

    zygote: Zygote
    pid: int
    words: Path
    status: int | None = None

    def wait(self, seconds: float = 60) -> int:
        """Return the exit status, negative for a signal. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > until:
                raise TimeoutError(f"still running after {seconds} s:\n{self.said()}")
            time.sleep(0.02)
        return self.status

    @property
    def running(self) -> bool:
        if self.status is None:
            self.status = self.zygote.poll(self.pid)
        return self.status is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.running:
            os.kill(self.pid, number)

    def said(self) -> str:
        return self.words.read_text(errors="replace") if self.words.exists() else ""

    def until(self, text: str, times: int = 1, seconds: float = 60) -> None:
        """Wait until it has said something so many times. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while self.said().count(text) < times:
            if time.monotonic() > end or not self.running:
                raise TimeoutError(f"never said `{text}` {times} times (status {self.status}):\n{self.said()}")
            time.sleep(0.02)


@dataclass
class Scene:
    """One test's world."""

    folder: Path
    bootstrap: str
    registry: str
    zygote: Zygote
    pace: dict = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    engine: str = "reference"
    sent: int = 0
    started: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = shop.topics(self.prefix)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self.group = f"tacet.shop.sale.{self.prefix}"

    def prepare(self, *, push: bool = True) -> None:
        """Write the repository, make the topics, push the schemas."""
        self.write()
        for name in self.names.values():
            self.create(name)
        if push:
            assert self.tacet("registry", "push", "--url", self.registry).wait() == 0

    def write(self, **pace: float | str) -> None:
        """Write contracts and island; other paces replace those before."""
        self.pace |= pace
        shop.write_repository(self.folder, self.prefix, self.bootstrap, self.registry, **self.pace)

    def create(self, name: str, partitions: int = PARTITIONS, **config: str) -> None:
        new = NewTopic(name, partitions, 1, config=config)
        self.admin.create_topics([new], operation_timeout=20)[name].result(30)

    def configure(self, topic: str, name: str, value: str) -> None:
        """Set one setting of a topic."""
        wanted = ConfigResource(ConfigResource.Type.TOPIC, topic)
        wanted.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
        self.admin.incremental_alter_configs([wanted])[wanted].result(20)

    def create_again(self, name: str) -> None:
        """Make a topic that was just deleted: it takes a moment until its name is free."""
        for _ in range(100):
            try:
                return self.create(name)
            except ck.KafkaException:
                time.sleep(0.1)
        raise TimeoutError(name)

    def expire(self, partition: int, offset: int) -> None:
        """Delete the messages of the source before an offset."""
        wanted = ck.TopicPartition(self.names["source"], partition, offset)
        self.admin.delete_records([wanted])[wanted].result(20)

    def delete_group(self) -> None:
        """Delete the job's group with its offsets, once the broker takes its member for dead."""
        for _ in range(300):
            try:
                self.admin.delete_consumer_groups([self.group])[self.group].result(20)
            except ck.KafkaException:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError(self.group)

    def produce(self, count: int, make: Callable[[int], bytes | None] = shop.message, topic: str = "") -> None:
        """Send the next messages, one partition after the other."""
        producer = ck.Producer({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for number in range(self.sent, self.sent + count):
            producer.produce(topic or self.names["source"], make(number), partition=number % PARTITIONS)
            producer.poll(0)
        assert producer.flush(30) == 0
        self.sent += count

    def tacet(self, *words: str, fault: str = "", **environment: str) -> Process:
        """Fork `tacet ...`; `fault` is one of `faults.py`, built in first."""
        out = self.folder / f"words-{len(self.started)}.txt"
        pid = self.zygote.start(["--contracts", str(self.folder / "contracts"), *words], out, fault, environment)
        self.started.append(Process(self.zygote, pid, out))
        return self.started[-1]

    def run(self, *words: str, shard: int = 0, fault: str = "", **environment: str) -> Process:
        """Fork the job as a service."""
        island = str(self.folder / "here.yaml")
        given = ("--engine", self.engine, "--island", island, "--shard", str(shard), *words)
        return self.tacet("run", "sale", *given, fault=fault, **environment)

    def ends(self) -> dict[int, int]:
        """Return the ends of the source's partitions."""
        reader = ck.Consumer({"bootstrap.servers": self.bootstrap, "group.id": "x", "log_level": 0})
        try:
            topic = self.names["source"]
            return {n: reader.get_watermark_offsets(ck.TopicPartition(topic, n), 10)[1] for n in range(PARTITIONS)}
        finally:
            reader.close()

    def consumed(self) -> dict[int, int]:
        """Return the offsets that the job's group has committed."""
        wanted = [ck.TopicPartition(self.names["source"], n) for n in range(PARTITIONS)]
        asked = ck.ConsumerGroupTopicPartitions(self.group, wanted)
        try:
            found = self.admin.list_consumer_group_offsets([asked], request_timeout=10)[self.group].result(10)
        except ck.KafkaException:  # the coordinator of a new group is not there at once
            return {}
        return {at.partition: max(0, at.offset) for at in found.topic_partitions}

    def caught_up(self, process: Process, seconds: float = 60) -> None:
        """Wait until the job has consumed everything. Raises TimeoutError."""
        ends, until = self.ends(), time.monotonic() + seconds
        while self.consumed() != ends:
            if time.monotonic() > until or not process.running:
                raise TimeoutError(f"{self.consumed()} of {ends} (status {process.status}):\n{process.said()}")
            time.sleep(0.1)

    def finish(self, *words: str, **environment: str) -> Process:
        """Run the job until everything is consumed, then stop it cleanly."""
        process = self.run(*words, **environment)
        process.until("started after")
        self.caught_up(process)
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
        return process

    def problems(self, catalog: Catalog | None = None) -> list[str]:
        """Return what the independent checker finds."""
        messages = {(number % PARTITIONS, number // PARTITIONS): shop.message(number) for number in range(self.sent)}
        return problems(self.folder / "warehouse", self.bootstrap, self.registry, self.names, messages, catalog)

    def folders(self) -> list[Path]:
        """Return the folders of batches."""
        return sorted((self.folder / "warehouse" / "data" / "shop.sale").glob("*"))

    def close(self) -> None:
        """End what was started, by its id."""
        for process in self.started:
            process.kill(signal.SIGCONT)
            process.kill()
            process.wait()

"""A shop on a real broker: its topics, messages, a process that runs the job, and what is found afterwards.

Processes are forked from this one, which has everything imported already: a restart takes a fraction of a second, and
what runs is `tacet run`, word for word.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from tests.kafka import shop
from tests.kafka.checker import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PARTITIONS = 3


def _preload() -> None:
    """Import everything that the command imports when it runs a job."""
    import duckdb  # noqa: F401

    import tacet.cli
    import tacet.service
    import tacet.verbs.registry
    import tacet.verbs.run  # noqa: F401
    import tacet_runtime.engines.embedded
    import tacet_runtime.engines.reference
    import tacet_runtime.engines.run
    import tacet_runtime.service.start  # noqa: F401


@dataclass
class Process:
    """A forked command."""

    pid: int
    words: Path
    status: int | None = None

    def wait(self, seconds: float = 60) -> int:
        """Return the exit status, negative for a signal. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                raise TimeoutError(f"still running after {seconds} s:\n{self.said()}")
            else:
                time.sleep(0.02)
        return self.status

    @property
    def running(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
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
    pace: dict = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    sent: int = 0
    started: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = shop.topics(self.prefix)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self.group = f"tacet.shop.sale.{self.prefix}"

    def prepare(self, *, push: bool = True) -> None:
        """Write the repository, make the topics, push the schemas."""
        _preload()
        self.write()
        for name in self.names.values():
            self.create(name)
        if push:
            assert self.tacet("registry", "push", "--url", self.registry).wait() == 0

    def write(self, **pace: float) -> None:
        """Write contracts and island; other paces replace those before."""
        self.pace |= pace
        shop.write_repository(self.folder, self.prefix, self.bootstrap, self.registry, **self.pace)

    def create(self, name: str, partitions: int = PARTITIONS, **config: str) -> None:
        new = NewTopic(name, partitions, 1, config=config)
        self.admin.create_topics([new], operation_timeout=20)[name].result(30)

    def produce(self, count: int, make: Callable[[int], bytes | None] = shop.message, topic: str = "") -> None:
        """Send the next messages, one partition after the other."""
        producer = ck.Producer({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for number in range(self.sent, self.sent + count):
            producer.produce(topic or self.names["source"], make(number), partition=number % PARTITIONS)
            producer.poll(0)
        assert producer.flush(30) == 0
        self.sent += count

    def tacet(self, *words: str, before: Callable[[], None] = lambda: None, **environment: str) -> Process:
        """Fork `tacet ...`; `before` is called in the new process first: a fault that is built in."""
        out = self.folder / f"words-{len(self.started)}.txt"
        pid = os.fork()
        if pid == 0:
            _command(["--contracts", str(self.folder / "contracts"), *words], out, before, environment)
        self.started.append(Process(pid, out))
        return self.started[-1]

    def run(
        self, *words: str, shard: int = 0, before: Callable[[], None] = lambda: None, **environment: str
    ) -> Process:
        """Fork the job as a service."""
        island = str(self.folder / "here.yaml")
        given = ("--engine", "reference", "--island", island, "--shard", str(shard), *words)
        return self.tacet("run", "sale", *given, before=before, **environment)

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
        reader = ck.Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group, "log_level": 0})
        try:
            wanted = [ck.TopicPartition(self.names["source"], n) for n in range(PARTITIONS)]
            return {at.partition: max(0, at.offset) for at in reader.committed(wanted, 10)}
        except ck.KafkaException:  # the coordinator of a new group is not there at once
            return {}
        finally:
            reader.close()

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
        self.caught_up(process)
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
        return process

    def problems(self) -> list[str]:
        """Return what the independent checker finds."""
        messages = {(number % PARTITIONS, number // PARTITIONS): shop.message(number) for number in range(self.sent)}
        return problems(self.folder / "warehouse", self.bootstrap, self.registry, self.names, messages)

    def close(self) -> None:
        """End what was started, by its id."""
        for process in self.started:
            process.kill(signal.SIGCONT)
            process.kill()
            process.wait()


def _command(words: list[str], out: Path, before: Callable[[], None], environment: dict[str, str]) -> None:
    """Be the command; never returns."""
    status = 70
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        os.setsid()
        os.environ.update(environment)
        from tacet.cli import main

        before()
        main(words)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

"""Real servers on loopback for tests and demonstrations: a Kafka broker of one node, a schema registry, a REST catalog;
and a reader of topics in Java.

Their jars come from Maven (`make jars` copies them to `.jars/`). Each server gets free ports, a folder of its own and
is ended by its process id.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / ".jars"
KAFKA_JARS = JARS / "kafka"
_BROKER = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA_JARS}/*"]
CATALOG_JARS = JARS / "catalog"
FLINK_JARS = JARS / "flink"
FLINK_SOURCE = Path(__file__).parent / "jvm" / "FlinkReader.java"
CATALOG_SOURCE = Path(__file__).parent / "jvm" / "RestCatalog.java"
REGISTRY_JAR = JARS / "registry" / "apicurio-registry-app-3.0.9-runner.jar"
START_SECONDS = 90


def missing() -> str | None:
    """Return what a machine lacks to start the servers, or None."""
    if shutil.which("java") is None:
        return "there is no `java`"
    needed = (KAFKA_JARS / "kafka-clients-4.1.1.jar", REGISTRY_JAR, CATALOG_JARS, FLINK_JARS)
    if not all(path.exists() for path in needed):
        return "the servers' jars are not there: run `make jars`"
    return None


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Listener:
    """One more way to speak to the broker: its name in capitals, its protocol, and what else it is told."""

    name: str
    protocol: str
    port: int
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def lines(self) -> dict[str, str]:
        return {f"listener.name.{self.name.lower()}.{name}": value for name, value in self.config.items()}


def properties(folder: Path, port: int, controller: int, more: Sequence[Listener] = ()) -> str:
    """Return the broker's configuration."""
    others = "".join(f",{one.name}://{one.bootstrap}" for one in more)
    protocols = "".join(f",{one.name}:{one.protocol}" for one in more)
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{others}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}{others}",
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / "data"),
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "transaction.max.timeout.ms": "3600000",
        "auto.create.topics.enable": "false",
        "message.max.bytes": "16777216",
        "log.retention.check.interval.ms": "1000",
        "log.initial.task.delay.ms": "500",
        "log.segment.delete.delay.ms": "1000",
    }
    for one in more:
        lines |= one.lines()
    return "".join(f"{name}={value}\n" for name, value in lines.items())


@dataclass(frozen=True)
class Broker:
    """A broker that runs."""

    bootstrap: str
    pid: int


@contextmanager
def kafka(folder: Path, more: Sequence[Listener] = ()) -> Iterator[str]:
    """Run a broker, with more listeners; yields its bootstrap address in plain text."""
    with broker(folder, more) as running:
        yield running.bootstrap


@contextmanager
def broker(folder: Path, more: Sequence[Listener] = ()) -> Iterator[Broker]:
    """Run a broker as `kafka` does, for who pauses it: a paused one goes on when it is to end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "server.properties"
    config.write_text(properties(folder, port, free_port(), more))
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    subprocess.run(
        [*_BROKER, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)],
        check=True,
        capture_output=True,
    )
    with broker_again(folder, f"127.0.0.1:{port}") as running:
        yield running


@contextmanager
def broker_again(folder: Path, bootstrap: str) -> Iterator[Broker]:
    """Run a broker on what one left that was killed."""
    port = int(bootstrap.rpartition(":")[2])
    command = [*_BROKER, "kafka.Kafka", str(folder / "server.properties")]
    with _running(command, folder / "kafka.log", lambda: _answers(port)) as process:
        yield Broker(bootstrap, process.pid)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry that keeps everything in memory; yields the URL of its Confluent-compatible interface."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1",
        f"-Dquarkus.http.port={port}", "-Dapicurio.ccompat.use-canonical-hash=true", "-jar", str(REGISTRY_JAR),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    with _running(command, folder / "registry.log", lambda: _serves(f"{url}/subjects")):
        yield url


@contextmanager
def rest_catalog(folder: Path) -> Iterator[str]:
    """Run Iceberg's own REST catalog, whose tables' metadata is below `folder`; yields its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{CATALOG_JARS}/*",
        str(CATALOG_SOURCE), str(port), str(folder),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with _running(command, folder / "catalog.log", lambda: _serves(f"{url}/v1/config")):
        yield url


def flink_rows(bootstrap: str, registry: str, topic: str) -> list[dict[str, Any]]:
    """Return every committed row of a topic as Flink's own deserializer reads it, logical types as text."""
    command = [
        "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{FLINK_JARS}/*",
        str(FLINK_SOURCE), bootstrap, registry, topic,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=START_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"the reader failed:\n{done.stderr.decode(errors='replace')[-4000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _end_on_sigterm() -> None:
    """Let SIGTERM unwind this process, so that what it started is ended too; unless somebody else listens to it."""
    alone = threading.current_thread() is threading.main_thread()
    if alone and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextmanager
def _running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    _end_on_sigterm()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent, start_new_session=True
        )
    try:
        _wait(process, log, ready)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """End a process by its id: politely, then hard."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{_tail(log)}")
        if ready():
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server was not ready after {START_SECONDS} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _serves(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False

"""One broker and one registry for all tests of the service; each test has topics of its own."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

import confluent_kafka as ck
import pytest

from tests.support import servers
from tests.support.optional import require


@dataclass(frozen=True)
class Servers:
    bootstrap: str
    registry: str


@pytest.fixture(scope="session")
def up(tmp_path_factory):
    """Start the servers, once; or use those that `TACET_TEST_SERVERS=bootstrap,registry` names, to try things out."""
    if running := os.environ.get("TACET_TEST_SERVERS"):
        yield Servers(*running.split(","))
        return
    require(servers.missing())
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        broker = stack.enter_context(servers.kafka(folder / "kafka"))
        coordinated(broker)
        registry = stack.enter_context(servers.registry(folder / "registry"))
        yield Servers(broker, registry)


_SOON = {
    ck.KafkaError.NOT_COORDINATOR,
    ck.KafkaError.COORDINATOR_NOT_AVAILABLE,
    ck.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    ck.KafkaError._TIMED_OUT,
    ck.KafkaError._WAIT_COORD,
}
"""What a broker says of groups, and a client of a broker, in the first seconds."""


def coordinated(bootstrap):
    """Wait until groups have a coordinator: librdkafka 2.16 ends an admin client's process that asks for offsets before."""
    reader = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": "first", "log_level": 0})
    ends = time.monotonic() + 60
    try:
        while True:
            try:
                reader.committed([ck.TopicPartition("none", 0)], 30)
            except ck.KafkaException as error:
                if error.args[0].code() not in _SOON or time.monotonic() > ends:
                    raise
                time.sleep(0.2)
            else:
                break
    finally:
        reader.close()
    time.sleep(2)  # the other groups' partitions are loaded meanwhile


@pytest.fixture(scope="session")
def zygote():
    """Start the process that forks the others."""
    from tests.kafka.zygote import Zygote

    made = Zygote()
    yield made
    made.close()


@pytest.fixture
def scene(up, zygote, tmp_path):
    """A repository, its topics and its island, and a way to run the job on it."""
    from tests.kafka.scene import Scene

    made = Scene(tmp_path, up.bootstrap, up.registry, zygote)
    made.prepare()
    yield made
    made.close()

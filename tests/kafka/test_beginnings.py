"""Where partitions begin: at the latest of the job's first start, and nowhere later, whatever happens before the first commit."""

from __future__ import annotations

import signal
import time

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import NewPartitions

from tests.kafka import shop
from tests.kafka.checker import read_topic
from tests.kafka.scene import PARTITIONS

pytestmark = pytest.mark.system


def sources(scene) -> dict[int, list[int]]:
    """Return the offsets of each partition whose messages stand in the raw topic."""
    found = {}
    for message in read_topic(scene.bootstrap, scene.names["raw"]):
        _, partition, offset = dict(message.headers())["tacet.position"].decode().rsplit("/", 2)
        found.setdefault(int(partition), []).append(int(offset))
    return {number: sorted(offsets) for number, offsets in sorted(found.items())}


def test_what_comes_after_a_first_start_at_the_latest_is_consumed_though_it_was_killed_before_a_commit(scene):
    scene.write(start="latest")
    scene.produce(30, click)
    process = scene.run()
    scene.caught_up(process)  # its place is taken in every partition
    process.kill()
    process.wait()
    scene.produce(30, click)
    process = scene.run()
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert sources(scene) == {number: list(range(10, 20)) for number in range(PARTITIONS)}


def test_a_partition_without_messages_keeps_where_it_began_and_a_later_one_begins_at_its_first(scene):
    scene.write(start="latest")
    scene.produce(30, click)
    process = scene.run()
    scene.caught_up(process)  # its place is taken in every partition
    send(scene, 0, 5)
    process.until("commit 1")
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    scene.delete_group()
    name = scene.names["source"]
    scene.admin.create_partitions([NewPartitions(name, PARTITIONS + 1)])[name].result(20)
    for number in (1, 2, 3):
        send(scene, number, 5)
    process = scene.run()
    process.until("started after")
    deadline = time.monotonic() + 30
    while len(sources(scene)) < PARTITIONS + 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    new = list(range(10, 15))
    assert sources(scene) == {0: new, 1: new, 2: new, 3: list(range(5))}


def click(number: int) -> bytes:
    """Return a message that has a row in the raw archive."""
    return shop.message(0).replace(b'"id": 0', b'"id": %d' % number)


def send(scene, partition: int, count: int) -> None:
    producer = ck.Producer({"bootstrap.servers": scene.bootstrap, "log_level": 0})
    for number in range(count):
        producer.produce(scene.names["source"], click(number), partition=partition)
    assert producer.flush(30) == 0

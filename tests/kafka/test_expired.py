"""What expires after it was consumed is no loss, whatever stands behind the last message: marks of transactions, or what was aborted."""

from __future__ import annotations

import signal
import time

import confluent_kafka as ck
import pytest

from tests.kafka import shop
from tests.kafka.checker import read_topic
from tests.kafka.scene import PARTITIONS

pytestmark = pytest.mark.system


def in_transactions(scene, *counts: int) -> None:
    """Send so many messages to each partition in a transaction each; of a number below zero the transaction is aborted."""
    producer = ck.Producer({"bootstrap.servers": scene.bootstrap, "transactional.id": scene.prefix, "log_level": 0})
    producer.init_transactions(20)
    ends = {number: end + sum(abs(count) + 1 for count in counts) for number, end in scene.ends().items()}
    for count in counts:
        producer.begin_transaction()
        for _ in range(abs(count)):
            for partition in range(PARTITIONS):
                producer.produce(scene.names["source"], click(scene.sent), partition=partition)
                scene.sent += 1
        producer.flush(20)
        (producer.commit_transaction if count > 0 else producer.abort_transaction)(20)
    deadline = time.monotonic() + 30
    while scene.ends() != ends:  # the marks come a moment later
        assert time.monotonic() < deadline
        time.sleep(0.1)


def click(number: int) -> bytes:
    """Return a message that has a row in the raw archive."""
    return shop.message(0).replace(b'"id": 0', b'"id": %d' % number)


def expire_everything(scene) -> None:
    for partition, end in scene.ends().items():
        scene.expire(partition, end)


def proved(scene, messages: int) -> None:
    """See that so many messages are once in the raw topic, and that the tables agree."""
    places = [dict(message.headers())["tacet.position"] for message in read_topic(scene.bootstrap, scene.names["raw"])]
    assert len(places) == len(set(places)) == messages
    verified = scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse"))
    assert verified.wait() == 0, verified.said()


@pytest.mark.parametrize("counts", [(20,), (20, -10), (20, -10, 10, -10)], ids=["committed", "aborted", "several"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_marks_of_transactions_that_expire_are_no_loss(scene, counts, how):
    in_transactions(scene, *counts)
    process = scene.run()
    scene.caught_up(process)  # with what has no message
    process.kill(how)
    process.wait()
    expire_everything(scene)
    scene.finish()
    in_transactions(scene, 5)
    scene.finish()
    proved(scene, PARTITIONS * (5 + sum(count for count in counts if count > 0)))


def test_a_stop_right_after_the_last_message_keeps_what_is_behind_it_too(scene):
    in_transactions(scene, 20, -10)
    process = scene.run()
    process.until("messages in")
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    scene.finish()
    expire_everything(scene)
    scene.finish()
    proved(scene, PARTITIONS * 20)


def test_messages_that_expire_behind_what_was_aborted_are_missed(scene):
    in_transactions(scene, 20, -10)
    scene.finish()
    in_transactions(scene, 10, -10)
    expire_everything(scene)
    process = scene.run()
    assert process.wait() == 3
    assert "have expired before they were consumed" in process.said()

"""The job next to a real broker: what it writes, who can read it, how it stops."""

from __future__ import annotations

import signal
import time

import pytest

from tests.kafka.checker import read_topic, rows_of

pytestmark = pytest.mark.system


def test_every_message_is_once_in_topics_and_tables(scene):
    scene.produce(150)
    scene.finish()
    assert scene.problems() == []
    assert scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse")).wait() == 0


def test_messages_that_keep_coming_are_consumed_as_they_come_and_a_stop_is_quick(scene):
    process = scene.run()
    for _ in range(4):
        scene.produce(30)
        scene.caught_up(process)
    began = time.monotonic()
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    assert time.monotonic() - began < 8
    assert scene.problems() == []


def test_a_message_carries_contract_and_position_and_its_key(scene):
    scene.produce(40)
    scene.finish()
    messages = read_topic(scene.bootstrap, scene.names["derived"])
    rows = rows_of(scene.registry, messages)
    for message, row in zip(messages, rows, strict=True):
        headers = dict(message.headers())
        assert headers["tacet.contract"] == b"shop.sale@1.0.0"
        place = f"{scene.names['source']}/{row['_partition']}/{row['_offset']}/{row['_index']}"
        assert headers["tacet.position"].decode() == place
        assert message.key().decode() == f'["{row["id"]}","{row["item"]}"]'
    assert rows

"""How large a batch may be: bounded in the rows that it makes, and in what its steps take, whatever the messages are."""

from __future__ import annotations

import json
import re
import signal

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.durability.shop import FIRST_DAY

pytestmark = pytest.mark.system

ITEMS = 1_000
"""As many as a message may have."""


def large(number: int) -> bytes:
    event = {"type": "click", "id": number, "app": "web", "version": "1.2.0", "ts": FIRST_DAY + number}
    return json.dumps(event | {"items": [{"product": "ball", "price": at} for at in range(ITEMS)]}).encode()


def strange(number: int) -> bytes:
    """Return a message that takes the strict path."""
    return large(number).replace(b'"type"', b'"ty\\u0070e"')


@pytest.mark.parametrize("make", [large, strange])
def test_messages_that_explode_are_as_many_in_a_batch_as_make_no_more_rows_than_it_may(scene, make):
    scene.engine = "embedded"
    scene.write(rows=1_000, call=20, transaction=30, tables=1)
    scene.produce(150)
    scene.produce(30, make)
    process = scene.run()
    scene.caught_up(process, 120)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    sizes = [int(size) for size in re.findall(r"commit \d+: (\d+) messages", process.said())]
    assert sum(sizes) == scene.sent
    ledger = rows(scene, "shop.sale_ledger")
    made = {}
    for entry in ledger:
        made[entry["seq"]] = made.get(entry["seq"], 0) + entry["rows"]
    assert max(made.values()) <= 4 * 1_000
    positions = {(row["_partition"], row["_offset"], row["_index"]) for row in rows(scene, "shop.sale")}
    assert len(positions) == len(rows(scene, "shop.sale"))
    assert sum(1 for _, offset, _ in positions if offset >= 50) == 30 * ITEMS
    proof = scene.tacet("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    assert proof.wait() == 0, proof.said()


def rows(scene, name: str) -> list[dict]:
    warehouse = scene.folder / "warehouse"
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    return catalog.load_table(name).scan().to_arrow().to_pylist()


def test_topics_that_take_a_batch_slowly_get_smaller_ones(scene):
    scene.write(rows=400, call=3, transaction=6)
    scene.produce(400)
    process = scene.run(fault="slow_topics")
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert "alarm" not in process.said()
    assert scene.problems() == []


def test_a_step_that_takes_too_long_names_the_setting_that_is_its_limit(scene):
    scene.write(call=3, transaction=6)
    scene.produce(40)
    process = scene.run(TACET_FAIL_AT="S5:after:1", TACET_FAIL_HOW="hang")
    assert process.wait(90) == 3
    assert "S5 produce took longer than its limit" in process.said()
    assert "raise `patience.transaction`" in process.said()

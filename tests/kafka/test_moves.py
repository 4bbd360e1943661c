"""A contract that moves to another topic: nothing of the old one is lost without a word, whichever way it goes."""

from __future__ import annotations

import pytest

from tests.kafka.checker import read_topic
from tests.kafka.test_foreign_hands import refused, table

pytestmark = pytest.mark.system


def rename(scene, role: str, name: str) -> str:
    """Write another topic into the contracts; return the one before."""
    before = scene.names[role]
    for contract in (scene.folder / "contracts/shop").glob("*/1.0.0.yaml"):
        text = contract.read_text()
        contract.write_text(text.replace(f"topic: {before},", f"topic: {name},"))
    scene.names[role] = name
    return before


def moved(scene, messages: int) -> tuple[str, str]:
    """Let the contract read another topic, with so many messages; return the one before and this one."""
    name = f"{scene.prefix}.moved"
    scene.create(name)
    before = rename(scene, "source", name)
    scene.produce(messages)
    return before, name


def sources(scene) -> dict[str, int]:
    """Return the messages of each source, as the ledger has them."""
    found: dict[str, int] = {}
    for row in table(scene, "shop.sale_ledger").scan().to_arrow().to_pylist():
        found[row["source"]] = found.get(row["source"], 0) + row["messages"]
    return found


def verified(scene) -> str:
    process = scene.tacet("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    assert process.wait() == 0, process.said()
    return process.said()


def test_a_source_topic_that_was_read_to_its_end_is_left_when_accepted_and_gone_back_to_where_it_was_left(scene):
    scene.produce(60)
    scene.finish()
    old, new = moved(scene, 30)
    refused(scene, f"the source topic changed from {old} to {new}; {old} is read to its end")
    scene.finish("--accept-new-topic")
    assert sources(scene) == {old: 60, new: 30}
    rename(scene, "source", old)
    scene.produce(30)
    refused(scene, f"start with --accept-new-topic to go on with {old} where it was left")
    scene.finish("--accept-new-topic")
    assert sources(scene) == {old: 90, new: 30}
    assert "given up" not in verified(scene)


def test_what_a_topic_has_unread_is_counted_and_named_when_it_is_left_and_read_by_the_version_before(scene):
    scene.produce(60)
    scene.finish()
    scene.produce(30)
    old, new = moved(scene, 30)
    refused(
        scene, f"changed from {old} to {new}, and 30 messages of {old} are unread: let the version before read them"
    )
    process = scene.run("--accept-new-topic")
    assert (process.wait(), "30 messages" in process.said()) == (3, True)
    scene.finish("--accept-new-topic", "--accept-loss")
    assert sources(scene) == {old: 60, new: 30}
    assert f"given up: {old} 20..30 of partition 1" in verified(scene)
    rename(scene, "source", old)
    scene.finish("--accept-new-topic")
    assert sources(scene) == {old: 90, new: 30}
    assert "given up" not in verified(scene)


def test_shards_leave_a_topic_each_with_leave_and_call_the_next_one_the_same(scene):
    scene.produce(60)
    scene.finish()
    scene.delete_group()  # or its partitions wait for its session
    scene.produce(30)
    scene.finish(shard=1)
    old, new = moved(scene, 30)
    scene.finish("--accept-new-topic")
    refused(scene, f"changed from {old} to {new}; {old} is read to its end", shard=1)
    scene.delete_group()
    scene.produce(30)
    scene.finish("--accept-new-topic", shard=1)
    assert sources(scene) == {old: 90, new: 60}
    assert "given up" not in verified(scene)


def test_a_topic_that_is_gone_when_the_contract_moves_is_said_to_be(scene):
    scene.produce(60)
    scene.finish()
    old, _ = moved(scene, 30)
    scene.admin.delete_topics([old])[old].result(20)
    refused(scene, f"the {old} that was consumed is not there any more")
    scene.finish("--accept-new-topic")
    assert sources(scene) == {old: 60, f"{scene.prefix}.moved": 30}


def test_an_output_topic_that_the_contract_renames_is_made_first_and_gets_the_rows_from_then_on(scene):
    scene.produce(60)
    scene.finish()
    old = rename(scene, "derived", f"{scene.prefix}.sold")
    refused(scene, "run `tacet registry push`")
    assert scene.tacet("registry", "push", "--url", scene.registry).wait() == 0
    refused(scene, f"there is no topic {scene.prefix}.sold: create it")
    scene.create(scene.names["derived"])
    before = len(read_topic(scene.bootstrap, old))
    scene.produce(60)
    scene.finish()
    stayed, came = (read_topic(scene.bootstrap, name) for name in (old, scene.names["derived"]))
    places = {dict(message.headers())["tacet.position"] for message in stayed + came}
    assert len(stayed) == before
    assert len(places) == len(stayed) + len(came) == table(scene, "shop.sale").scan().to_arrow().num_rows

"""What other hands do to topics, offsets and tables ends in agreement, or in a refusal that names the way out (C11 to C19)."""

from __future__ import annotations

import random
import shutil
import signal
from base64 import b64encode

import confluent_kafka as ck
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import GreaterThanOrEqual
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import StringType

from tacet_runtime.connectors.iceberg import live_files
from tests.kafka import shop
from tests.kafka.checker import read_topic

pytestmark = pytest.mark.system


def table(scene, name: str):
    warehouse = scene.folder / "warehouse"
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    return catalog.load_table(name)


def refused(scene, words: str, shard: int = 0) -> None:
    process = scene.run(shard=shard)
    assert process.wait(60) == 3, process.said()
    assert words in process.said()


def send(scene, topic: str, key: bytes, value: bytes | None) -> None:
    producer = ck.Producer({"bootstrap.servers": scene.bootstrap, "log_level": 0})
    producer.produce(topic, value, key)
    assert producer.flush(30) == 0


def test_a_foreign_compaction_and_expiry_change_nothing(scene):
    scene.produce(60)
    scene.finish()
    sale = table(scene, "shop.sale")
    sale.overwrite(sale.scan().to_arrow())
    newest = sale.refresh().current_snapshot().snapshot_id
    old = [s.snapshot_id for s in sale.snapshots() if s.snapshot_id != newest]
    sale.maintenance.expire_snapshots().by_ids(old).commit()
    scene.produce(60)
    scene.finish()
    assert scene.problems() == []


def test_a_table_that_was_rolled_back_is_refused_and_brought_forward_when_accepted(scene):
    scene.produce(120)
    scene.finish()
    sale = table(scene, "shop.sale")
    older = sorted(sale.snapshots(), key=lambda s: s.timestamp_ms)[-2]
    sale.manage_snapshots().rollback_to_snapshot(older.snapshot_id).commit()
    refused(scene, "start with --accept-rollback")
    scene.finish("--accept-rollback")
    assert scene.problems() == []


def made_anew(scene, messages):
    """Delete the source's topic, make it again, fill it; return its name."""
    name = scene.names["source"]
    scene.admin.delete_topics([name])[name].result(20)
    scene.create_again(name)
    scene.sent = 0
    scene.produce(messages)
    return name


@pytest.mark.parametrize(
    ("event", "name", "other"), [("click", "shop.click", "shop.clicks"), ("sale", "shop.sale", "shop.sold")]
)
def test_a_contract_that_gives_a_table_another_name_is_refused_before_anything_is_made(scene, event, name, other):
    scene.produce(30)
    scene.finish()
    contract = scene.folder / f"contracts/shop/{event}/1.0.0.yaml"
    text = contract.read_text()
    contract.write_text(text.replace(f"table: {name},", f"table: {other},"))
    assert scene.tacet("registry", "push", "--url", scene.registry).wait() == 0
    refused(scene, f"write `iceberg: {{table: {name}}}` below `sinks:` in the contract of {name}")
    with pytest.raises(NoSuchTableError):
        table(scene, other)
    proof = scene.tacet("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    assert (proof.wait(), f"{name} to {other}" in proof.said()) == (3, True)
    contract.write_text(text)
    scene.produce(30)
    scene.finish()
    assert scene.problems() == []


def test_a_topic_that_was_made_anew_is_refused_and_is_another_source_when_accepted(scene):
    scene.produce(60)
    scene.finish()
    name = made_anew(scene, 30)
    refused(scene, "start with --accept-new-topic")
    scene.finish("--accept-new-topic")
    sources = set(table(scene, "shop.sale_ledger").scan().to_arrow().column("source").to_pylist())
    assert sources == {name, f"{name}#2"}
    assert scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse")).wait() == 0


def test_a_topic_that_is_made_anew_while_the_job_looks_away_is_refused_and_none_of_it_is_taken_for_the_old_one(scene):
    scene.produce(60)
    process = scene.run()
    scene.caught_up(process)
    process.kill(signal.SIGSTOP)
    made_anew(scene, 120)  # the offsets that are due mean other messages now
    process.kill(signal.SIGCONT)
    assert process.wait(60) == 3
    assert max(scene.consumed().values()) <= 20
    refused(scene, "start with --accept-new-topic")


def test_a_shard_that_is_new_after_a_topic_was_made_anew_calls_it_as_the_others_do(scene):
    scene.produce(60)
    scene.finish()
    name = made_anew(scene, 30)
    refused(scene, "start with --accept-new-topic", shard=1)
    scene.finish("--accept-new-topic")
    scene.produce(30)
    scene.finish(shard=1)
    ledger = table(scene, "shop.sale_ledger").scan().to_arrow().to_pylist()
    assert {row["source"] for row in ledger if row["last_offset"] > 10} == {name, f"{name}#2"}
    assert scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse")).wait() == 0


def test_intents_that_expired_before_they_were_applied_are_refused(scene):
    scene.produce(60)
    scene.finish()
    scene.produce(60)
    assert scene.run(TACET_FAIL_AT="S7:after:1").wait() == -signal.SIGKILL
    name = f"tacet-intents.shop.sale.{scene.prefix}.0"
    scene.configure(name, "cleanup.policy", "delete")
    end = ck.TopicPartition(name, 0, ck.OFFSET_END)
    scene.admin.delete_records([end])[end].result(20)
    refused(scene, "the intents topic is empty")


def test_intents_that_cannot_be_read_are_refused_until_they_are_taken_out(scene):
    scene.produce(30)
    scene.finish()
    for damage in (b"garbage", b'{"format": 99}', b"[]", None):
        send(scene, f"tacet-intents.shop.sale.{scene.prefix}.0", b"7", damage)
        if damage is not None:
            refused(scene, "the message with key b'7' cannot be read")
    scene.finish()
    assert scene.problems() == []


def test_offsets_of_a_group_whose_intents_were_deleted_with_the_tables_are_refused(scene):
    scene.produce(60)
    scene.finish()
    name = f"tacet-intents.shop.sale.{scene.prefix}.0"
    scene.admin.delete_topics([name])[name].result(20)
    shutil.rmtree(scene.folder / "warehouse")
    refused(scene, "no intent says so")
    scene.delete_group()
    for role in ("raw", "derived"):
        scene.admin.delete_topics([scene.names[role]])[scene.names[role]].result(20)
        scene.create_again(scene.names[role])
    scene.finish()
    assert scene.problems() == []


def test_offsets_of_the_group_that_expired_are_known_from_the_intents(scene):
    scene.produce(60)
    scene.finish()
    scene.delete_group()
    scene.produce(30)
    scene.finish()
    assert scene.problems() == []


def test_an_offset_that_was_set_forward_by_hand_is_refused(scene):
    scene.produce(60)
    scene.finish()
    scene.produce(30)
    scene.delete_group()
    reader = ck.Consumer({"bootstrap.servers": scene.bootstrap, "group.id": scene.group, "log_level": 0})
    reader.commit(offsets=[ck.TopicPartition(scene.names["source"], 0, 25)], asynchronous=False)
    reader.close()
    refused(scene, "set it back")


def test_a_column_that_was_added_between_writing_and_committing_is_left_alone(scene):
    scene.produce(60)
    process = scene.run(TACET_FAIL_AT="S7:after:1")
    assert process.wait() == -signal.SIGKILL
    with table(scene, "shop.sale").update_schema() as update:
        update.add_column("by_hand", StringType())
    scene.finish()
    assert scene.problems() == []


def test_files_of_a_commit_in_kafka_keep_the_partition_that_they_were_written_with(scene):
    scene.produce(60)
    process = scene.run(TACET_FAIL_AT="S7:after:1")
    assert process.wait() == -signal.SIGKILL
    with table(scene, "shop.sale").update_spec() as change:
        change.remove_field("ts_day")
        change.add_field("ts", MonthTransform())
    refused(scene, "is partitioned by month(ts), and the contract says day(ts)")
    contract = scene.folder / "contracts/shop/sale/1.0.0.yaml"
    contract.write_text(contract.read_text().replace("day(ts)", "month(ts)"))
    assert scene.tacet("registry", "push", "--url", scene.registry).wait() == 0
    scene.produce(60)
    scene.finish()
    sale = table(scene, "shop.sale")
    assert {(file.spec_id, file.partition[0] > 10_000) for file in live_files(sale)} == {(1, True), (2, False)}
    assert (
        sale.scan(GreaterThanOrEqual("ts", "2026-01-01T00:00:00+00:00")).to_arrow().num_rows
        == sale.scan().to_arrow().num_rows
    )
    assert scene.problems() == []


def test_messages_that_expired_before_they_were_consumed_are_refused_and_left_out_when_accepted(scene):
    scene.produce(60)
    scene.finish()
    scene.produce(60)
    gone = ck.TopicPartition(scene.names["source"], 1, 30)
    scene.admin.delete_records([gone])[gone].result(20)
    refused(scene, "start with --accept-loss")
    scene.finish("--accept-loss")
    verified = scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse"))
    assert verified.wait() == 0
    assert f"given up: {scene.names['source']} 20..30 of partition 1" in verified.said()


def test_a_topic_that_does_not_take_a_message_is_named_with_the_reason_and_the_way_out_and_the_service_gives_up(scene):
    scene.write(call=3)
    scene.configure(scene.names["raw"], "max.message.bytes", "100000")
    scene.produce(30)
    big = shop.message(0).replace(b'"app"', b'"x": "%s", "app"' % b64encode(random.Random(1).randbytes(90_000)), 1)
    scene.produce(1, lambda _: big)
    process = scene.run()
    assert process.wait(90) == 3, process.said()
    *_, last = process.said().splitlines()
    assert f"topic {scene.names['raw']} does not take a message of" in last
    assert "Message size too large; raise `max.message.bytes` of the topic" in last
    assert f"(it came as {scene.names['source']}/0/10)" in last
    scene.configure(scene.names["raw"], "max.message.bytes", "1000000")
    scene.finish()


def test_an_output_topic_that_is_deleted_while_the_service_runs_is_named(scene):
    scene.write(call=3)
    scene.produce(30)
    process = scene.run()
    scene.caught_up(process)
    name = scene.names["derived"]
    scene.admin.delete_topics([name])[name].result(20)
    scene.produce(30)
    assert process.wait(60) == 3, process.said()
    assert process.said().splitlines()[-1].startswith(f"tacet: there is no topic {name}: create it")
    scene.create_again(name)
    scene.finish()


def test_a_schema_that_is_not_registered_and_a_topic_that_is_not_there_are_named(scene):
    (scene.folder / "contracts/shop/sale/1.0.0.yaml").write_text(
        (scene.folder / "contracts/shop/sale/1.0.0.yaml").read_text().replace("doc: Clicks", "doc: All clicks")
    )
    refused(scene, "run `tacet registry push`")
    assert read_topic(scene.bootstrap, scene.names["derived"]) == []


def test_a_registry_that_cannot_be_reached_is_named_and_nothing_is_pushed(scene):
    process = scene.tacet("registry", "push", "--url", "http://127.0.0.1:9")
    assert process.wait() == 3
    assert "cannot be reached" in process.said()


def test_an_incompatible_schema_is_refused_by_the_push(scene):
    path = scene.folder / "contracts/shop/sale/1.0.0.yaml"
    path.write_text(path.read_text().replace("cents: {type: long", "cents: {type: string").replace('"price"', '"app"'))
    process = scene.tacet("registry", "push", "--url", scene.registry)
    assert process.wait() == 1, process.said()
    assert "refused" in process.said()

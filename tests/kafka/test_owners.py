"""Tables belong to one island, and to nobody's hands while the service runs (C12); what was given up is told from what is lost."""

from __future__ import annotations

import signal
import uuid

import confluent_kafka as ck
import pytest
from pyiceberg.catalog.sql import SqlCatalog

pytestmark = pytest.mark.system


def table(scene, name: str):
    warehouse = scene.folder / "warehouse"
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    return catalog.load_table(name)


def rename(scene, name: str) -> None:
    island = scene.folder / "here.yaml"
    text = island.read_text()
    island.write_text(text.replace(text.splitlines()[0], f"island: {name}"))


@pytest.mark.parametrize("fault", ["", "S7:after:2"], ids=["in the tables", "not in the tables yet"])
def test_an_island_that_was_renamed_is_refused_before_it_consumes_again_into_the_same_tables(scene, fault):
    scene.produce(60)
    if fault:
        scene.write(rows=20, tables=60, time=0.1)
        scene.run(TACET_FAIL_AT=fault).wait()
    else:
        scene.finish()
    rename(scene, "other")
    process = scene.run()
    assert process.wait() == 3, process.said()
    assert f"belongs to island {scene.prefix}" in process.said()
    rename(scene, scene.prefix)
    scene.finish()
    assert scene.problems() == []


def test_a_table_that_is_rolled_back_while_the_service_runs_ends_it_before_its_next_commit(scene):
    process = scene.run()
    for number in (1, 2, 3):
        scene.produce(30)
        process.until("tables at commit", times=number)
    sale = table(scene, "shop.sale")
    oldest = min((s for s in sale.snapshots() if s.summary["added-records"] != "0"), key=lambda s: s.timestamp_ms)
    sale.manage_snapshots().rollback_to_snapshot(oldest.snapshot_id).commit()
    scene.produce(30)
    assert process.wait() == 3, process.said()
    assert "start with --accept-rollback" in process.said()
    scene.finish("--accept-rollback")
    assert scene.problems() == []


def test_messages_that_were_given_up_are_told_from_lost_ones(scene):
    scene.produce(60)
    scene.finish()
    scene.produce(30)
    scene.expire(0, 25)
    scene.finish("--accept-loss")
    scene.produce(30)
    process = scene.run()
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    verify = ("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    found = scene.tacet(*verify)
    assert found.wait() == 0, found.said()
    assert f"given up: {scene.names['source']} 20..25 of partition 0" in found.said()


def test_what_a_shard_committed_that_never_comes_back_is_brought_into_the_tables_by_the_others(scene):
    scene.write(session="6s", tables=1)
    scene.produce(90)
    lost = scene.run(shard=1, TACET_FAIL_AT="S7:after:2")
    assert lost.wait() == -signal.SIGKILL, "its second commit is in the topic, and in no table"
    left = scene.run()
    left.until("shard 1 is gone: the tables have its commits up to 2 now")
    scene.produce(30)
    scene.caught_up(left, 90)
    left.kill(signal.SIGTERM)
    assert left.wait() == 0, left.said()
    assert scene.problems() == []
    scene.produce(30)
    scene.finish(shard=1)
    assert scene.problems() == [], "and if it comes back after all, nothing is twice"


def test_a_topic_of_others_that_is_called_by_a_number_is_no_shard(scene):
    name = str(uuid.uuid4().int % 10**12)
    scene.create(name)
    scene.produce(30)
    process = scene.finish()
    assert "alarm" not in process.said()
    assert scene.problems() == []
    scene.admin.delete_topics([name])[name].result(30)


def test_a_marker_that_somebody_removed_doubles_nothing(scene):
    marker = f"tacet.seq.shop.sale.{scene.prefix}.0"
    scene.produce(60)
    scene.finish()
    with table(scene, "shop.sale").transaction() as change:
        change.remove_properties(marker)
    scene.produce(30)
    scene.finish()
    assert scene.problems() == [], "the snapshots say which commit the table has"
    sale = table(scene, "shop.sale")
    last = sale.properties[marker]
    sale.append(sale.schema().as_arrow().empty_table())
    for old in table(scene, "shop.sale").snapshots()[:-1]:
        table(scene, "shop.sale").maintenance.expire_snapshots().by_id(old.snapshot_id).commit()
    with table(scene, "shop.sale").transaction() as change:
        change.remove_properties(marker)
    process = scene.run()
    assert process.wait() == 3, process.said()
    assert f"set its property {marker} to the number of the last commit" in process.said()
    with table(scene, "shop.sale").transaction() as change:
        change.set_properties({marker: last})
    scene.finish()
    assert scene.problems() == []


def test_a_proof_names_the_commits_that_wait_for_their_tables(scene):
    scene.write(tables=60, rows=20)
    scene.produce(40)
    assert scene.run(TACET_FAIL_AT="S7:after:2").wait() == -signal.SIGKILL
    proof = scene.tacet("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    assert proof.wait() == 0, proof.said()
    assert "waiting: commits 1..2 of shard 0 (40 messages)" in proof.said()
    scene.finish()
    proof = scene.tacet("verify", "sale", "--island", str(scene.folder / "here.yaml"))
    assert proof.wait() == 0, proof.said()
    assert "waiting" not in proof.said()


def test_a_member_in_its_place_that_is_no_process_of_the_shard_does_not_end_the_service(scene):
    scene.produce(60)
    process = scene.run()
    scene.caught_up(process)
    stranger = ck.Consumer(
        {
            "bootstrap.servers": scene.bootstrap,
            "group.id": scene.group,
            "group.instance.id": f"{scene.group}.0",
            "log_level": 0,
        }
    )
    stranger.subscribe([scene.names["source"]])
    while not stranger.assignment():
        stranger.poll(0.1)
    process.until("joining again")
    scene.produce(60)
    scene.caught_up(process)
    stranger.close()
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert scene.problems() == []

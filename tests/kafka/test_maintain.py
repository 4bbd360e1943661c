"""Maintenance of a service's tables: while it commits, and while commits wait that the tables do not have yet."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

pytestmark = pytest.mark.system
DAY = 86_400


def maintain(scene, *words):
    """Run `tacet maintain`; return what it did, by table."""
    process = scene.tacet("--quiet", "maintain", "sale", "--warehouse", str(scene.folder / "warehouse"), *words)
    assert process.wait(120) == 0, process.said()
    return {one["table"]: one for one in json.loads(process.said().splitlines()[-1])["tables"]}


def verified(scene):
    process = scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse"))
    return process.wait(120) == 0, process.said()


def age(scene, days=3):
    """Make everything that is on the disk older."""
    for path in (scene.folder / "warehouse" / "data").rglob("*.parquet"):
        os.utime(path, (time.time() - days * DAY,) * 2)


def test_tables_are_proved_and_maintained_while_the_service_commits_to_them(scene):
    scene.write(rows=10, time=0.05, tables=0.05)
    process = scene.run()
    before = after = 0
    for times in (2, 4, 6):
        scene.produce(60)
        process.until("tables at commit", times)
        good, words = verified(scene)
        assert good, words
        done = maintain(scene, "--keep", "0s", "--grace", "0s")
        before += done["shop.sale_ledger"]["files_before"]
        after += done["shop.sale_ledger"]["files_after"]
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert after < before
    done = maintain(scene, "--keep", "0s", "--grace", "0s")
    assert done["shop.sale_ledger"]["files_after"] == 1
    assert scene.problems() == []
    good, words = verified(scene)
    assert good, words
    scene.produce(30)
    scene.finish()
    assert scene.problems() == []


def test_files_of_commits_that_the_tables_lack_are_never_removed(scene):
    scene.write(tables=0.05)
    scene.produce(40)
    scene.finish()
    scene.write(tables=3_600)
    process = scene.run()
    scene.produce(80)
    scene.caught_up(process)
    process.kill()
    process.wait()
    age(scene)
    done = maintain(scene, "--grace", "1h")
    assert sum(one["files_removed"] for one in done.values()) == 0
    scene.finish()
    assert scene.problems() == []


def test_files_that_a_merge_replaced_are_removed_when_they_are_old(scene):
    scene.write(rows=10, time=0.05, tables=0.05)
    scene.produce(60)
    scene.finish()
    age(scene)
    done = maintain(scene, "--keep", "0s", "--grace", "1h")
    assert done["shop.sale"]["files_removed"] > 0
    assert scene.problems() == []
    scene.produce(20)
    scene.finish()
    assert scene.problems() == []


def test_a_table_that_was_rolled_back_is_not_maintained(scene):
    scene.write(rows=10, time=0.05, tables=0.05)
    scene.produce(60)
    scene.finish()
    table = catalog_of(scene).load_table("shop.sale")
    table.manage_snapshots().set_current_snapshot(table.snapshots()[0].snapshot_id).commit()
    process = scene.tacet("maintain", "sale", "--warehouse", str(scene.folder / "warehouse"), "--keep", "0s")
    assert process.wait(60) == 3
    assert "shop.sale was rolled back" in process.said()
    scene.finish("--accept-rollback")
    assert scene.problems() == []


def catalog_of(scene):
    from tacet_runtime.connectors.iceberg import open_catalog

    return open_catalog(scene.folder / "warehouse")

"""Every crash point of the protocol (C1 to C20 of its design), on a real broker: kill, hang and raise; then once in both."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.kafka import faults

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

POINTS = {
    "C1 polled": "S1:after:2",
    "C1 processed": "S2:after:2",
    "C2 within files": "S3:within:7",
    "C3 files written": "S3:after:2",
    "C4 begun": "S4:after:2",
    "C4 within outputs": "S5:within:2",
    "C5 produced": "S5:after:2",
    "C5 offsets sent": "S6:after:2",
    "C5 before the commit": "S7:before:2",
    "C7 committed": "S7:after:2",
    "C20 before raw": "S8:before-raw:2",
    "C20 after raw": "S8:after-raw:2",
    "C20 after derived": "S8:after-derived:2",
    "C20 before ledger": "S8:before-ledger:2",
    "S0 fenced": "S0:after-fence:1",
}


def ended(scene, point: str, how: str = "kill", seconds: float = 60) -> int:
    """Run the job until it ends at a point; return how it ended."""
    process = scene.run(TACET_FAIL_AT=point, TACET_FAIL_HOW=how)
    return process.wait(seconds)


@pytest.mark.parametrize("name", POINTS)
def test_a_kill_at_a_point_loses_nothing_and_doubles_nothing(scene, name):
    scene.produce(100)
    assert ended(scene, POINTS[name]) == -signal.SIGKILL
    scene.finish()
    assert scene.problems() == []


def test_an_exception_at_any_point_ends_the_process_and_the_next_goes_on(scene):
    for point in POINTS.values():
        scene.produce(90)
        status = ended(scene, point, "raise")
        assert status not in (0, -signal.SIGKILL), point
    scene.finish()
    assert scene.problems() == []


def test_a_call_that_hangs_is_ended_by_the_watchdog(scene):
    scene.write(call=3, transaction=6, rows=20)
    for point in ("S5:after:1", "S6:after:1", "S7:before:1", "S7:after:1", "S8:after-raw:1"):
        scene.produce(40)
        process = scene.run(TACET_FAIL_AT=point, TACET_FAIL_HOW="hang")
        assert process.wait(90) == 3
        assert "took longer than its limit" in process.said(), point
    scene.finish()
    assert scene.problems() == []


@pytest.mark.parametrize(
    "fault",
    ["commit_answer_lost", "commit_never_sent", "catalog_answer_lost", "catalog_request_late"],
    ids=["C6 answer of the commit lost", "C6 commit never sent", "C8 answer of the catalog lost", "C9 request that lands late"],
)  # fmt: skip
def test_an_answer_that_does_not_come_is_decided_from_what_is_committed(scene, fault):
    scene.produce(120)
    process = scene.run(fault=fault)
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert "planned" in process.said()
    assert scene.problems() == []


def test_a_full_disk_pauses_the_service_which_goes_on_when_there_is_room(scene):
    scene.produce(60)
    process = scene.run(TACET_FAIL_AT="S3:within:3", TACET_FAIL_HOW="full")
    process.until("waiting for room")
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    assert scene.problems() == []


def test_a_batch_whose_files_take_too_long_is_read_again_in_halves(scene):
    scene.produce(60)
    process = scene.run(fault="slow_disk")
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    assert "going on with 20 at once; `patience.call` and `pace.rows` set this" in process.said()
    assert scene.problems() == []


def test_files_of_a_commit_that_no_table_has_yet_are_kept_and_those_of_attempts_are_swept(scene):
    scene.produce(60)
    assert ended(scene, "S3:after:1") == -signal.SIGKILL
    left = {path.name for path in scene.folders()}
    assert len(left) == 1
    assert ended(scene, "S7:after:1") == -signal.SIGKILL
    scene.finish()
    assert left.isdisjoint(path.name for path in scene.folders())
    assert scene.problems() == []


def test_maintenance_keeps_the_files_of_a_commit_that_no_table_has_yet(scene):
    scene.produce(60)
    assert ended(scene, "S7:after:1") == -signal.SIGKILL
    kept = scene.folders()
    for path in scene.folder.rglob("*.parquet"):
        os.utime(path, (0, 0))
    warehouse = str(scene.folder / "warehouse")
    maintained = scene.tacet("maintain", "sale", "--warehouse", warehouse)
    assert maintained.wait() == 0, maintained.said()
    assert all(list(folder.glob("*.parquet")) for folder in kept)
    scene.finish()
    assert scene.problems() == []


def pause(process, catalog: Path) -> None:
    """Stop a process at a moment when it holds no lock of SQLite: such a lock outlives a pause, and nobody else can go on."""
    while True:
        process.kill(signal.SIGSTOP)
        try:
            with closing(sqlite3.connect(catalog, timeout=0)) as probe:
                probe.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            process.kill(signal.SIGCONT)
            time.sleep(0.02)
        else:
            return


def test_a_paused_process_that_wakes_after_its_successor_took_over_does_no_harm(scene):
    scene.produce(120)
    zombie = scene.run()
    zombie.until("commit 1")
    pause(zombie, scene.folder / "warehouse" / "catalog.db")
    scene.produce(60)
    scene.finish()
    zombie.kill(signal.SIGCONT)
    assert zombie.wait(60) == 3, zombie.said()
    scene.produce(30)
    scene.finish()
    assert scene.problems() == []


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_paused_process_that_wakes_while_its_successor_is_at_work_ends_and_the_successor_goes_on(scene, busy):
    scene.write(tables=60)  # paused within a commit to its tables, it would hold the lock of the catalog's file
    scene.produce(60)
    zombie = scene.run()
    zombie.until("commit 1")
    if not busy:
        scene.caught_up(zombie)
    zombie.kill(signal.SIGSTOP)
    paused = time.monotonic()
    successor = scene.run()
    scene.produce(60)
    scene.caught_up(successor)
    while not busy and time.monotonic() < paused + 8:  # its session is over
        time.sleep(0.1)
    zombie.kill(signal.SIGCONT)
    for _ in range(20):
        scene.produce(3)
        time.sleep(0.3)
    assert zombie.wait(30) == 3, zombie.said()
    assert "another process" in zombie.said().splitlines()[-1]
    scene.caught_up(successor)
    successor.kill(signal.SIGTERM)
    assert successor.wait() == 0, successor.said()
    assert scene.problems() == []


def test_a_process_paused_within_its_transaction_is_fenced(scene):
    scene.produce(120)
    zombie = scene.run(fault="stop_before_commit")
    while zombie.running and not faults.stopped(zombie.pid):
        time.sleep(0.05)
    scene.finish()
    zombie.kill(signal.SIGCONT)
    assert zombie.wait(60) == 3, zombie.said()
    assert scene.problems() == []


def test_a_rebalance_in_mid_batch_drops_the_batch_and_nothing_else(scene):
    scene.produce(150)
    first = scene.run()
    first.until("commit 1")
    second = scene.run(shard=1)
    second.until("started after commit 0")
    scene.produce(120)
    scene.caught_up(first, 90)
    for process in (first, second):
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
    assert scene.problems() == []


def test_kills_at_points_of_the_embedded_engine_lose_nothing_and_double_nothing(scene):
    scene.engine = "embedded"
    scene.write(rows=600)  # enough at once: the reference takes the few, and the first batch of a start
    for point in ("S2:after:2", "S5:within:2", "S7:after:2", "S8:after-raw:2"):
        scene.produce(450)
        assert ended(scene, point) == -signal.SIGKILL, point
    scene.finish()
    assert scene.problems() == []


def test_kills_of_one_of_two_shards_lose_nothing_and_double_nothing(scene):
    scene.produce(60)
    second = scene.run(shard=1)
    second.until("started after")
    for point in ("S6:after:1", "S7:after:1"):
        first = scene.run(TACET_FAIL_AT=point)
        first.until("started after")
        while first.running:
            scene.produce(30)
            time.sleep(0.2)
        assert first.wait() == -signal.SIGKILL
    first = scene.run()
    first.until("started after")  # before that, nobody hears a signal
    scene.caught_up(second, 90)
    for process in (first, second):
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
    assert scene.problems() == []

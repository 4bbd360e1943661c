"""`--restarts`: what a supervisor starts again, what it leaves out then, when it gives up, and how it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kafka.scene import PARTITIONS

pytestmark = pytest.mark.system


class Supervisor:
    """`tacet run --restarts` in a process of its own."""

    def __init__(self, process: subprocess.Popen, words: Path) -> None:
        self.process, self._words = process, words

    def said(self) -> str:
        return self._words.read_text()

    def until(self, is_so) -> None:
        end = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def child(self) -> int:
        pid = self.process.pid
        [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)


@contextmanager
def supervisor(scene, *words: str):
    command = [
        sys.executable, "-m", "tacet.cli", "--contracts", str(scene.folder / "contracts"), "run", "sale", "--engine", "reference",
        "--island", str(scene.folder / "here.yaml"), *words,
    ]  # fmt: skip
    said = scene.folder / "supervised.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield Supervisor(process, said)
    finally:
        process.kill()  # its child stops then
        process.wait()


def hears(pid: int) -> bool:
    """Tell whether a process has a handler for SIGTERM."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("SigCgt"))
    return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_what_was_accepted_is_no_leave_after_the_first_commit_for_a_child_that_is_started_again(scene):
    scene.produce(30)
    with supervisor(scene, "--restarts", "3", "--accept-loss") as running:
        running.until(lambda: "commit 1" in running.said())
        child = running.child()
        os.kill(running.process.pid, signal.SIGSTOP)
        os.kill(child, signal.SIGKILL)
        scene.produce(60)
        for partition in range(PARTITIONS):
            scene.expire(partition, 20)
        os.kill(running.process.pid, signal.SIGCONT)
        assert running.process.wait(60) == 3, running.said()
    assert "expired" in running.said()
    assert "not started again: no restart mends this" in running.said()


def test_what_was_accepted_holds_for_a_child_that_is_started_again_before_anything_was_committed(scene):
    scene.produce(30)
    scene.finish()
    scene.produce(60)
    for partition in range(PARTITIONS):
        scene.expire(partition, 20)
    with supervisor(scene, "--restarts", "3", "--accept-loss") as running:
        running.until(
            lambda: (
                hears(running.process.pid)
                and Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
            )
        )
        os.kill(running.child(), signal.SIGKILL)
        running.until(lambda: "commit 2" in running.said())
        running.process.terminate()
        assert running.process.wait(60) == 0, running.said()


def test_it_gives_up_with_a_reason_after_so_many_failures_in_a_row(scene):
    scene.write(call=1, session=6)
    island = scene.folder / "here.yaml"
    island.write_text(island.read_text().replace(scene.bootstrap, "127.0.0.1:1"))
    with supervisor(scene, "--restarts", "1") as running:
        assert running.process.wait(60) == 3
    assert "starting again in 0.5 s (1 of 1)" in running.said()
    assert "gave up: it ended 2 times in a row, at last with status 3" in running.said()


@pytest.mark.parametrize("words", [(), ("--restarts", "3")])
def test_a_stop_is_heard_while_the_service_still_starts(scene, words):
    with supervisor(scene, *words) as running:
        running.until(lambda: hears(running.process.pid))
        running.process.terminate()
        assert running.process.wait(60) == 0, running.said()

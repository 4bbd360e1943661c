"""A killed run, started again, leaves what one that was not killed leaves; and the check that says so can fail."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.broken import FAULTS
from tests.system.campaign import ROOT, command, finish, prepare, start
from tests.system.checker import problems

pytestmark = pytest.mark.system


def test_a_hundred_kills_lose_nothing_double_nothing_and_leave_no_orphan(tmp_path):
    # In a process of its own: it forks, which one with pytest's and other tests' threads in it must not.
    found = subprocess.run(
        [sys.executable, "-m", "tests.system.campaign", "--kills", "140"], cwd=ROOT, capture_output=True, check=False,
        text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr
    kills = [int(line.split()[0]) for line in found.stdout.splitlines() if " kills, " in line]
    assert max(kills) >= 100


@pytest.mark.parametrize("name", FAULTS)
def test_a_build_that_is_broken_on_purpose_is_caught(name, tmp_path):
    data = prepare(tmp_path)
    point = FAULTS[name][1]
    module = ("tests.system.broken", name)
    process = start(tmp_path, module, TACET_FAIL_AT=point)
    words = process.communicate()[1].decode()
    assert process.returncode == -signal.SIGKILL, words
    finish(tmp_path, module)
    assert problems(tmp_path / "warehouse", data)


def test_the_same_kills_of_the_right_build_are_healed(tmp_path):
    data = prepare(tmp_path)
    for point in sorted({point for _, point in FAULTS.values()}):
        start(tmp_path, TACET_FAIL_AT=point).communicate()
    finish(tmp_path)
    assert problems(tmp_path / "warehouse", data) == []


def test_a_raised_fault_ends_with_a_message_and_can_be_resumed(tmp_path):
    data = prepare(tmp_path)
    process = start(tmp_path, TACET_FAIL_AT="S8:before-raw:1", TACET_FAIL_HOW="raise")
    process.communicate()
    assert process.returncode != 0
    finish(tmp_path)
    assert problems(tmp_path / "warehouse", data) == []


def test_a_second_sigterm_ends_at_once_and_the_run_can_be_resumed(tmp_path):
    data = prepare(tmp_path)
    process = start(tmp_path, TACET_FAIL_AT="S2:before:2", TACET_FAIL_HOW="hang")
    with pytest.raises(TimeoutError):
        _wait_for_a_file(tmp_path)
    for _ in range(2):
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(1)  # two signals at once would be one
    process.communicate(timeout=20)
    assert process.returncode == 130
    finish(tmp_path)
    assert problems(tmp_path / "warehouse", data) == []


def test_workers_end_with_the_process_that_was_killed(tmp_path):
    data = prepare(tmp_path)
    process = start(tmp_path, workers=2, TACET_FAIL_AT="S2:before:2", TACET_FAIL_HOW="hang")
    with pytest.raises(TimeoutError):
        _wait_for_a_file(tmp_path)
    children = _group(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    while _group(process.pid) and time.monotonic() - began < 10:
        time.sleep(0.1)
    assert len(children) >= 3
    assert _group(process.pid) == []
    finish(tmp_path, workers=2)
    assert problems(tmp_path / "warehouse", data) == []


@pytest.mark.parametrize("kilobytes", [4, 10, 16])
def test_a_disk_that_takes_no_more_stops_the_run_and_it_goes_on_when_there_is_room(tmp_path, kilobytes):
    data = prepare(tmp_path)
    limit = (kilobytes * 1024, kilobytes * 1024)
    full = subprocess.run(
        command(tmp_path), cwd=ROOT, capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert full.returncode == 3, full.stderr
    assert full.stderr.count(b"\n") == 1
    finish(tmp_path)
    assert problems(tmp_path / "warehouse", data) == []


def _group(leader):
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
            found += [path.parent.name] if int(group) == leader and state != "Z" else []
    return found


def _wait_for_a_file(folder):
    began = time.monotonic()
    while time.monotonic() - began < 120:
        if list((folder / "warehouse").rglob("derived-1-*.parquet")):
            time.sleep(0.5)
            raise TimeoutError
        time.sleep(0.05)

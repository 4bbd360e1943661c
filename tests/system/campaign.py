"""The crash campaign: a real `tacet run`, killed at every commit point and at random moments, then run again.

`python -m tests.system.campaign [--kills N] [--seed S]` prints a line a kill and ends with 1 when a check fails.
`broken.py` proves that the checker sees each way in which the protocol could be wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import tacet.cli
import tacet.verbs.run
import tacet_runtime.engines.reference
import tacet_runtime.engines.run  # noqa: F401  (imported before the fork, so that a run begins at once)
from tests.durability.shop import lines, write_repository
from tests.system.checker import problems

MESSAGES = 240
WITH_WORKERS = 10
"""Every so many-th kill falls on a run with two workers."""
ROOT = Path(__file__).resolve().parents[2]
POINTS = (
    "S1:after", "S2:before", "S2:after", "S3:after", "S4:before", "S4:after", "S5:before-ledger", "S5:after-ledger",
    "S8:before-raw", "S8:after-raw", "S8:before-derived", "S8:after-derived", "S8:before-rejects", "S8:after-rejects",
    "S8:before-metrics", "S8:after-metrics", "S9:before", "S9:after",
)  # fmt: skip


def command(repository: Path, module: tuple[str, ...] = ("tacet.cli",), workers: int = 1) -> list[str]:
    """Return the command that is killed: some commits over a small file."""
    return [
        sys.executable, "-m", *module, "--contracts", str(repository / "contracts"), "--quiet", "run", "sale",
        "--input", str(repository / "e.ndjson"), "--engine", "reference", "--warehouse", str(repository / "warehouse"),
        "--commit-messages", "60", "--block-bytes", "3000", "--workers", str(workers),
    ]  # fmt: skip


def start(
    repository: Path, module: tuple[str, ...] = ("tacet.cli",), workers: int = 1, **environment: str
) -> subprocess.Popen[bytes]:
    """Start the command in its own session, so that nothing else is hit when it is killed."""
    return subprocess.Popen(
        command(repository, module, workers), cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def finish(repository: Path, module: tuple[str, ...] = ("tacet.cli",), workers: int = 1, **environment: str) -> None:
    """Run the command to its end. Raises AssertionError with its words when it fails."""
    process = start(repository, module, workers, **environment)
    words = process.communicate()[1].decode()
    assert process.returncode == 0, words


def prepare(folder: Path) -> bytes:
    """Write contracts and input; return the input."""
    write_repository(folder)
    data = lines(0, MESSAGES)
    (folder / "e.ndjson").write_bytes(data)
    return data


def reset(repository: Path) -> None:
    """Forget what was run."""
    shutil.rmtree(repository / "warehouse", ignore_errors=True)


def forked(repository: Path, seconds: float | None = None, **environment: str) -> int:
    """Run the command in a fork of this process, which has all imports behind it; kill it after so many seconds.

    Returns the exit status, negative for a signal. What it says stands in `words`.
    """
    words = repository / "words"
    pid = os.fork()
    if pid == 0:
        _in_fork(command(repository)[3:], words, environment)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _in_fork(arguments: list[str], words: Path, environment: dict[str, str]) -> NoReturn:
    status = 70
    try:
        os.environ.update(environment)
        with words.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        tacet.cli.main(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(status)


def kill_at(repository: Path, point: str, count: int, workers: int = 1) -> bool:
    """Run until a commit point is passed for the n-th time; tell whether it came by and the process was killed."""
    fail_at = {"TACET_FAIL_AT": f"{point}:{count}"}
    if workers == 1:
        status, words = forked(repository, **fail_at), ""
    else:
        process = start(repository, workers=workers, **fail_at)
        words = process.communicate()[1].decode()
        status = process.returncode
    assert status in (0, -signal.SIGKILL), words or (repository / "words").read_text()
    return status == -signal.SIGKILL


def kill_after(repository: Path, seconds: float, workers: int = 1) -> bool:
    """Run and kill after so many seconds; with workers the start of their processes takes longer."""
    if workers == 1:
        return forked(repository, seconds) == -signal.SIGKILL
    process = start(repository, workers=workers)
    try:
        process.communicate(timeout=seconds * WITH_WORKERS)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def whole(repository: Path) -> float:
    """Run to the end; return how long it took. Raises AssertionError with its words when it fails."""
    began = time.monotonic()
    assert forked(repository) == 0, (repository / "words").read_text()
    return time.monotonic() - began


def campaign(folder: Path, kills: int, seed: int) -> list[str]:
    """Kill so many times, at every point and at random moments; return what was wrong."""
    chance = random.Random(seed)
    data = prepare(folder)
    length = whole(folder)
    wrong = [f"without a kill: {p}" for p in problems(folder / "warehouse", data)]
    plan: list[tuple[str, int] | float] = [(point, count) for point in POINTS for count in (1, 3)]
    plan += [chance.uniform(0.05, 1.0) * length for _ in range(max(0, kills - len(plan)))]
    done, reset_at = 0, 0
    reset(folder)
    for number, item in enumerate(plan):
        workers = 2 if number % WITH_WORKERS == WITH_WORKERS - 1 else 1
        hit = kill_at(folder, *item, workers) if isinstance(item, tuple) else kill_after(folder, item, workers)
        done += hit
        # Several kills may fall on one warehouse before it is run to its end: crashes during healing count too.
        if isinstance(item, tuple) or done - reset_at >= 3 or not hit:
            whole(folder)
            wrong += [f"after {item}: {p}" for p in problems(folder / "warehouse", data)]
            reset(folder)
            reset_at = done
        print(f"{done} kills, {item}, {len(wrong)} problems", flush=True)
    return wrong


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=125)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = campaign(Path(temporary), given.kills, given.seed)
    print("\n".join(found) or "nothing lost, nothing doubled, no orphan")
    sys.exit(bool(found))

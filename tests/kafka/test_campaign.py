"""Kills at random moments and points while messages keep coming; and builds that are broken on purpose, which must be seen."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.kafka.broken import FAULTS
from tests.kafka.test_crashes import POINTS

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("TACET_KILLS", "200"))
"""CI's run; more by the environment."""
CHECK_EVERY = 25


def test_random_kills_lose_nothing_and_double_nothing(scene):
    chance = random.Random(int(os.environ.get("TACET_SEED", "1")))
    kills = 0
    while kills < KILLS:
        scene.produce(chance.randint(5, 60))
        kills += _killed(scene, chance)
        if kills % CHECK_EVERY == 0:
            scene.finish()
            assert scene.problems() == [], f"after {kills} kills"
    scene.finish()
    assert scene.problems() == []


def _killed(scene, chance: random.Random) -> bool:
    """Run the job, kill it, tell whether a kill hit it (a point may be passed by)."""
    if chance.random() < 0.5:
        point = chance.choice(list(POINTS.values())).rpartition(":")[0]
        process = scene.run(TACET_FAIL_AT=f"{point}:1")
    else:
        process = scene.run()
    if chance.random() < 0.5:
        while process.running and "started after" not in process.said():
            time.sleep(0.02)
    until = time.monotonic() + chance.uniform(0, 1.5)
    while time.monotonic() < until and process.running:
        time.sleep(0.02)
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("name", FAULTS)
def test_a_build_that_is_broken_on_purpose_is_seen(scene, name):
    scene.produce(120)
    process = scene.run(fault=f"broken.{name}", TACET_FAIL_AT=FAULTS[name])
    assert process.wait() == -signal.SIGKILL, process.said()
    process = scene.run(fault=f"broken.{name}")
    with suppress(TimeoutError):
        scene.caught_up(process, 10)
    time.sleep(1.5)  # what is read again may come last
    process.kill(signal.SIGTERM)
    process.wait()
    assert scene.problems()

"""The bench of the service on tiny input, so that it cannot rot: job and loop consume everything, and write alike."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.events import ONE, plan_of, write_events
from bench.work import ROOT

pytestmark = pytest.mark.system
MESSAGES = 240


def test_the_service_and_the_loop_by_hand_consume_everything_and_write_nearly_the_same_rows(up, tmp_path):
    from bench.kafka_bench import measured
    from bench.kafka_soak import table_rows, topic_rows
    from bench.kafka_world import World

    here = World(tmp_path, up.bootstrap, up.registry)
    file = tmp_path / "events.ndjson"
    write_events(plan_of(ROOT), ROOT, file, ONE, MESSAGES)
    push = [sys.executable, "-m", "tacet.cli", "registry", "push", "--url", up.registry]
    subprocess.run(push, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    here.topics()
    here.produce(file.read_bytes().splitlines(), MESSAGES)
    island = here.island()
    service = measured("service", island, MESSAGES)
    rows, doubled = topic_rows(here, MESSAGES)
    assert (service.messages, doubled) == (MESSAGES, 0)
    assert rows == table_rows(tmp_path / island.stem)
    assert {"S1", "S2", "S3", "S5", "S7", "S8"} <= set(service.stages)
    loop = measured("loop", here.island(), MESSAGES)
    assert loop.messages == MESSAGES
    assert 0.6 * rows <= loop.rows <= service.rows

"""A broker that is away for longer than every patience: the service that had nothing to do goes on when it is back."""

from __future__ import annotations

import os
import signal

import pytest
from confluent_kafka.admin import AdminClient

from tests.kafka.conftest import coordinated
from tests.kafka.scene import Scene
from tests.support import servers

pytestmark = pytest.mark.system


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kafka"


@pytest.fixture
def first(folder):
    """Start a broker that nobody else uses: it is killed."""
    with servers.broker(folder) as broker:
        coordinated(broker.bootstrap)
        yield broker


@pytest.fixture
def scene(first, up, zygote, tmp_path):
    made = Scene(tmp_path, first.bootstrap, up.registry, zygote)
    made.pace = {"call": 3, "transaction": 60, "session": 6}
    made.prepare()
    yield made
    made.close()


def test_a_service_outlasts_a_broker_that_is_away_for_longer_than_its_session(scene, first, folder):
    scene.produce(60)
    process = scene.run()
    scene.caught_up(process)
    process.until("tables at commit")
    os.kill(first.pid, signal.SIGKILL)
    process.until("nothing can be read: the broker does not answer", times=2)
    with servers.broker_again(folder, first.bootstrap):
        coordinated(first.bootstrap)
        scene.admin = AdminClient({"bootstrap.servers": first.bootstrap, "log_level": 0})
        scene.produce(60)
        scene.caught_up(process)
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
        assert scene.problems() == []

"""What a cluster that is well is asked is answered at once, however new the client or the topic is."""

from __future__ import annotations

import time
import uuid

import pytest

from tacet_runtime.connectors.kafka_cluster import Cluster
from tacet_runtime.connectors.kafka_settings import settings
from tacet_runtime.plan.island import Broker, Text

pytestmark = pytest.mark.system


@pytest.fixture
def cluster(up):
    return Cluster(settings(Broker(Text(up.bootstrap))), 30)


def name() -> str:
    return f"ends-{uuid.uuid4().hex[:12]}"


def test_the_ends_of_a_topic_are_told_at_once_every_time(cluster):
    topic = cluster.create(name(), 3, {})
    seconds = []
    for _ in range(150):
        before = time.monotonic()
        assert cluster.ends(topic) == dict.fromkeys(range(3), (0, 0))
        seconds.append(time.monotonic() - before)
    assert max(seconds) < 2


def test_the_ends_of_a_topic_that_was_made_a_moment_ago_are_told(cluster):
    for _ in range(20):
        assert cluster.ends(cluster.create(name(), 3, {})) == dict.fromkeys(range(3), (0, 0))

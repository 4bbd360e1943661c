"""SIGTERM ends the service within `patience.stop`, whatever the broker does meanwhile; the next start goes on."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.kafka.conftest import coordinated
from tests.kafka.scene import Scene
from tests.support import servers

pytestmark = pytest.mark.system

STOP = 3
MORE = 2
"""Seconds that a process may take beyond its limit on a machine with other things to do."""


@pytest.fixture(scope="module")
def own(tmp_path_factory, up):
    """Start a broker that nobody else uses: it is paused."""
    with servers.broker(tmp_path_factory.mktemp("own") / "kafka") as broker:
        coordinated(broker.bootstrap)
        yield broker


@pytest.fixture
def paused(own, up, zygote, tmp_path):
    """A scene on that broker whose calls may take longer than a stop, as they may by default."""
    made = Scene(tmp_path, own.bootstrap, up.registry, zygote)
    made.pace = {"call": 30, "transaction": 60, "session": 30, "stop": STOP}
    made.prepare()
    yield made
    made.close()
    os.kill(own.pid, signal.SIGCONT)


def stopped(process) -> float:
    """Ask a process to stop; return how long it took."""
    began = time.monotonic()
    process.kill(signal.SIGTERM)
    process.wait()
    return time.monotonic() - began


def goes_on(scene, broker) -> None:
    os.kill(broker.pid, signal.SIGCONT)
    scene.finish()
    assert scene.problems() == []


POINTS = ("S0:after-fence:1", "S1:after:3", "S4:after:3", "S5:after:3", "S6:after:3")


@pytest.mark.parametrize("point", POINTS)
def test_a_stop_has_its_limit_though_the_broker_hangs_at_a_point(paused, own, point):
    paused.produce(200)
    process = paused.run(fault="broker_hangs", TACET_BROKER=str(own.pid), TACET_HANGS_AT=point)
    process.until("planned: the broker hangs")
    assert stopped(process) < STOP + MORE
    assert process.status == 3, process.said()
    assert f"the stop took longer than {STOP} s" in process.said()
    assert "`patience.stop`" in process.said()
    goes_on(paused, own)


def test_a_second_signal_ends_at_once_though_the_broker_hangs(paused, own):
    paused.write(stop=60)
    paused.produce(200)
    process = paused.run(fault="broker_hangs", TACET_BROKER=str(own.pid), TACET_HANGS_AT="S6:after:2")
    process.until("planned: the broker hangs")
    process.kill(signal.SIGTERM)
    assert stopped(process) < STOP + MORE
    assert process.status == 3, process.said()
    goes_on(paused, own)


def test_a_broker_that_hangs_within_a_transaction_ends_the_process_in_a_bounded_time(paused, own):
    paused.write(call=5, transaction=6)
    paused.produce(200)
    process = paused.run(fault="broker_hangs", TACET_BROKER=str(own.pid), TACET_HANGS_AT="S5:after:3")
    assert process.wait(60) == 3, process.said()
    assert "closing the producer took longer than its limit" in process.said()
    goes_on(paused, own)


def test_a_stop_is_clean_though_the_broker_hangs_when_nothing_is_to_be_done(paused, own):
    paused.produce(50)
    process = paused.run()
    paused.caught_up(process)
    process.until("tables at commit")
    os.kill(own.pid, signal.SIGSTOP)
    assert stopped(process) < STOP
    assert process.status == 0, process.said()
    goes_on(paused, own)

"""A batch whose files take too long becomes smaller until they do not, and grows again when they are quick."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from tacet_runtime.connectors.kafka_cluster import Topic
from tacet_runtime.service import quiet
from tacet_runtime.service.observe import Quiet as Nobody
from tacet_runtime.service.pacing import ATTEMPTS, Attempts, Pacing, TooMuch
from tests.support.servers import free_port


def test_a_batch_is_halved_to_one_message_and_grows_to_what_it_was():
    pacing = Pacing(100, seconds=-1)
    sizes = []
    for _ in range(7):
        pacing.begin(pacing.rows)
        sizes.append(pacing.rows)
        if pacing.rows > 1:
            with pytest.raises(TooMuch, match=r"`patience.call` and `pace.rows`"):
                pacing.check()
        pacing.shrink()
    assert sizes == [100, 50, 25, 12, 6, 3, 1]
    pacing.begin(1)
    pacing.check()  # less than one message there is not
    pacing.seconds = 8.0
    pacing.written(2.0)
    assert pacing.rows == 1
    for _ in range(9):
        pacing.written(0.5)
    assert pacing.rows == 100


def test_attempts_in_one_generation_of_the_group_are_bounded_and_a_new_one_begins_anew():
    attempts = Attempts()
    assert [attempts.again(3) for _ in range(ATTEMPTS)] == [True] * (ATTEMPTS - 1) + [False]
    assert attempts.again(4)
    assert attempts.failed == 1


def test_a_broker_that_does_not_answer_while_nothing_comes_is_an_alarm(monkeypatch):
    monkeypatch.setattr(quiet, "_EVERY", 0.0)
    told = []
    observer = Nobody()
    observer.alarm = told.append
    watchdog = SimpleNamespace(limit=lambda _step, _seconds: nullcontext())
    base = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0}
    looking = quiet.Quiet(base, 1.0, watchdog, observer)
    looking.look(Topic("clicks", "id", 1), None, settled=True)
    assert len(told) == 1
    assert told[0].startswith("nothing can be read: the broker does not answer about topic clicks")

"""A batch whose files take too long becomes smaller until they do not, and grows again when they are quick."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise
from types import SimpleNamespace

import pytest

from tacet_runtime.batch import Counts
from tacet_runtime.connectors.kafka_cluster import Topic
from tacet_runtime.service import quiet
from tacet_runtime.service.observe import Quiet as Nobody
from tacet_runtime.service.pacing import ATTEMPTS, Attempts, Pacing, TooMuch
from tests.support.servers import free_port

LIMITS = {"S2": 80.0, "S3": 8.0}


def committed(pacing: Pacing, messages: int, each: float = 1, **steps: float) -> None:
    pacing.begin(messages)
    pacing.learn(Counts(messages=messages, rows=int(messages * each)), {"S3": 0.01, **steps})


def test_a_batch_is_halved_to_one_message_and_grows_to_what_it_was():
    pacing = Pacing(50, {"S3": -1})
    sizes = []
    for _ in range(6):
        pacing.begin(pacing.rows)
        sizes.append(pacing.rows)
        if pacing.rows > 1:
            with pytest.raises(TooMuch, match=r"`patience.call` and `pace.rows`"):
                pacing.check()
        pacing.shrink()
    assert sizes == [50, 25, 12, 6, 3, 1]
    pacing.begin(1)
    pacing.check()  # less than one message there is not
    pacing.limits = LIMITS
    committed(pacing, 1, S3=2.0)
    assert pacing.rows <= 2, "it took a quarter of its time"
    for _ in range(5):
        committed(pacing, pacing.rows)
    assert pacing.rows == 50


def test_a_start_begins_small_and_grows_by_what_a_batch_took():
    pacing = Pacing(50_000, LIMITS)
    sizes = []
    for _ in range(6):
        sizes.append(pacing.rows)
        committed(pacing, pacing.rows)
    assert sizes[0] <= 50
    assert sizes[-1] == 50_000
    assert all(after <= 8 * before for before, after in pairwise(sizes))
    slow = Pacing(50_000, LIMITS)
    for _ in range(20):
        committed(slow, slow.rows, S2=slow.rows / 25)
    assert slow.rows / 25 <= 80 / 2, "half of its time"


def test_messages_that_explode_are_fewer_in_a_batch():
    pacing = Pacing(50_000, LIMITS)
    for _ in range(9):
        committed(pacing, pacing.rows, each=40)
    assert 0.4 < pacing.rows * 40 / pacing.made < 0.6
    assert pacing.made == 200_000
    pacing.cut(200)
    assert pacing.rows * 1_000 < pacing.made
    for _ in range(20):
        committed(pacing, pacing.rows, each=0)
    assert pacing.rows == 50_000


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

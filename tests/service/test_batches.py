"""When a batch is read out: bounds of rows and bytes, and time that counts from the batch before."""

from __future__ import annotations

import time

import pytest

from tacet_runtime.plan.island import Pace
from tests.support.optional import require

try:
    from tacet_runtime.service.batches import OutOfOrder, gather
except ModuleNotFoundError:
    require("the extra [kafka] is not installed")

PACE = Pace(rows=20_000, bytes=1_000_000, seconds=0.4)


class Came(bytes):
    """A message: its value; and where it stood."""

    def __new__(cls, partition, offset):
        made = super().__new__(cls, b"12345")
        made.place = (partition, offset)
        return made

    def partition(self):
        return self.place[0]

    def offset(self):
        return self.place[1]


class Topic:
    """A source that has some messages from the start, and gives them as it is asked, as a consumer does."""

    def __init__(self, *messages, due=None, reached=None):
        self.generation = 1
        self.next = due or {0: 0, 1: 0}
        self.reached = reached or {}
        self._left = list(messages)

    def consume(self, count, seconds):
        found, self._left = self._left[:count], self._left[count:]
        if len(found) < count:
            time.sleep(seconds)
        return found


def taken(topic, before, pace=PACE):
    began = time.monotonic()
    found = gather(topic, pace, before, lambda: False)
    return found, time.monotonic() - began


def test_what_came_while_the_batch_before_was_computed_is_not_waited_for_again():
    messages = [Came(0, at) for at in range(12_000)]
    found, seconds = taken(Topic(*messages), time.monotonic() - 1)
    assert found.messages == 12_000
    assert seconds < PACE.seconds / 2


def test_of_what_comes_sooner_a_batch_is_gathered_until_the_time_is_over():
    found, seconds = taken(Topic(Came(1, 0)), time.monotonic())
    assert [(part.partition, part.first, part.last) for part in found.parts] == [(1, 0, 1)]
    assert PACE.seconds * 0.9 < seconds < PACE.seconds * 2


def test_nothing_is_nothing_after_a_bounded_time():
    found, seconds = taken(Topic(), 0.0)
    assert found.parts == ()
    assert PACE.seconds * 0.9 < seconds < PACE.seconds * 2


@pytest.mark.parametrize(("bound", "messages"), [({"rows": 7_000}, 7_000), ({"bytes": 20_000}, 5_000)])
def test_rows_and_bytes_end_a_batch_however_much_is_there(bound, messages):
    given = [Came(at % 2, at // 2) for at in range(12_000)]
    pace = Pace(**{"rows": PACE.rows, "bytes": PACE.bytes, "seconds": PACE.seconds, **bound})
    found, _ = taken(Topic(*given), 0.0, pace)
    assert found.messages == messages
    assert sum(len(part.offsets) for part in found.parts) == messages


def test_offsets_without_a_message_are_told_and_those_that_go_back_are_refused():
    found, _ = taken(Topic(Came(0, 3), Came(0, 5), due={0: 2}), 0.0)
    assert [part.absent for part in found.parts] == [((2, 3), (4, 5))]
    with pytest.raises(OutOfOrder):
        taken(Topic(Came(0, 5), Came(0, 5)), 0.0)
    with pytest.raises(OutOfOrder):
        taken(Topic(Came(0, 1), due={0: 2}), 0.0)


def test_a_partition_that_was_read_to_its_end_is_read_up_to_there():
    found, _ = taken(Topic(Came(0, 0), Came(0, 2), Came(1, 0), reached={0: 5, 1: 1}), 0.0)
    assert [(part.last, part.absent) for part in found.parts] == [(5, ((1, 2), (3, 5))), (1, ())]


def test_offsets_without_a_message_are_a_batch_of_their_own_when_nothing_has_come_for_a_while_or_at_the_stop():
    read = Topic(due={0: 2, 1: 7, 2: 0}, reached={0: 5, 1: 7})
    found, _ = taken(read, time.monotonic())
    assert found.parts == ()
    for found in (taken(read, time.monotonic() - 60)[0], gather(read, PACE, time.monotonic(), lambda: True)):
        assert [(part.partition, part.first, part.last, part.absent) for part in found.parts] == [(0, 2, 5, ((2, 5),))]
        assert found.messages == 0
        assert [len(batch.messages) for batch in found.batches("clicks")] == [0]


def test_the_first_messages_of_a_batch_are_one_over_as_many_partitions():
    messages = [Came(0, 0), Came(0, 2), Came(0, 5), Came(1, 7), Came(1, 8)]
    found, _ = taken(Topic(*messages, due={0: 0, 1: 7}, reached={0: 9, 1: 9}), time.monotonic() - 1)
    assert [part.last for part in found.parts] == [9, 9]
    two = found.first_ones(2)
    assert [(part.partition, part.first, part.last, part.absent) for part in two.parts] == [(0, 0, 3, ((1, 2),))]
    four = found.first_ones(4)
    assert four.parts[0] == found.parts[0]
    assert [(part.first, part.last, part.absent, part.offsets) for part in four.parts[1:]] == [(7, 8, (), [7])]
    assert four.messages == 4

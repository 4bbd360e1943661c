"""S1: messages of the shard's partitions, gathered into one batch that is bounded in rows, bytes and seconds."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from operator import ge
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.blocks import in_room
from tacet_runtime.steps.sinks import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tacet_runtime.batch import Range
    from tacet_runtime.connectors.kafka import Source
    from tacet_runtime.plan.island import Pace

_AT_ONCE = 5_000
_WAIT = 0.25
_SETTLED = 5.0
"""Seconds without a message after which offsets that have none are a batch of their own: control records and what was aborted."""
_AT_HAND, _IDLE = 0.01, 0.05
"""Seconds to take what is there, and to wait for a first message when a batch of one would do."""


class OutOfOrder(Exception):  # noqa: N818
    """The consumer gave a message that is not due: a bug, here or below. Nothing is committed."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What was read of one partition: offsets `first` to `last` (excluded); those without a message are `absent`."""

    partition: int
    first: int
    last: int
    messages: Sequence[Any]
    offsets: Sequence[int]
    """Of the messages; asking a message costs, so they are asked once."""
    absent: tuple[Range, ...]

    def first_ones(self, messages: int) -> Polled:
        """Return what was read up to the last of its first `messages`, at least one."""
        last = self.offsets[messages - 1] + 1
        absent = tuple((begin, end) for begin, end in self.absent if end < last)
        return Polled(self.partition, self.first, last, self.messages[:messages], self.offsets[:messages], absent)

    def by_offset(self) -> dict[int, Any]:
        """Return the messages by their offsets."""
        return dict(zip(self.offsets, self.messages, strict=True))


@dataclass(frozen=True, slots=True)
class Gathered:
    """One batch over all partitions, and the generation of the group that it was read in."""

    generation: int
    parts: tuple[Polled, ...]

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return sum(len(part.messages) for part in self.parts)

    def first_ones(self, messages: int) -> Gathered:
        """Return a batch of the first `messages` only, fewer than there are."""
        parts = []
        for part in self.parts:
            if messages >= len(part.messages):
                parts.append(part)
            elif messages:
                parts.append(part.first_ones(messages))
            messages = max(0, messages - len(part.messages))
        return Gathered(self.generation, tuple(parts))

    def batches(self, source: str) -> list[Batch]:
        """Return the messages of each partition as an engine takes them: pieces of one array."""
        values = in_room([message.value() for part in self.parts for message in part.messages])
        found, at = [], 0
        for part in self.parts:
            offsets = pa.array(part.offsets, pa.int64())
            found.append(Batch(source, part.partition, offsets, values.slice(at, len(offsets))))
            at += len(offsets)
        return found

    def place(self, source: str, value: bytes | None) -> str:
        """Return where a message with this value came from, in brackets after a space; nothing when none of them has it."""
        for part in self.parts:
            for message in part.messages:
                if value and message.value() == value:
                    return f" (it came as {source}/{part.partition}/{message.offset()})"
        return ""


def gather(source: Source, pace: Pace, before: float, stop: Callable[[], bool]) -> Gathered:
    """Read until a bound of the pace is met; nothing when there is nothing, or the assignment changed meanwhile.

    `before`: when the batch before had been read. What has come since then has waited while that one was computed, and
    its time counts from there: when it is over, what is there is a batch, and only an empty one is waited for.
    A partition that was read to its end is read up to there, whether its last offsets have messages or not: when they
    expire, nothing is lost. When nothing has come for a while, or at the stop, those alone are a batch.
    Raises what `Source.consume` raises, and OutOfOrder.
    """
    generation = source.generation
    found: dict[int, list[Any]] = defaultdict(list)
    count = size = 0
    over, ends = before + pace.seconds, time.monotonic() + pace.seconds
    while count < pace.rows and size < pace.bytes and not stop() and (now := time.monotonic()) < ends:
        wanted, due = min(_AT_ONCE, pace.rows - count), bool(found) and now >= over
        messages = source.consume(wanted, _AT_HAND if due else min(ends - now, max(over - now, _IDLE), _WAIT))
        if source.generation != generation:
            return Gathered(source.generation, ())
        for message in messages:
            found[message.partition() or 0].append(message)
        size += sum(map(len, messages))
        count += len(messages)
        if due and len(messages) < wanted:
            break
    if not found and (stop() or time.monotonic() > before + _SETTLED):
        return Gathered(generation, tuple(_without_messages(source)))
    return Gathered(generation, tuple(_polled(number, found[number], source) for number in sorted(found)))


def _without_messages(source: Source) -> Iterator[Polled]:
    for number, due in sorted(source.next.items()):
        end = source.reached.get(number, due)
        if end > due:
            yield Polled(number, due, end, (), (), ((due, end),))


def _polled(number: int, messages: list[Any], source: Source) -> Polled:
    due = source.next
    offsets = [message.offset() for message in messages]
    if number not in due or offsets[0] < due[number] or any(map(ge, offsets, offsets[1:])):
        raise OutOfOrder(f"partition {number} was due at {due.get(number)}, and gave {offsets[0]}..{offsets[-1]}")
    first, behind = due[number], offsets[-1] + 1
    present = set(offsets) if behind - first != len(offsets) else None
    absent = () if present is None else ranges(at for at in range(first, behind) if at not in present)
    last = max(behind, source.reached.get(number, behind))
    return Polled(number, first, last, messages, offsets, (*absent, *([(behind, last)] if last > behind else [])))

"""S1: messages of the shard's partitions, gathered into one batch that is bounded in rows, bytes and seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.steps.sinks import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tacet_runtime.batch import Range
    from tacet_runtime.connectors.kafka import Source
    from tacet_runtime.plan.island import Pace

_AT_ONCE = 5_000
_WAIT = 0.25


class OutOfOrder(Exception):  # noqa: N818
    """The consumer gave a message that is not due: a bug, here or below. Nothing is committed."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What was read of one partition: offsets `first` to `last` (excluded); those without a message are `absent`."""

    partition: int
    first: int
    last: int
    messages: tuple[Any, ...]
    absent: tuple[Range, ...]

    def batch(self, source: str) -> Batch:
        """Return the messages as an engine takes them."""
        offsets = pa.array([m.offset() for m in self.messages], pa.int64())
        return Batch(source, self.partition, offsets, pa.array([m.value() for m in self.messages], pa.large_binary()))


@dataclass(frozen=True, slots=True)
class Gathered:
    """One batch over all partitions, and the generation of the group that it was read in."""

    generation: int
    parts: tuple[Polled, ...]

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return sum(len(part.messages) for part in self.parts)

    def place(self, source: str, value: bytes | None) -> str:
        """Return where a message with this value came from, in brackets after a space; nothing when none of them has it."""
        for part in self.parts:
            for message in part.messages:
                if value and message.value() == value:
                    return f" (it came as {source}/{part.partition}/{message.offset()})"
        return ""


def gather(source: Source, pace: Pace, stop: Callable[[], bool]) -> Gathered:
    """Read until a bound of the pace is met; nothing when there is nothing, or the assignment changed meanwhile.

    Raises what `Source.consume` raises, and OutOfOrder.
    """
    generation = source.generation
    found: dict[int, list[Any]] = {}
    count = size = 0
    ends = time.monotonic() + pace.seconds
    while count < pace.rows and size < pace.bytes and (left := ends - time.monotonic()) > 0 and not stop():
        messages = source.consume(min(_AT_ONCE, pace.rows - count), min(left, _WAIT))
        if source.generation != generation:
            return Gathered(source.generation, ())
        for message in messages:
            found.setdefault(int(message.partition() or 0), []).append(message)
            size += len(message.value() or b"")
        count += len(messages)
    return Gathered(generation, tuple(_polled(number, found[number], source.next) for number in sorted(found)))


def _polled(number: int, messages: list[Any], due: Mapping[int, int]) -> Polled:
    offsets = [message.offset() for message in messages]
    if number not in due or offsets[0] < due[number] or any(b <= a for a, b in pairwise(offsets)):
        raise OutOfOrder(f"partition {number} was due at {due.get(number)}, and gave {offsets[0]}..{offsets[-1]}")
    first, last = due[number], offsets[-1] + 1
    present = set(offsets) if last - first != len(offsets) else None
    absent = () if present is None else ranges(at for at in range(first, last) if at not in present)
    return Polled(number, first, last, tuple(messages), absent)

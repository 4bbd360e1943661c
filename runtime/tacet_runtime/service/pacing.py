"""How large a batch may be, and how often it may fail, and how long its steps take.

A batch whose files take too long is given up and read again in halves, until they do not. What takes too long elsewhere
cannot be given up: the process ends, and the next one begins small.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.batch import Counts

ATTEMPTS = 5
"""Transactions that fail one after the other, in one generation of the group: then it does not mend by itself."""
_FIRST = 200
"""Rows that the first batch of a start may make."""
_EACH = 4
"""A batch may make so many rows for each message that the pace allows."""
_GROWTH = 8
"""A batch may make so many times the rows of the one before it, at most."""
_QUICK, _SLOW = 1 / 8, 1 / 2
"""Parts of its time: a step is to take the first, and batches become smaller when it takes more than the second."""


@dataclass(slots=True)
class Clock:
    """Seconds by step."""

    steps: dict[str, float] = field(default_factory=dict)
    _at: float = field(default_factory=time.monotonic)

    def lap(self, step: str) -> None:
        """Add what passed since the last lap to a step."""
        now = time.monotonic()
        self.steps[step] = self.steps.get(step, 0.0) + now - self._at
        self._at = now


class TooMuch(Exception):  # noqa: N818
    """The files of a batch take too long: nothing of it is committed, and a smaller one must do."""


class Pacing:
    """How many messages the next batch may hold, between 1 and `most`, and how many rows they may explode to.

    `limits`: step -> the seconds that it may take. A start begins small, whatever ended the process before it, and a
    batch may make more than the last one only when that took a small part of its time: so no batch is tried whose like
    was not seen to be quick enough.
    """

    def __init__(self, most: int, limits: Mapping[str, float]) -> None:
        self.made = min(_FIRST, _EACH * most)
        """Rows that a batch may make."""
        self._most = most
        self.limits = limits
        self._each = (1 + _EACH) / 2
        """Rows of a message: as many as lately seen."""
        self._began = 0.0
        self._messages = 0

    @property
    def rows(self) -> int:
        """Return how many messages a batch may hold: that it makes too many rows after all is to be rare."""
        return max(1, min(self._most, int(self.made / (2 * self._each - 1))))

    def cut(self, messages: int) -> None:
        """Hear that no more messages than these made as many rows as a batch may make."""
        self._each = max(self._each, self.made / messages)

    def begin(self, messages: int) -> None:
        """Begin to write the files of so many messages."""
        self._began, self._messages = time.monotonic(), messages

    def check(self) -> None:
        """Raise TooMuch when the time is up, and a batch can be smaller."""
        seconds = self.limits["S3"]
        if self._messages > 1 and time.monotonic() - self._began > seconds:
            raise TooMuch(
                f"{self._messages} messages need more than {seconds:g} s for their files (rows of many partitions make many "
                f"files): going on with {self._messages // 2} at once; `patience.call` and `pace.rows` set this"
            )

    def shrink(self) -> None:
        """Halve what a batch may hold."""
        self.made = math.ceil(max(1, self._messages // 2) * (2 * self._each - 1))

    def learn(self, counts: Counts, steps: Mapping[str, float]) -> None:
        """Learn from a batch that was committed: what it made, and how long its steps took."""
        rows = max(counts.rows, counts.messages, 1)
        self._each = max(rows / max(counts.messages, 1), self._each / 2)
        share = max(steps.get(step, 0.0) / seconds for step, seconds in self.limits.items())
        if share > _SLOW:
            self.made = max(1, rows // 2)
        else:
            grown = rows * _GROWTH if share * _GROWTH < _QUICK else rows * _QUICK / share
            self.made = min(_EACH * self._most, max(self.made, int(grown)))


class Attempts:
    """How many transactions failed since the last commit."""

    def __init__(self) -> None:
        self.failed = 0
        self._generation = 0

    def again(self, generation: int) -> bool:
        """Count one in this generation of the group, a new one of which mends much; tell whether to try again."""
        self.failed = self.failed + 1 if generation == self._generation else 1
        self._generation = generation
        return self.failed < ATTEMPTS

"""How large a batch may be, and how often it may fail, and how long its steps take.

A batch whose files take too long is given up and read again in halves, until they do not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

ATTEMPTS = 5
"""Transactions that fail one after the other, in one generation of the group: then it does not mend by itself."""
_QUICK = 8
"""A batch whose files took less than this part of their time may be followed by one of twice its size."""


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
    """The present bound of a batch, in messages, between 1 and `most`; `seconds` is what its files may take."""

    def __init__(self, most: int, seconds: float) -> None:
        self.rows = most
        self.seconds = seconds
        self._most = most
        self._began = 0.0
        self._messages = 0

    def begin(self, messages: int) -> None:
        """Begin to write the files of so many messages."""
        self._began, self._messages = time.monotonic(), messages

    def check(self) -> None:
        """Raise TooMuch when the time is up, and a batch can be smaller."""
        if self._messages > 1 and time.monotonic() - self._began > self.seconds:
            raise TooMuch(
                f"{self._messages} messages need more than {self.seconds:g} s for their files (rows of many partitions make many "
                f"files): going on with {self._messages // 2} at once; `patience.call` and `pace.rows` set this"
            )

    def shrink(self) -> None:
        """Halve what a batch may hold."""
        self.rows = max(1, self._messages // 2)

    def written(self, seconds: float) -> None:
        """Let a batch grow again after one whose files took so long."""
        if seconds * _QUICK < self.seconds:
            self.rows = min(self._most, 2 * self.rows)


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

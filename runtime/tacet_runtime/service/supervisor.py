"""Start again what ended, later each time, and give up with a reason when it does not last."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

FINAL = 4
"""How a supervised process ends when no restart would mend it: refused, or taken over."""
_CLEAN = (0, -signal.SIGTERM, -signal.SIGINT)
"""How a child ends that was asked to stop: by itself, or by the signal, when that came before it had begun anything."""
LASTING_SECONDS = 60.0
"""A process that ran so long starts with a clean slate."""


class Child(Protocol):
    """A running process."""

    def wait(self) -> int:
        """Return its exit status, negative for a signal, when it has ended."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds before a restart: doubled each time, up to a bound."""

    first: float = 0.5
    most: float = 30.0

    def after(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        return float(min(self.most, self.first * 2 ** min(failures - 1, 16)))


def supervise(
    start: Callable[[], Child],
    restarts: int,
    stopping: Callable[[], bool],
    say: Callable[[str], None],
    back_off: BackOff = BackOff(),
) -> int:
    """Run until the child ends well, or has failed more than `restarts` times in a row. Return the exit status."""
    failures = 0
    while not stopping():
        began = time.monotonic()
        status = start().wait()
        if status == 0 or stopping():
            return 0 if status in _CLEAN else 3
        if status == 2:
            return 2
        if status == FINAL:
            say("not started again: no restart mends this")
            return 3
        failures = 1 if time.monotonic() - began > LASTING_SECONDS else failures + 1
        if failures > restarts:
            say(f"gave up: it ended {failures} times in a row, at last with {describe(status)}")
            return 3
        seconds = back_off.after(failures)
        say(f"ended with {describe(status)}; starting again in {seconds:g} s ({failures} of {restarts})")
        _sleep(seconds, stopping)
    return 0


def describe(status: int) -> str:
    """Return an exit status in words."""
    return f"signal {-status}" if status < 0 else f"status {status}"


def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stopping():
        time.sleep(0.05)

"""A limit for calls that may hang: librdkafka and catalogs do not always keep to their own time-outs.

A call that exceeds its limit cannot be interrupted from outside; the process has to end. Nothing is lost by that.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY = 0.2


class Watchdog:
    """Calls `expired(step)` from a thread of its own when a step takes longer than its limit."""

    def __init__(self, expired: Callable[[str], None]) -> None:
        self._expired = expired
        self._step: tuple[str, float] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def limit(self, step: str, seconds: float) -> Iterator[None]:
        """Watch over what is done inside; of nested steps the innermost counts."""
        outer = self._step
        self._step = (step, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._step = outer

    def _watch(self) -> None:
        while not self._closed.wait(_EVERY):
            step = self._step
            if step is not None and time.monotonic() > step[1]:
                self._expired(step[0])
                return

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

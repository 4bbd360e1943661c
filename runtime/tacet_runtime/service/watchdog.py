"""A limit for calls that may hang, and for a stop: librdkafka and catalogs do not always keep to their own time-outs.

What exceeds its limit cannot be interrupted from outside; the process has to end. Nothing is lost by that.
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
    """Calls `expired(why)` from a thread of its own when a step takes longer than its limit, or a stop than `stop_seconds`."""

    def __init__(self, expired: Callable[[str], None], stop: Callable[[], bool], stop_seconds: float) -> None:
        """`stop` tells, in any thread, whether the process is to end."""
        self._expired = expired
        self._stop = stop
        self._stop_seconds = stop_seconds
        self._step: tuple[str, float, str] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def limit(self, step: str, seconds: float, setting: str = "patience.call") -> Iterator[None]:
        """Watch over what is done inside; of nested steps the innermost counts. `setting` is what the limit comes from."""
        outer = self._step
        self._step = (step, time.monotonic() + seconds, setting)
        try:
            yield
        finally:
            self._step = outer

    def _watch(self) -> None:
        stopped = float("inf")
        while not self._closed.wait(_EVERY):
            step, now = self._step, time.monotonic()
            if stopped == float("inf") and self._stop():
                stopped = now + self._stop_seconds - _EVERY
            if step is not None and now > step[1]:
                self._expired(
                    f"{step[0]} took longer than its limit: ended, a restart goes on from what is committed; "
                    f"if it comes again: raise `{step[2]}`, or lower `pace.rows`"
                )
                return
            if now > stopped:
                where = "" if step is None else f", in {step[0]}"
                self._expired(
                    f"the stop took longer than {self._stop_seconds:g} s (`patience.stop`){where}: ended, and the next start "
                    "goes on from what is committed"
                )
                return

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

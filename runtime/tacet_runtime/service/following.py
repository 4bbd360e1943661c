"""S8, when: the tables follow what is committed, every so often; a catalog that is away only delays that, within a bound."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.process import swept

if TYPE_CHECKING:
    from collections.abc import Callable

    from tacet_runtime.plan.island import Pace
    from tacet_runtime.service.intent import Intent
    from tacet_runtime.service.observe import Observer
    from tacet_runtime.service.tables import Tables
    from tacet_runtime.service.watchdog import Watchdog

BACK_OFF = 1.0
LONGEST_BACK_OFF = 8.0
_REST = 4
"""Nothing is consumed while the tables are tried; after a failure, so many times as long passes before the next attempt."""


class Following:
    """Commits that not every table has yet; `seconds` is what bringing the tables up to them may take."""

    def __init__(self, tables: Tables, pace: Pace, watchdog: Watchdog, observer: Observer, seconds: float) -> None:
        self.pending: list[Intent] = []
        self._tables = tables
        self._pace = pace
        self._watchdog = watchdog
        self._observer = observer
        self._seconds = seconds
        self._applied = time.monotonic()
        """When the tables were last brought up, or could not be."""
        self._pause = pace.table_seconds

    def due(self) -> bool:
        """Tell whether it is time."""
        late = time.monotonic() - self._applied >= self._pause
        return bool(self.pending) and (late or len(self.pending) >= self._pace.pending)

    def apply(self, wait: Callable[[float], None] | None) -> None:
        """Bring the tables up to all of them; or leave them for later, until too many wait: then nothing else is done.

        Without `wait`, which stays a member of the group, nothing is left for later. Raises TableError, OSError, Refused.
        """
        pause = BACK_OFF
        while self.pending:
            began = time.monotonic()
            try:
                with self._watchdog.limit("S8 tables", self._seconds):
                    self._tables.apply(self.pending)
            except (TableError, OSError) as error:
                self._observer.alarm(f"the tables wait: {error}")
                self._applied = time.monotonic()
                self._pause = max(self._pace.table_seconds, _REST * (self._applied - began))
                if wait is None:
                    raise
                if len(self.pending) < self._pace.pending:
                    return
                wait(pause)
                pause = min(LONGEST_BACK_OFF, 2 * pause)
            else:
                self._applied, self._pause = time.monotonic(), self._pace.table_seconds
                self._observer.applied(self.pending[-1].seq, self._applied - began)
                self.pending = []
                swept()

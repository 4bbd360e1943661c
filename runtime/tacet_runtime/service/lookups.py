"""LOOKUPS: reference data beside the loop. It is read at the start, and again when the `refresh` of its table is over.

What is due is read on a thread of its own and taken between two batches: no message waits for it, a batch has one
snapshot of each lookup, and the ledger says which. What cannot be read is an alarm, and the snapshot before goes on.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacet_runtime.process import swept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tacet_runtime.batch import Processor
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Lookup, Plan
    from tacet_runtime.service.observe import Observer

SLOW_SECONDS = 120.0
"""What takes longer to read is an alarm."""
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where lookups are read: the snapshot that is there now, and a table. Both raise LookupError_."""

    snapshot: Callable[[Lookup], str]
    table: Callable[[Lookup], LookupTable]


@dataclass(slots=True)
class _Found:
    """What one reading brought."""

    tables: dict[str, LookupTable] = field(default_factory=dict)
    processor: Processor | None = None
    problems: list[str] = field(default_factory=list)


class Lookups:
    """The lookups of a job that runs, and what computes with them."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        make: Callable[[Mapping[str, LookupTable]], Processor],
        observer: Observer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read all of them. Raises LookupError_."""
        lookups = plan.derived.lookups if plan.derived else ()
        self._source, self._make, self._observer, self._clock = source, make, observer, clock
        self._tables = {lookup.name: source.table(lookup) for lookup in lookups}
        self._every = {
            lookup: max(1, lookup.source.refresh_seconds) for lookup in lookups if lookup.source.refresh_seconds
        }
        self._due = {lookup: clock() + seconds for lookup, seconds in self._every.items()}
        self._thread: threading.Thread | None = None
        self._found = _Found()
        self._slow: float | None = None
        """When to say that what is being read takes long."""
        self.processor = make(self._tables)
        """What computes with the present snapshots."""
        self._tell(self._tables)

    @property
    def snapshots(self) -> dict[str, str]:
        """Return the snapshot of each lookup, by name."""
        return {name: table.snapshot for name, table in self._tables.items()}

    def look(self) -> None:
        """Take what was read meanwhile, and have read what is due; called between two batches."""
        if self._thread is not None:
            if self._thread.is_alive():
                self._see_slow()
                return
            self._thread = None
            self._take(self._found)
        now = self._clock()
        due = [lookup for lookup, moment in self._due.items() if moment <= now]
        if due:
            self._due |= {lookup: now + self._every[lookup] for lookup in due}
            self._found, self._slow = _Found(), now + SLOW_SECONDS
            self._thread = threading.Thread(target=self._read, args=(due, self._found), name="lookups", daemon=True)
            self._thread.start()

    def _see_slow(self) -> None:
        """Say, once for each reading, that the next ones wait for it."""
        if self._slow is not None and self._clock() >= self._slow:
            self._slow = None
            self._observer.alarm(
                f"lookups are being read for {SLOW_SECONDS:g} s: the snapshots before are used until they are there"
            )

    def close(self) -> None:
        """Wait a moment for what is being read; it is dropped."""
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _read(self, due: list[Lookup], found: _Found) -> None:
        """Read what has another snapshot than before, and make what computes with it."""
        for lookup in due:
            try:
                if self._source.snapshot(lookup) != self._tables[lookup.name].snapshot:
                    found.tables[lookup.name] = self._source.table(lookup)
            except Exception as error:  # noqa: BLE001  (whatever it is, there is a snapshot to go on with)
                found.problems.append(f"{error}; going on with {self._tables[lookup.name].snapshot}")
        if found.tables:
            try:
                found.processor = self._make({**self._tables, **found.tables})
            except Exception as error:  # noqa: BLE001  (as above)
                found.problems.append(f"lookups {', '.join(found.tables)}: {error}; going on with those before")

    def _take(self, found: _Found) -> None:
        for problem in found.problems:
            self._observer.alarm(problem)
        if found.processor is None:
            return
        self.processor, self._tables = found.processor, {**self._tables, **found.tables}
        self._found = _Found()
        swept()
        self._tell(found.tables)

    def _tell(self, tables: Mapping[str, LookupTable]) -> None:
        for name, table in tables.items():
            self._observer.lookup(name, table.snapshot)

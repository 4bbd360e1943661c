"""What the service tells while it runs. The seam for logs, metrics and a page: they implement `Observer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tacet_runtime.batch import Counts


@dataclass(frozen=True, slots=True)
class Committed:
    """One transaction that readers see: its number, account, seconds by step, the lag after it, its rows of the metrics table."""

    seq: int
    counts: Counts
    seconds: Mapping[str, float]
    lag: Mapping[int, int]
    metrics: pa.Table


class Observer(Protocol):
    """Is told what happens, from the service's own thread; must not block and must not raise."""

    def started(self, name: str, seq: int) -> None:
        """S0 is done; `seq` is the last commit."""

    def committed(self, what: Committed) -> None:
        """S7 is done."""

    def applied(self, seq: int, seconds: float) -> None:
        """S8 is done: the tables are at this commit."""

    def lookup(self, name: str, snapshot: str) -> None:
        """Batches are joined with this snapshot of a lookup from now on."""

    def idle(self, lag: Mapping[int, int]) -> None:
        """Nothing came for a while, the broker answers, and everything committed is in the tables; `lag` is of this moment."""

    def alarm(self, what: str) -> None:
        """Something outside hinders the service, which waits or starts over by itself."""


class Several:
    """Tells each of several, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def started(self, name: str, seq: int) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.started(name, seq)

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.committed(what)

    def applied(self, seq: int, seconds: float) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.applied(seq, seconds)

    def lookup(self, name: str, snapshot: str) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.lookup(name, snapshot)

    def idle(self, lag: Mapping[int, int]) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.idle(lag)

    def alarm(self, what: str) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.alarm(what)


class Quiet:
    """Tells nobody."""

    def started(self, name: str, seq: int) -> None:
        """See `Observer`."""

    def committed(self, what: Committed) -> None:
        """See `Observer`."""

    def applied(self, seq: int, seconds: float) -> None:
        """See `Observer`."""

    def lookup(self, name: str, snapshot: str) -> None:
        """See `Observer`."""

    def idle(self, lag: Mapping[int, int]) -> None:
        """See `Observer`."""

    def alarm(self, what: str) -> None:
        """See `Observer`."""

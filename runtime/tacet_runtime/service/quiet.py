"""What is looked at when no message comes: that the broker is there, that the topic is the same, and how far behind we are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tacet_runtime.connectors.kafka import BrokerError
from tacet_runtime.connectors.kafka_cluster import Cluster
from tacet_runtime.service.recovery import see_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.connectors.kafka import Source
    from tacet_runtime.connectors.kafka_cluster import Topic
    from tacet_runtime.service.observe import Observer
    from tacet_runtime.service.watchdog import Watchdog

_EVERY = 10.0
_CALL = 3.0
"""How long the broker may take, seconds: a clean stop waits for it."""


class Quiet:
    """Asks every so often, and tells the observer."""

    def __init__(self, base: Mapping[str, Any], call: float, watchdog: Watchdog, observer: Observer) -> None:
        self._broker = Cluster(base, min(_CALL, call))
        self._limit = 4 * (call + 5)
        self._watchdog = watchdog
        self._observer = observer
        self._at = time.monotonic()

    def heard(self) -> None:
        """Say that something was committed: there is nothing to ask for a while."""
        self._at = time.monotonic()

    def look(self, topic: Topic, source: Source, *, settled: bool) -> None:
        """Ask when it is time; `settled` tells that all tables are at the last commit.

        A broker that is away is an alarm: consuming goes on when it is back. Raises Refused for another topic of that name.
        """
        if time.monotonic() - self._at < _EVERY:
            return
        try:
            with self._watchdog.limit("S1 look", self._limit):
                # Not its ends: librdkafka's question about them can end the process when a broker comes back.
                see_same(self._broker, topic)
        except BrokerError as error:
            self._observer.alarm(f"nothing can be read: {error}")
        else:
            if settled:
                self._observer.idle(source.lag())
        self.heard()

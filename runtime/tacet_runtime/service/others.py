"""OTHERS: what a shard committed that is gone reaches the tables, too. Its intents are in Kafka, its markers in the tables.

Any process may bring a table up to any shard's commits: marker and files are one commit, which the catalog refuses when
another was quicker (`tables.py`). So a shard that comes back meanwhile does no harm.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.connectors.kafka import BrokerError
from tacet_runtime.service.recovery import intents_of, shards
from tacet_runtime.service.refusal import Refused
from tacet_runtime.service.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.connectors.kafka_cluster import Cluster
    from tacet_runtime.service.intent import Intent
    from tacet_runtime.service.observe import Observer
    from tacet_runtime.service.owner import Shard

_AGAIN = 60.0


class Others:
    """The other shards of the island."""

    def __init__(self, broker: Cluster, tables: Tables, observer: Observer) -> None:
        self._broker = broker
        self._tables = tables
        self._observer = observer
        self._generation = 0
        self._next = math.inf

    def look(self, generation: int) -> None:
        """After each assignment: bring the tables up to what shards committed that are no members of the group.

        What hinders is an alarm, and tried again after a minute: it is not this shard's work that waits.
        """
        if generation == self._generation and time.monotonic() < self._next:
            return
        self._generation, self._next = generation, math.inf
        try:
            for shard, intents in self._gone():
                self._settle(shard, intents)
        except (BrokerError, Refused, TableError, OSError) as error:
            self._observer.alarm(f"a shard is gone, and its commits wait for the tables: {error}")
            self._next = time.monotonic() + _AGAIN

    def _gone(self) -> Iterator[tuple[Shard, list[Intent]]]:
        own = self._tables.shard
        others = [shard for shard in shards(self._broker, own) if shard != own]
        members = self._broker.members(own.group) if others else frozenset()
        for shard in others:
            if shard.name not in members:
                yield shard, intents_of(self._broker, shard.intents)

    def _settle(self, shard: Shard, intents: list[Intent]) -> None:
        theirs = Tables(self._tables.plan, shard, self._tables.root, self._tables.catalog)
        if due := theirs.lacking(intents):
            theirs.apply(due)
            self._observer.alarm(f"shard {shard.number} is gone: the tables have its commits up to {due[-1].seq} now")

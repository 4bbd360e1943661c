"""WAITING: commits that are in the topics and not yet in every table, as intents and markers say; for whoever proves the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.connectors.kafka import settings
from tacet_runtime.connectors.kafka_cluster import Cluster
from tacet_runtime.service.owner import shard_of
from tacet_runtime.service.recovery import intents_of, shards
from tacet_runtime.service.tables import Tables

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.catalog import Catalog

    from tacet_runtime.plan.island import Island
    from tacet_runtime.plan.model import Plan

_CALL = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Commits `first` to `last` of a shard, with so many messages."""

    shard: int
    first: int
    last: int
    messages: int


def waiting(plan: Plan, island: Island, root: Path, catalog: Catalog) -> tuple[Waiting, ...]:
    """Return what waits for its tables; `root` is the folder of the tables. Raises BrokerError, SettingError, Refused, TableError."""
    broker = Cluster(settings(island.kafka), min(_CALL, island.patience.call_seconds))
    broker.reach()
    return tuple(
        Waiting(shard.number, due[0].seq, due[-1].seq, sum(intent.messages for intent in due))
        for shard in shards(broker, shard_of(plan, island, 0))
        if (due := Tables(plan, shard, root, catalog).lacking(intents_of(broker, shard.intents)))
    )

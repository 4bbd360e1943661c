"""WAITING: commits that are in the topics and not yet in every table, as intents and markers say; for whoever proves the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.kafka_cluster import Cluster
from tacet_runtime.connectors.kafka_settings import settings
from tacet_runtime.service.owner import shard_of
from tacet_runtime.service.recovery import intents_of, shards
from tacet_runtime.service.tables import after
from tacet_runtime.view import Waiting

if TYPE_CHECKING:
    from tacet_runtime.plan.island import Island
    from tacet_runtime.view import View

_CALL = 5.0


def waiting(view: View, island: Island) -> tuple[Waiting, ...]:
    """Return what waits for the tables of a view. Raises BrokerError, SettingError, Refused."""
    broker = Cluster(settings(island.kafka), min(_CALL, island.patience.call_seconds))
    broker.reach()
    found = []
    for shard in shards(broker, shard_of(view.store.plan, island, 0)):
        due = after(view.at(shard.island, shard.number), intents_of(broker, shard.intents))
        if due:
            ranges = [(intent.lineage.source, n, *span) for intent in due for n, span in intent.offsets.items()]
            messages = sum(intent.messages for intent in due)
            found.append(Waiting(shard.number, due[0].seq, due[-1].seq, messages, tuple(ranges)))
    return tuple(found)

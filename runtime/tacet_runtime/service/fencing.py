"""Who has another member in its place in the group: it has a successor, or it is its own, and the producer knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.kafka import Fenced, TakenOver, Unsettled
from tacet_runtime.service import intent as intents

if TYPE_CHECKING:
    from tacet_runtime.connectors.kafka import Transactions


def see_alone(producer: Transactions | None, topic: str, fenced: Fenced) -> None:
    """Ask, between transactions, whether another process is this shard: it fences the producer before it joins the group.

    The broker tells only who writes: so the topic of the intents gets the end of one that never was. librdkafka may join twice, and be
    fenced by itself: when a session ends while the answer to a join is on its way (librdkafka #3437). Raises TakenOver.
    """
    if producer is None:
        raise fenced
    try:
        producer.begin()
        producer.send([(topic, intents.key(0), None, [])])
        producer.commit()
    except Unsettled as error:
        raise TakenOver(str(fenced) if error.succeeded else f"{fenced}, or the broker does not say: {error}") from error

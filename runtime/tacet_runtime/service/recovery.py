"""S0: where to go on. What is committed is asked of Kafka, never remembered: the intents first, then the group's offsets.

Every way in which other hands can have broken the chain ends here, in a refusal with the way out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tacet_runtime.connectors.kafka import Begin, TakenOver
from tacet_runtime.service.intent import TOPIC_CONFIG, BadIntent, history
from tacet_runtime.service.lineage import consumed, follow
from tacet_runtime.service.refusal import Refused
from tacet_runtime.service.tables import after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tacet_runtime.connectors.kafka_cluster import Cluster, Topic
    from tacet_runtime.service.intent import Intent
    from tacet_runtime.service.lineage import Lineage
    from tacet_runtime.service.owner import Shard
    from tacet_runtime.service.refusal import Accept
    from tacet_runtime.service.tables import Tables

_SETTLE_SECONDS = 5.0


@dataclass(slots=True)
class Standing:
    """What is committed, as the owner that has just fenced all others finds it."""

    cluster: str
    topic: Topic
    lineage: Lineage
    intents: list[Intent]
    """All that can be read, in order."""
    due: list[Intent] = field(default_factory=list)
    """Those that a table lacks."""
    positions: dict[int, int] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        """Return the number of the last commit."""
        return self.intents[-1].seq if self.intents else 0

    @property
    def source(self) -> str:
        """Return what rows and ledger call the topic."""
        return self.lineage.source


def find_topic(broker: Cluster, name: str) -> Topic:
    """Return a topic of others. Raises Refused when there is none."""
    found = broker.topic(name)
    if found is None:
        raise Refused(f"there is no topic {name}: create it, the job makes no topic of others")
    return found


def see_same(broker: Cluster, topic: Topic) -> None:
    """Raise Refused when the topic is not the one that was found at the start: what was just read may be another's."""
    if find_topic(broker, topic.name).id != topic.id:
        raise Refused(
            f"topic {topic.name} was made anew while it was consumed: start with --accept-new-topic to begin at its "
            "first message"
        )


def stand(broker: Cluster, shard: Shard, topic: Topic, tables: Tables, accept: Accept) -> Standing:
    """Find out what is committed; only after `init_transactions`. Raises Refused, BrokerError, TableError."""
    for sink in tables.plan.topics:
        find_topic(broker, sink.topic)
    cluster = broker.cluster()
    broker.create(shard.intents, 1, TOPIC_CONFIG)
    intents = intents_of(broker, shard.intents)
    last = intents[-1] if intents else None
    lineage, unread = follow(broker, topic, cluster, last, lambda: last_of_others(broker, shard), accept)
    standing = Standing(cluster, topic, lineage, intents)
    standing.positions = consumed(intents[-1:], topic.id)
    _see_alone(broker, shard, tables, first=last is None)
    _undo_rollbacks(tables, accept)
    standing.due = _due(standing, tables, accept)
    for one in unread:
        tables.give_up(one.source, one.ranges)
    return standing


def shards(broker: Cluster, one: Shard) -> list[Shard]:
    """Return the shards of a job on its island that ever committed, `one` being any of them. Raises BrokerError."""
    prefix = one.intents_prefix
    numbers = [name.removeprefix(prefix) for name in broker.names() if name.startswith(prefix)]
    return [replace(one, number=number) for number in sorted(int(number) for number in numbers if number.isdigit())]


def last_of_others(broker: Cluster, shard: Shard) -> list[Intent]:
    """Return the last intent of each other shard of the job on its island. Raises BrokerError."""
    found = [intents_of(broker, other.intents) for other in shards(broker, shard) if other != shard]
    return [intents[-1] for intents in found if intents]


def intents_of(broker: Cluster, name: str) -> list[Intent]:
    """Return the intents of a topic, in order. Raises Refused, BrokerError."""
    try:
        return history(broker.read(name))
    except BadIntent as error:
        raise Refused(
            f"topic {name}: {error}: go on with the version that wrote it, or, when other hands did, send a message "
            "without a value under its key"
        ) from error


def _see_alone(broker: Cluster, shard: Shard, tables: Tables, *, first: bool) -> None:
    """Refuse tables that another island writes: its commits may be in Kafka only, before the tables have any of them."""
    tables.see_alone()
    if first:
        for name, island in shard.foreign(broker.names()).items():
            tables.see_others(intents_of(broker, name), island)


def _undo_rollbacks(tables: Tables, accept: Accept) -> None:
    for role, at in tables.rolled_back().items():
        if not accept.rollback:
            raise tables.refusal_of_rollback(role, at)
        tables.set_marker(role, at)


def _due(standing: Standing, tables: Tables, accept: Accept) -> list[Intent]:
    markers = tables.markers()
    if not standing.intents:
        ahead = {role: at for role, at in markers.items() if at}
        if ahead:
            raise Refused(
                f"the tables are at commit {max(ahead.values())}, and the intents topic is empty: it was deleted, or "
                "another Kafka is spoken to; restore it, or give the island another name and warehouse"
            )
        return []
    for role, at in markers.items():
        name = tables.sinks[role].name
        if at > standing.seq:
            raise Refused(
                f"table {name} is at commit {at}, Kafka at {standing.seq}: intents were lost, or the table is another "
                "Kafka's; restore the topic, or give the island another name and warehouse"
            )
        if at + 1 < standing.intents[0].seq:
            if not accept.loss:
                raise Refused(
                    f"table {name} is at commit {at}, and the intents before {standing.intents[0].seq} have expired: restore "
                    "the table, or start with --accept-loss: `tacet verify` then names the range that is missing"
                )
            tables.set_marker(role, standing.intents[0].seq - 1)
    return after(min(markers.values()), standing.intents)


class Positions:
    """Where an assigned partition begins: asked at each assignment, for other shards may have had it meanwhile."""

    def __init__(
        self,
        broker: Cluster,
        tables: Tables,
        standing: Callable[[], Standing],
        start: str,
        accept: Callable[[], Accept],
    ) -> None:
        self._broker = broker
        self._tables = tables
        self._shard = tables.shard
        self._standing = standing
        self._start = start
        self._accept = accept

    def __call__(self, assigned: Sequence[int], group: Mapping[int, int | None]) -> Begin:
        """Return where `assigned` partitions begin; `group` has the offsets that the group committed, of every partition.

        The intents are the truth: they commit together with the group's offsets, and do not expire. Raises Refused, TakenOver, TableError.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            known = self._known()
            ends = self._broker.ends(find_topic(self._broker, self._standing().topic.name))
            # Another shard's last transaction may show its offset a moment before its intent.
            beyond = [n for n in assigned if self._beyond(group.get(n), known.get(n, self._unknown(n, ends)))]
            if not beyond or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if beyond and intents_of(self._broker, self._shard.intents)[-1:] != self._standing().intents[-1:]:
            raise TakenOver("another process was this shard meanwhile")
        if beyond and not self._accept().loss:
            raise Refused(self._told(beyond[0], group[beyond[0]], known))
        wanted = {n: self._of(n, group.get(n), known, beyond) for n in assigned}
        first = not known and self._standing().lineage.first and all(at is None for at in group.values())
        if self._start == "latest" and first:
            # One that appears later begins at its first message: nobody could have seen it before.
            taken = {n: last for n, (_, last) in ends.items()}
            return Begin({n: taken.get(n, 0) for n in assigned}, taken)
        due = self._within(wanted, ends)
        if gaps := [(n, known[n], at) for n, at in due.items() if at > known.get(n, at)]:
            self._tables.give_up(self._standing().source, gaps)
        return Begin(due, {})

    @staticmethod
    def _beyond(group: int | None, known: int | None) -> bool:
        return group is not None and known is not None and group > known

    def _unknown(self, number: int, ends: Mapping[int, tuple[int, int]]) -> int | None:
        """Return where a partition that no intent knows begins; None when the group's offset may say."""
        if self._start == "latest" or not self._standing().lineage.first:
            return None
        return ends.get(number, (0, 0))[0]

    def _told(self, number: int, group: int | None, known: Mapping[int, int]) -> str:
        at = f"the offset of partition {number} in group {self._shard.group}"
        if number in known:
            return (
                f"{at} was set to {group} by hand, consumed is up to {known[number]}: set it back, or start with "
                "--accept-loss to leave out what is between"
            )
        return (
            f"{at} is {group}, and no intent says so: the intents topic was deleted, or the offset was set by hand; delete "
            "the group to begin at the first message, or start with --accept-loss to begin there"
        )

    def _of(self, number: int, group: int | None, known: Mapping[int, int], beyond: list[int]) -> int | None:
        return group if number in beyond else known.get(number, group if self._standing().lineage.first else None)

    def _known(self) -> dict[int, int]:
        known = consumed(last_of_others(self._broker, self._shard), self._standing().topic.id)
        for number, offset in self._standing().positions.items():
            known[number] = max(offset, known.get(number, 0))
        return known

    def _within(self, wanted: Mapping[int, int | None], ends: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        found = {}
        for number, offset in wanted.items():
            first, last = ends.get(number, (0, 0))
            if offset is None:
                found[number] = first
            elif first <= offset <= last or (offset > last and not self._standing().positions):
                found[number] = offset
            else:
                found[number] = self._outside(number, offset, first, last)
        return found

    def _outside(self, number: int, offset: int, first: int, last: int) -> int:
        topic = self._standing().topic.name
        if offset > last:
            raise Refused(
                f"partition {number} of {topic} ends at {last}, and was consumed up to {offset}: messages were lost by the "
                "broker; restore them, or make the topic anew and start with --accept-new-topic"
            )
        if not self._accept().loss:
            raise Refused(
                f"messages {offset}..{first} of partition {number} of {topic} have expired before they were consumed: "
                "start with --accept-loss to go on at the first that is there; `tacet verify` then names the gap"
            )
        return first

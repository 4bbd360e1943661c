"""LINEAGE: which topic the source is. The one that was consumed before, one of its name that was made anew, or another to which the contract moved.

Offsets mean messages of one topic only, and topics have ids. So each intent says of which topic it is, which there were
before, and how far those that are still there were consumed: a contract that moves back goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacet_runtime.service.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tacet_runtime.connectors.kafka_cluster import Cluster, Topic
    from tacet_runtime.service.intent import Intent
    from tacet_runtime.service.refusal import Accept


@dataclass(frozen=True, slots=True)
class Lineage:
    """The topics that were the source, the present one last."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    left: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Id of an earlier topic that was still there when it was left -> partition -> next offset."""

    @property
    def source(self) -> str:
        """Return what rows and ledger call the present topic: `name`, and `name#2` after it was made anew."""
        named = [one for one, name in zip(self.ids, self.names, strict=True) if name == self.names[-1]]
        number = list(dict.fromkeys(named)).index(self.ids[-1]) + 1
        return self.names[-1] if number == 1 else f"{self.names[-1]}#{number}"

    @property
    def first(self) -> bool:
        """Tell whether no other topic was the source before."""
        return len(self.ids) == 1


@dataclass(frozen=True, slots=True)
class Unread:
    """What a topic holds that is left out: partition, first and last (excluded)."""

    source: str
    ranges: tuple[tuple[int, int, int], ...]


def consumed(intents: Iterable[Intent], topic: str) -> dict[int, int]:
    """Return how far the topic of that id was consumed, by partition, as the last intent of each shard says."""
    found: dict[int, int] = {}
    for intent in intents:
        here = intent.lineage
        for number, offset in (intent.positions if here.ids[-1] == topic else here.left.get(topic, {})).items():
            found[number] = max(offset, found.get(number, 0))
    return found


def follow(
    broker: Cluster, topic: Topic, cluster: str, own: Intent | None, others: Callable[[], list[Intent]], accept: Accept
) -> tuple[Lineage, list[Unread]]:
    """Return the source's lineage up to `topic`, and what is left out of the topics before it, by the operator's leave.

    All shards must call a topic by the same name, so one that is new asks the others. Raises Refused, BrokerError.
    """
    if own is not None and own.lineage.ids[-1] == topic.id:
        return own.lineage, []
    known = [*([own] if own is not None else []), *others()]
    if not known:
        return Lineage((topic.id,), (topic.name,)), []
    longest = max(known, key=lambda intent: len(intent.lineage.ids))
    if own is None and longest.lineage.ids[-1] == topic.id:
        return longest.lineage, []
    before = {one.lineage.ids[-1]: one for one in (longest, own or longest) if one.lineage.ids[-1] != topic.id}
    unread, left = [], dict(longest.lineage.left)
    for id_, last in before.items():
        if last.lineage.names[-1] == topic.name:
            _see_made_anew(topic, cluster, last, accept, own=last is own)
        elif (there := broker.topic(last.lineage.names[-1])) is None or there.id != id_:
            _see_gone(topic, last.lineage.names[-1], accept)
        else:
            left[id_] = consumed(known, id_)
            unread.append(Unread(last.lineage.source, _rest(broker, there, left[id_])))
            _see_moved(topic, there.name, _count(unread[-1]), accept, back=topic.id in left)
    if longest.lineage.ids[-1] == topic.id:
        return longest.lineage, unread
    ids, names = (*longest.lineage.ids, topic.id), (*longest.lineage.names, topic.name)
    return Lineage(ids, names, left), unread


def _rest(broker: Cluster, topic: Topic, positions: Mapping[int, int]) -> tuple[tuple[int, int, int], ...]:
    """Return what a topic still holds behind the positions."""
    ends = broker.ends(topic).items()
    due = ((number, max(first, positions.get(number, first)), last) for number, (first, last) in sorted(ends))
    return tuple((number, first, last) for number, first, last in due if first < last)


def _count(unread: Unread) -> int:
    return sum(last - first for _, first, last in unread.ranges)


def _see_made_anew(topic: Topic, cluster: str, last: Intent, accept: Accept, *, own: bool) -> None:
    if accept.new_topic:
        return
    where = "is on another cluster" if last.cluster != cluster else "was made anew"
    whose = "" if own else " of another shard"
    raise Refused(
        f"topic {topic.name} {where} since commit {last.seq}{whose}: its offsets mean other messages; "
        "start with --accept-new-topic to begin at its first message"
    )


def _see_gone(topic: Topic, old: str, accept: Accept) -> None:
    if not accept.new_topic:
        raise Refused(
            f"the source topic changed from {old} to {topic.name}, and the {old} that was consumed is not there any more: whether "
            f"it was read to its end cannot be told; start with --accept-new-topic to begin at the first message of {topic.name}"
        )


def _see_moved(topic: Topic, old: str, count: int, accept: Accept, *, back: bool) -> None:
    begin = f"go on with {topic.name} where it was left" if back else f"begin at the first message of {topic.name}"
    changed = f"the source topic changed from {old} to {topic.name}"
    if count and not (accept.new_topic and accept.loss):
        raise Refused(
            f"{changed}, and {count} messages of {old} are unread: let the version before read them, or start with "
            f"--accept-new-topic --accept-loss to leave them out and {begin}: `tacet verify` then names them"
        )
    if not accept.new_topic:
        raise Refused(
            f"{changed}; {old} is read to its end: when nothing is written to it any more, start with --accept-new-topic to {begin}"
        )

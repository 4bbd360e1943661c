"""What is asked of a Kafka cluster: its topics, their ids and ends, and what a compacted topic holds."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # not in __all__

from tacet_runtime.connectors.kafka import SILENT, BrokerError, asked
from tacet_runtime.connectors.kafka_settings import SECRET
from tacet_runtime.plan.island import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FUTILE = {ck.KafkaError._SSL, ck.KafkaError._AUTHENTICATION}  # noqa: SLF001
_NEVER = 3_600.0
"""Seconds, far beyond the life of a client of one question: such a question does not expire."""
_MOVING = {
    ck.KafkaError.NOT_LEADER_FOR_PARTITION,
    ck.KafkaError.LEADER_NOT_AVAILABLE,
    ck.KafkaError.OFFSET_NOT_AVAILABLE,
    ck.KafkaError.FENCED_LEADER_EPOCH,
    ck.KafkaError.UNKNOWN_LEADER_EPOCH,
}
"""What is said of a partition while its leader changes, or has just been made: another answer follows."""
_SECOND_BROKER = 1.0
"""How long another broker may still let us in, seconds, after one did not."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What the broker says of a topic."""

    name: str
    id: str
    partitions: int


def _admin(base: Mapping[str, Any]) -> AdminClient:
    """Make an admin client. Raises SettingError, without what is secret, for settings that cannot be used."""
    try:
        return AdminClient(dict(base))
    except ck.KafkaException as error:
        text = str(error.args[0].str()).partition(": ")[2]
        for name in SECRET:
            text = text.replace(base[name], "***") if base.get(name) else text
        raise SettingError(f"the island's settings of Kafka cannot be used: {text}") from error


def _refusal(error: ck.KafkaError, mechanism: str) -> str:
    """Return why a broker and we do not come together; of what the other side says only what cannot hold a secret."""
    where, _, text = error.str().partition(": ")
    where = where.partition("://")[2].removesuffix("/bootstrap") or where.removesuffix("/bootstrap")
    reason = re.sub(r" \(after \d+ms in state \w+\)", "", text)[:256]
    if error.code() == ck.KafkaError._AUTHENTICATION:  # noqa: SLF001
        offered = reason.partition("supported mechanisms: ")[2]
        known = f"; it offers {offered}" if offered else ""
        return (
            f"the broker at {where} refuses the login with {mechanism}: check mechanism, username and password{known}"
        )
    if "certificate verify failed" in reason:
        return (
            f"the certificate of the broker at {where} is refused: nobody that `ca` names has signed it, "
            "it is for another host, or out of its time"
        )
    if "alert" in reason and "certificate" in reason:
        return f"the broker at {where} refuses our certificate: check `certificate` and `key`"
    hint = "; is `protocol` right?" if "SSL" in reason else ""
    return f"the broker at {where} cannot be reached: {reason}{hint}"


class Cluster:
    """Questions to the broker, each with a time limit.

    What a group's coordinator or partitions' leaders are asked has a client of its own, and ends with it. Of librdkafka
    2.16, a question to a coordinator that expired ends the process with SIGABRT when a broker comes back; and a client
    that was made before a broker's restart may never hear again who leads.
    """

    def __init__(self, base: Mapping[str, Any], seconds: float) -> None:
        self._base = base
        self._seconds = seconds
        self._admin = _admin(base)

    def reach(self) -> None:
        """See that a broker answers and lets us in. Raises BrokerError with the reason: at once when waiting mends nothing."""
        told: list[ck.KafkaError] = []
        admin = _admin({**self._base, "error_cb": told.append})
        answer = admin.describe_cluster(request_timeout=self._seconds)
        deadline = time.monotonic() + self._seconds
        while not answer.done() and time.monotonic() < deadline:
            admin.poll(0.1)
            if any(error.code() in _FUTILE for error in told):
                deadline = min(deadline, time.monotonic() + _SECOND_BROKER)
        if answer.done() and answer.exception() is None:
            return
        told.sort(key=lambda error: error.code() in _FUTILE)
        reasons = [error for error in told if error.code() != ck.KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001
        if reasons:
            raise BrokerError(_refusal(reasons[-1], str(self._base.get("sasl.mechanism"))))
        raise BrokerError(
            f"no broker answers at {self._base['bootstrap.servers']}: is it there, and is `protocol` right?"
        )

    def cluster(self) -> str:
        """Return the cluster's id. Raises BrokerError."""
        with asked("the cluster"):
            return str(self._admin.describe_cluster(request_timeout=self._seconds).result(self._seconds).cluster_id)

    def topic(self, name: str) -> Topic | None:
        """Return a topic, or None when there is none. Raises BrokerError."""
        with asked(f"topic {name}"):
            answer = self._admin.describe_topics(ck.TopicCollection([name]), request_timeout=self._seconds)
            try:
                found = answer[name].result(self._seconds)
            except ck.KafkaException as error:
                if error.args[0].code() == ck.KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return None
                raise
            return Topic(name, str(found.topic_id), len(found.partitions))

    def names(self) -> list[str]:
        """Return the names of all topics. Raises BrokerError."""
        with asked("its topics"):
            return sorted(self._admin.list_topics(timeout=self._seconds).topics)

    def ends(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """Return for each partition its first offset and the one after its last stable message. Raises BrokerError."""
        wanted = [ck.TopicPartition(topic.name, number) for number in range(topic.partitions)]
        with asked(f"the offsets of {topic.name}"), _admin(self._base) as once:
            # First a question that waits for the broker's number: who leads is else asked over the connection that the client gives
            # up as soon as it has the number, and asked again after three seconds only.
            once.describe_cluster(request_timeout=self._seconds).result(self._seconds)
            firsts = self._offsets(once, wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            lasts = self._offsets(once, wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {number: (firsts[number], lasts[number]) for number in firsts}

    def _offsets(self, once: AdminClient, wanted: Sequence[ck.TopicPartition], spec: OffsetSpec) -> dict[int, int]:
        deadline = time.monotonic() + self._seconds
        while True:
            asked = once.list_offsets(
                dict.fromkeys(wanted, spec), isolation_level=ck.IsolationLevel.READ_COMMITTED, request_timeout=_NEVER
            )
            try:
                return {at.partition: future.result(self._seconds).offset for at, future in asked.items()}
            except ck.KafkaException as error:
                if error.args[0].code() not in _MOVING or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def replaced(self, group: str, instance: str, member: str) -> bool:
        """Tell whether a group has another member than `member` as this static instance; not so when the broker does not answer."""
        with suppress(BrokerError):
            return any(name == instance and one != member for name, one in self._members(group))
        return False

    def members(self, group: str) -> frozenset[str]:
        """Return the static instances that are members of a group. Raises BrokerError."""
        return frozenset(name for name, _ in self._members(group))

    def _members(self, group: str) -> list[tuple[str, str]]:
        with asked(f"group {group}"), _admin(self._base) as once:
            wanted = once.describe_consumer_groups([group], request_timeout=_NEVER)[group]
            return [(one.group_instance_id, one.member_id) for one in wanted.result(self._seconds).members]

    def create(self, name: str, partitions: int, config: Mapping[str, str]) -> Topic:
        """Return a topic, made when it is not there. Raises BrokerError."""
        found = self.topic(name)
        if found is not None:
            return found
        with asked(f"to make topic {name}"), suppress(_Exists):
            new = NewTopic(name, num_partitions=partitions, config=dict(config))
            try:
                self._admin.create_topics([new], request_timeout=self._seconds)[name].result(self._seconds)
            except ck.KafkaException as error:
                if error.args[0].code() == ck.KafkaError.TOPIC_ALREADY_EXISTS:
                    raise _Exists from error
                raise
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            found = self.topic(name)
            if found is not None:
                return found
            time.sleep(0.1)
        raise BrokerError(f"topic {name} was made and is not there")

    def read(self, name: str) -> list[tuple[bytes | None, bytes | None]]:
        """Return key and value of every committed message of a topic's partition 0. Raises BrokerError."""
        reader = ck.Consumer(
            {
                **self._base,
                "group.id": "tacet-reads-once",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )
        found: list[tuple[bytes | None, bytes | None]] = []
        deadline = time.monotonic() + self._seconds
        try:
            reader.assign([ck.TopicPartition(name, 0, 0)])  # a number: to ask for the first takes half a second
            while time.monotonic() < deadline:
                for message in reader.consume(1_000, 0.05):
                    failed = message.error()
                    if failed is None:
                        found.append((message.key(), message.value()))
                    elif failed.code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001
                        return found
                    elif failed.code() not in SILENT:
                        raise BrokerError(f"topic {name} cannot be read: {failed.str()}")
        finally:
            reader.close()
        raise BrokerError(f"topic {name} cannot be read to its end within {self._seconds:g} s")


class _Exists(Exception):  # noqa: N818
    pass

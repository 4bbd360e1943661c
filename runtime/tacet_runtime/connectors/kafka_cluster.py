"""What is asked of a Kafka cluster: its topics, their ids and ends, and what a compacted topic holds."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # not in __all__

from tacet_runtime.connectors.kafka import SILENT, BrokerError, asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Topic:
    """What the broker says of a topic."""

    name: str
    id: str
    partitions: int


class Cluster:
    """Questions to the broker, each with a time limit."""

    def __init__(self, base: Mapping[str, Any], seconds: float) -> None:
        self._base = base
        self._seconds = seconds
        self._admin = AdminClient(dict(base))

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
        with asked(f"the offsets of {topic.name}"):
            firsts = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            lasts = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {number: (firsts[number], lasts[number]) for number in firsts}

    def _offsets(self, wanted: Sequence[ck.TopicPartition], spec: OffsetSpec) -> dict[int, int]:
        asked = self._admin.list_offsets(
            dict.fromkeys(wanted, spec),
            isolation_level=ck.IsolationLevel.READ_COMMITTED,
            request_timeout=self._seconds,
        )
        return {at.partition: future.result(self._seconds).offset for at, future in asked.items()}

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
            }
        )
        found: list[tuple[bytes | None, bytes | None]] = []
        deadline = time.monotonic() + self._seconds
        try:
            reader.assign([ck.TopicPartition(name, 0, ck.OFFSET_BEGINNING)])
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

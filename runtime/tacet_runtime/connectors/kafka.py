"""Kafka through confluent-kafka: the transactional producer and the consumer of raw events; questions are in `kafka_cluster`.

librdkafka has no KIP-890: after an error whose outcome is not known the old protocol can
tear a transaction, so a producer that had one is never used again (`Unsettled`). One owner a shard: the transactional
id and the static membership of the group (`group.instance.id`, KIP-345) are the shard's, and fence whoever was it before.
"""

from __future__ import annotations

import logging
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

try:
    import confluent_kafka as ck
except ModuleNotFoundError as error:
    if error.name != "confluent_kafka":
        raise
    raise ModuleNotFoundError(
        "Kafka needs the extra: pip install 'tacet-contracts[kafka]'", name="confluent_kafka"
    ) from error

from tacet_runtime.connectors.kafka_ways_out import way_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tacet_runtime.plan.island import Patience

Headers: TypeAlias = list[tuple[str, str | bytes | None]]
Message: TypeAlias = tuple[str, bytes | None, bytes | None, Headers]
"""Topic, key, value, headers: a plain tuple, for there is one a row."""
_AS_EVER: tuple[Any, ...] = (-1, None, None, 0)
"""Partition, two names of the callback and time of a message, as when they are not given: names take a fifth of a call's time."""
HEARTBEAT_SECONDS = 1.0
_FENCED = {ck.KafkaError.FENCED_INSTANCE_ID, ck.KafkaError._FATAL}  # noqa: SLF001  (a static member has no other fatal error)
SILENT = {ck.KafkaError._PARTITION_EOF, ck.KafkaError._ALL_BROKERS_DOWN, ck.KafkaError._TRANSPORT}  # noqa: SLF001
_PURGED = {ck.KafkaError._PURGE_QUEUE, ck.KafkaError._PURGE_INFLIGHT}  # noqa: SLF001
_SUCCEEDED = {ck.KafkaError._FENCED, ck.KafkaError.INVALID_PRODUCER_EPOCH}  # noqa: SLF001
_TAKEN = "another process consumes as this shard now"
_SILENT_LOG = logging.getLogger("librdkafka")
_SILENT_LOG.setLevel(logging.CRITICAL + 1)
"""For what is written whatever `log_level` says: that an error is fatal, which its exception says, too."""


class BrokerError(Exception):
    """The broker cannot be reached or refuses; nothing half-done is visible."""


class Unsettled(Exception):  # noqa: N818
    """A transaction was aborted, or its outcome is not known: only what is committed can tell."""

    @property
    def succeeded(self) -> bool:
        """Tell whether it is because another producer has this one's name since."""
        return isinstance(cause := self.__cause__, ck.KafkaException) and cause.args[0].code() in _SUCCEEDED


class NotTaken(Unsettled):
    """The broker did not take a message, for the reason that the text gives; `value` is the message's."""

    def __init__(self, text: str, value: bytes | None) -> None:
        super().__init__(text)
        self.value = value


class TakenOver(Exception):  # noqa: N818
    """Another process is this shard now."""


class Fenced(TakenOver):
    """The group has another member in this one's place: another process, or this one's own second join, of which it never heard.

    The producer knows: whoever is this shard fences it before it joins the group.
    """


class Gone(Exception):  # noqa: N818
    """The topic no longer has the messages at a position."""


@contextmanager
def asked(what: str) -> Iterator[None]:
    """Turn what goes wrong with a question to the broker into BrokerError; `what` completes «does not answer about»."""
    try:
        yield
    except ck.KafkaException as error:
        raise BrokerError(f"the broker does not answer about {what}: {error.args[0].str()}") from error
    except TimeoutError as error:
        raise BrokerError(f"the broker does not answer about {what} in time") from error


class Transactions:
    """A shard's transactional producer. Any error spoils it: `Unsettled`, and another one must be made."""

    def __init__(self, base: Mapping[str, Any], name: str, patience: Patience) -> None:
        self._seconds = patience.call_seconds
        self._alone = False  # at some moment no broker was there: a later transaction's offsets may hang for ever
        self._not_taken: NotTaken | None = None
        """Of the largest message that was not taken, for those in its batch share its lot. Later calls say only that the state is erroneous."""
        self._producer = ck.Producer(
            {
                **base,
                "transactional.id": name,
                "transaction.timeout.ms": int(patience.transaction_seconds * 1_000),
                "socket.timeout.ms": int(min(20.0, patience.transaction_seconds) * 1_000),
                "compression.type": "lz4",
                "linger.ms": 5,
                "batch.size": 524_288,
                "message.max.bytes": 16_000_000,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1_048_576,
                "on_delivery": self._delivered,
                "error_cb": self._heard,
                "logger": _SILENT_LOG,
                "delivery.report.only.error": True,
            }
        )

    def _heard(self, error: ck.KafkaError) -> None:
        self._alone |= error.code() == ck.KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001

    def _delivered(self, error: ck.KafkaError | None, message: ck.Message) -> None:
        size = len(message.value() or b"")
        if error is None or error.code() in _PURGED or (self._not_taken and size <= len(self._not_taken.value or b"")):
            return
        text = f"partition {message.partition()} of topic {message.topic()} does not take a message of {size} bytes"
        self._not_taken = NotTaken(f"{text}: {error.str()}{way_out(error)}", message.value())

    @contextmanager
    def _settled(self) -> Iterator[None]:
        try:
            yield
        except ck.KafkaException as error:
            with suppress(ck.KafkaException):
                self._producer.poll(0)  # hear what became of the messages
            raise self._not_taken or Unsettled(f"{error.args[0].str()}{way_out(error.args[0])}") from error

    def open(self) -> None:
        """S0: fence whoever had this name before, and settle what it left. Raises Unsettled."""
        with self._settled():
            self._producer.list_topics(timeout=self._seconds)  # connected: else the coordinator may be asked too early
            self._producer.init_transactions(self._seconds)
            self._producer.poll(0)  # hear what was before
        self._alone = False

    def begin(self) -> None:
        """S4. Raises Unsettled."""
        self._producer.poll(0)
        if self._alone:
            raise Unsettled("the broker was away")
        with self._settled():
            self._producer.begin_transaction()

    def send(self, messages: Iterable[Message]) -> None:
        """S5: hand messages over, in their order. Raises Unsettled, and what `messages` raises."""
        produce: Callable[..., None] = self._producer.produce
        poll = self._producer.poll
        with self._settled():
            for topic, key, value, headers in messages:
                while True:
                    try:
                        produce(topic, value, key, *_AS_EVER, headers)
                    except BufferError:
                        poll(0.05)
                    else:
                        break

    def offsets(self, source: Source, offsets: Mapping[int, int]) -> None:
        """S6: the consumer's next offsets, bound to its generation of the group. Raises Unsettled."""
        with self._settled():
            positions = [ck.TopicPartition(source.topic, number, offset) for number, offset in offsets.items()]
            self._producer.send_offsets_to_transaction(positions, source.membership(), self._seconds)

    def commit(self) -> None:
        """S7: deliver everything, then commit. Raises Unsettled."""
        with self._settled():
            self._producer.commit_transaction(self._seconds)

    def close(self) -> None:
        """Let go of it, whatever state it is in: what is open is aborted by the next one, or by the broker."""
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it cannot abort: so it is, or will be
            self._producer.purge()
            self._producer.close()


@dataclass(frozen=True, slots=True)
class Begin:
    """Where assigned partitions begin."""

    due: Mapping[int, int]
    """Partition -> the offset that is due."""
    taken: Mapping[int, int]
    """Partition -> the end at which the job's very first start begins: kept in the group until an intent has it."""


class Source:
    """The consumer of one shard: a static member of the group, whose partitions begin where `positions` says."""

    def __init__(
        self,
        base: Mapping[str, Any],
        topic: str,
        group: str,
        instance: str,
        patience: Patience,
        positions: Callable[[Sequence[int], Mapping[int, int | None]], Begin],
        replaced: Callable[[str], bool],
    ) -> None:
        """Subscribe; `replaced` tells whether the group has another member than the one of that id in our place."""
        self.topic = topic
        self.generation = 0
        """Grows with every change of the assignment."""
        self.next: dict[int, int] = {}
        """Partition -> the offset that is due; only what was assigned."""
        self._positions = positions
        self._replaced = replaced
        self._member = ""
        self._seconds = patience.call_seconds
        self.reached: dict[int, int] = {}
        """Partition -> the end that was reached in this assignment: offsets behind the last message may have none."""
        self._failed: BaseException | None = None
        self._coming: list[int] | None = None  # partitions that were assigned and have no beginning yet
        self._paused, session = False, int(patience.session_seconds * 1_000)
        self._consumer = ck.Consumer(
            {
                **base,
                "group.id": group,
                "group.instance.id": instance,
                "session.timeout.ms": session,
                "max.poll.interval.ms": max(300_000, session),
                "heartbeat.interval.ms": int(HEARTBEAT_SECONDS * 1_000),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "range",
                "fetch.wait.max.ms": 50,
                "fetch.min.bytes": 262_144,
                "fetch.message.max.bytes": 16_000_000,
                "queued.max.messages.kbytes": 131_072,
                "logger": _SILENT_LOG,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _assigned(self, consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        # Only noted: a question to this client from its callback aborts the process at the next one (`CallState_get`).
        self.generation += 1
        self._member = str(consumer.memberid())
        self._coming, self.next = [at.partition for at in partitions], {}
        self._assign()

    def _begin(self, numbers: Sequence[int]) -> dict[int, int]:
        if not numbers:
            return {}
        with asked(f"the group's offsets of {self.topic}"):
            every = self._consumer.list_topics(self.topic, self._seconds).topics[self.topic].partitions
            wanted = [ck.TopicPartition(self.topic, number) for number in sorted({*every, *numbers})]
            found = self._consumer.committed(wanted, self._seconds)
        begin = self._positions(numbers, {at.partition: at.offset if at.offset >= 0 else None for at in found})
        if begin.taken:
            with asked(f"to keep where {self.topic} begins"):
                taken = [ck.TopicPartition(self.topic, number, offset) for number, offset in begin.taken.items()]
                self._consumer.commit(offsets=taken, asynchronous=False)
        return dict(begin.due)

    def _revoked(self, consumer: ck.Consumer, _partitions: list[ck.TopicPartition]) -> None:
        self.generation += 1
        self._coming, self.next = None, {}
        with suppress(ck.KafkaException):
            consumer.unassign()

    def _lost(self, consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        """See, when the session is over, whether a successor has our place: to join again would push it out."""
        if self._replaced(self._member):
            self._failed = Fenced(_TAKEN)
            with suppress(ck.KafkaException):
                consumer.unsubscribe()
        self._revoked(consumer, partitions)

    def _assign(self) -> None:
        self.reached = {}
        wanted = [ck.TopicPartition(self.topic, number, offset) for number, offset in self.next.items()]
        self._consumer.assign(wanted)
        if self._paused and wanted:
            self._consumer.pause(wanted)

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Go to what is committed: everything read since the last commit is read again."""
        self.next = {number: max(offset, positions.get(number, offset)) for number, offset in self.next.items()}
        self._assign()

    def consume(self, count: int, seconds: float) -> list[ck.Message]:
        """Return messages of the present assignment, in order in each partition; what came before a change is dropped.

        Raises TakenOver, Gone, BrokerError, and what `positions` raises.
        """
        before = self.generation
        try:
            found = self._consumer.consume(count, seconds)
        except ck.KafkaException as error:
            raise self._error(error.args[0]) from error
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        failures = [(message, failure) for message in found if (failure := message.error()) is not None]
        for message, failure in failures:
            if failure.code() not in SILENT:
                raise self._error(failure)
            if failure.code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001
                self.reached[int(message.partition() or 0)] = int(message.offset() or 0)
        if self._coming is not None:
            self.next, self._coming = self._begin(self._coming), None
        if self.generation != before:
            self._assign()
            return []
        return [message for message in found if message.error() is None] if failures else found

    def _error(self, error: ck.KafkaError) -> Exception:
        if error.code() in _FENCED:
            return Fenced(_TAKEN)
        if error.code() in {ck.KafkaError._AUTO_OFFSET_RESET, ck.KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            return Gone(f"topic {self.topic} no longer has the messages at the position: {error.str()}")
        return BrokerError(f"topic {self.topic} cannot be read: {error.str()}{way_out(error)}")

    def advance(self, offsets: Mapping[int, int]) -> None:
        """Say what is committed now."""
        self.next |= {number: offset for number, offset in offsets.items() if number in self.next}
        self.resume()

    def membership(self) -> Any:
        """Return what binds a transaction to this member and generation."""
        return self._consumer.consumer_group_metadata()

    def idle(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Stay a member without reading, so long or until `stop`. Raises as `consume` does."""
        self.pause()
        deadline = time.monotonic() + seconds
        while not stop() and (left := deadline - time.monotonic()) > 0:
            self.consume(1, min(left, 0.5))

    def pause(self) -> None:
        """Stop fetching; what was fetched and not handed out is fetched again."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Go on fetching at what is due."""
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())  # the pause would outlive the assignment
            self._assign()

    def lag(self) -> dict[int, int]:
        """Return for each partition how many offsets are between the one that is due and the end, as last fetched."""
        ends = {}
        for number in self.next:
            with suppress(ck.KafkaException):
                at = ck.TopicPartition(self.topic, number)
                _, ends[number] = self._consumer.get_watermark_offsets(at, cached=True)
        reached = {number: max(due, self.reached.get(number, due)) for number, due in self.next.items()}
        return {n: 0 if at >= ends[n] else max(0, ends[n] - self.next[n]) for n, at in reached.items() if n in ends}

    def close(self) -> None:
        """Leave; a static member's partitions stay its own until the session ends."""
        with suppress(Exception):
            self._consumer.close()

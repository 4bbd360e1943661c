"""The crash-safe loop. The Kafka transaction is the commit point, and Iceberg follows its intents; read it from S0 to S9.

S0 start     the producer fences whoever was this shard; what is committed is asked of Kafka; the tables catch up
S1 poll      a batch, bounded in rows, bytes and seconds
S2 process   every offset ends as emitted, rejected, filtered or skipped, and the account closes
S3 files     Parquet files, closed and synced, in a folder of the batch's own
S4 begin     the transaction
S5 produce   outputs, and ONE intent that names the files
S6 offsets   the consumer's next offsets, in the transaction, bound to its generation of the group
S7 commit                                                           <- the commit point
S8 tables    marker and files in one commit for each table; several intents at once, every `pace.table_seconds`
S9 sweep     folders that no intent names

After any error of S4 to S7 the producer is thrown away, and S0 decides from what is committed.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tacet_runtime.batch import TooManyRows
from tacet_runtime.connectors.kafka import (
    HEARTBEAT_SECONDS,
    Fenced,
    NotTaken,
    Source,
    Transactions,
    Unsettled,
)
from tacet_runtime.connectors.kafka_cluster import Cluster
from tacet_runtime.connectors.kafka_settings import settings
from tacet_runtime.connectors.parquet import synced, write_files
from tacet_runtime.faults import point
from tacet_runtime.ledger import Entry, added, checked, ledger_table
from tacet_runtime.service import intent as intents
from tacet_runtime.service.batches import Gathered, gather
from tacet_runtime.service.fencing import see_alone
from tacet_runtime.service.following import BACK_OFF, LONGEST_BACK_OFF, Following
from tacet_runtime.service.intent import Intent
from tacet_runtime.service.observe import Committed
from tacet_runtime.service.others import Others
from tacet_runtime.service.pacing import ATTEMPTS, Attempts, Clock, Pacing, TooMuch
from tacet_runtime.service.quiet import Quiet
from tacet_runtime.service.recovery import Positions, find_topic, see_same, stand
from tacet_runtime.service.refusal import Accept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from tacet_runtime.batch import Role, Together
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.service.parts import Parts
    from tacet_runtime.service.recovery import Standing


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch, computed: what is committed in one transaction."""

    gathered: Gathered
    rows: Mapping[Role, pa.Table]
    entries: tuple[Entry, ...]
    intent: Intent


class _Stopped(Exception):  # noqa: N818
    """Asked to stop while waiting for something outside."""


class Service:
    """One shard at work."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._base = settings(parts.island.kafka)
        self._call = parts.island.patience.call_seconds
        self._limit = self._call + 5  # librdkafka keeps to its own time-out, or it hangs
        self._broker = Cluster(self._base, self._call)
        self._plan = parts.tables.plan
        self._producer: Transactions | None = None
        self._source: Source | None = None
        self._standing: Standing
        self._accept = parts.accept
        """Until something was committed: what was accepted at the start is no leave for what comes later."""
        self._following = Following(parts.tables, parts.island.pace, parts.watchdog, parts.observer, 4 * self._limit)
        self._read = time.monotonic()
        """When the last batch had been read."""
        self._quiet = Quiet(self._base, self._call, parts.watchdog, parts.observer)
        self._others = Others(self._broker, parts.tables, parts.observer)
        self._pacing = Pacing(parts.island.pace.rows, self._limits())
        self._attempts = Attempts()
        self._stop: Callable[[], bool] = lambda: False

    def _limits(self) -> dict[str, float]:
        """Return what the steps may take whose time depends on the size of a batch."""
        produce = self._p.island.patience.transaction_seconds
        return {"S2": 4 * self._limit, "S3": self._limit, "S5": produce, "S7": self._limit}

    def run(self, stop: Callable[[], bool]) -> None:
        """Run until `stop` says so; then everything committed is in the tables.

        Raises Refused, TakenOver, Gone, BrokerError, TableError, LedgerError, OSError, Planned. Whatever is raised, and
        wherever the process is killed, the next start goes on as if nothing had happened.
        """
        self._stop = stop
        try:
            with self._p.watchdog.limit("S0 start", 4 * self._limit):
                self._p.tables.open()
            self._start()
            stopping = False
            while not stopping:
                stopping = stop()  # the last time round, nothing is read any more
                try:
                    self._cycle()
                except Fenced as error:
                    self._join_again(error)
                except Unsettled as error:
                    self._p.observer.alarm(f"a transaction is unsettled: {error}")
                    if stop():
                        break
                    if not self._attempts.again(self._consumer.generation):
                        raise
                    self._start_over()
            self._apply()
        except _Stopped:
            pass
        finally:
            self._close()

    def _cycle(self) -> None:
        """One batch through S1 to S7, and S8 when it is time."""
        self._p.lookups.look()
        clock = Clock()
        pace = replace(self._p.island.pace, rows=self._pacing.rows)
        with self._p.watchdog.limit("S1 poll", pace.seconds + self._limit):
            gathered = gather(self._consumer, pace, self._read, self._stop)
            if gathered.parts:
                self._read = time.monotonic()
                see_same(self._broker, self._standing.topic)
            point("S1:after")
        clock.lap("S1")
        if gathered.parts:
            self._commit(gathered, clock)
        elif not self._stop():
            self._quiet.look(self._standing.topic, self._consumer, settled=not self._following.pending)
        if self._following.due():
            self._apply()
        with self._p.watchdog.limit("S8 others", 4 * self._limit):
            self._others.look(self._consumer.generation)

    def _commit(self, gathered: Gathered, clock: Clock) -> None:
        """S2 to S7 of one batch; or it is given up, and a smaller one is read in its place."""
        try:
            work = self._compute(gathered, clock)
        except TooMuch as error:
            self._p.observer.alarm(str(error))
            self._pacing.shrink()
            self._consumer.rewind(self._standing.positions)
            return
        try:
            self._transact(work, clock)
        except NotTaken as error:
            raise Unsettled(f"{error}{gathered.place(self._standing.source, error.value)}") from error
        self._committed(work, clock)
        if work.gathered is not gathered:  # the others are read again
            self._consumer.rewind(self._standing.positions)
        self._quiet.heard()

    # S0

    def _start(self) -> None:
        """S0: fence, ask what is committed, bring the tables up to it, sweep, join the group."""
        with self._p.watchdog.limit("S0 start", 4 * self._limit):
            self._broker.reach()
            topic = find_topic(self._broker, self._plan.source.topic)
            self._producer = Transactions(self._base, self._p.shard.name, self._p.island.patience)
            self._producer.open()
            point("S0:after-fence")
            self._standing = stand(self._broker, self._p.shard, topic, self._p.tables, self._accept)
        self._following.pending = self._standing.due
        self._apply()
        self._p.tables.sweep(self._standing.intents)
        self._p.observer.started(self._p.shard.name, self._standing.seq)
        if self._source is None:
            self._source = self._join()
        else:
            self._source.rewind(self._standing.positions)

    def _join(self) -> Source:
        shard, topic, patience = self._p.shard, self._plan.source.topic, self._p.island.patience
        start = self._p.island.start
        positions = Positions(self._broker, self._p.tables, lambda: self._standing, start, lambda: self._accept)

        def replaced(member: str) -> bool:
            return self._broker.replaced(shard.group, shard.name, member)

        return Source(self._base, topic, shard.group, shard.name, patience, positions, replaced)

    def _join_again(self, fenced: Fenced) -> None:
        """Join the group anew, unless another process is this shard. Raises TakenOver."""
        with self._p.watchdog.limit("S1 join", 4 * self._limit):
            see_alone(self._producer, self._p.shard.intents, fenced)
            self._p.observer.alarm(
                "the group has another member in this one's place, and no process is it: joining again"
            )
            self._consumer.close()
            self._source = self._join()

    def _start_over(self) -> None:
        """Decide from what is committed, with a new producer; unless another process is this shard now."""
        with self._p.watchdog.limit("closing the producer", self._limit):  # an open transaction is waited for
            if self._producer is not None:
                self._producer.close()
        # A zombie hears here that it is one, before it fences its successor.
        self._wait(min(LONGEST_BACK_OFF, HEARTBEAT_SECONDS * 2**self._attempts.failed))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start()
            except Unsettled as error:
                self._p.observer.alarm(f"the broker does not settle: {error}")
                if attempt == ATTEMPTS:
                    raise
                self._wait(BACK_OFF)
            else:
                self._consumer.resume()
                return

    def _wait(self, seconds: float) -> None:
        """Stay a member of the group without reading, which `resume` ends. Raises _Stopped."""
        with self._p.watchdog.limit("waiting", seconds + self._limit):
            self._consumer.idle(seconds, self._stop)
        if self._stop():
            raise _Stopped

    @property
    def _consumer(self) -> Source:
        if self._source is None:
            raise RuntimeError("the service was not started")
        return self._source

    # S2, S3

    def _compute(self, gathered: Gathered, clock: Clock) -> _Work:
        seq = self._standing.seq + 1
        with self._p.watchdog.limit("S2 process", 4 * self._limit):
            gathered, done = self._process(gathered)
            entries = self._entries(seq, gathered, done)
            point("S2:after")
        clock.lap("S2")
        folder, files = self._files(seq, done.encoded, entries)
        offsets = {part.partition: (part.first, part.last) for part in gathered.parts}
        intent = Intent(
            seq=seq,
            plan=self._plan.digest,
            cluster=self._standing.cluster,
            lineage=self._standing.lineage,
            offsets=offsets,
            positions={
                **self._standing.positions,
                **self._consumer.next,
                **{n: last for n, (_, last) in offsets.items()},
            },
            messages=gathered.messages,
            folder=folder,
            tables=self._p.tables.describe(files),
        )
        clock.lap("S3")
        return _Work(gathered, done.encoded, tuple(entries), intent)

    def _process(self, gathered: Gathered) -> tuple[Gathered, Together]:
        """Process a batch, or as many of its first messages as make no more rows than a batch may."""
        while True:
            try:
                return gathered, self._p.lookups.processor.together(
                    gathered.batches(self._standing.source), self._pacing.made
                )
            except TooManyRows as error:
                self._pacing.cut(error.messages)
                gathered = gathered.first_ones(error.messages)

    def _entries(self, seq: int, gathered: Gathered, done: Together) -> list[Entry]:
        source, entries = self._standing.source, []
        for part, account in zip(gathered.parts, done.accounts, strict=True):
            entry = Entry(
                seq, source, part.partition, part.first, part.last, account.counts, account.skipped,
                account.filtered, self._plan.digest, self._p.lookups.snapshots, None, None, part.absent,
            )  # fmt: skip
            entries.append(checked(entry))
        return entries

    def _files(self, seq: int, rows: Mapping[Role, pa.Table], entries: list[Entry]) -> tuple[str, list[Finished]]:
        """S3; a full disk pauses the service until there is room."""
        while True:
            self._pacing.begin(sum(entry.counts.messages for entry in entries))
            unique = uuid.uuid4().hex[:12]
            try:
                with self._p.watchdog.limit("S3 files", 2 * self._limit):
                    files = self._write(seq, unique, rows, entries)
                    point("S3:after")
            except TooMuch:
                self._p.tables.discard(seq, unique)
                raise
            except OSError as error:
                self._p.observer.alarm(f"cannot write data files, waiting for room: {error.strerror or error}")
                self._p.tables.discard(seq, unique)
                self._wait(BACK_OFF)
            else:
                return self._p.shard.folder(seq, unique), files

    def _write(self, seq: int, unique: str, rows: Mapping[Role, pa.Table], entries: list[Entry]) -> list[Finished]:
        folder = self._p.tables.make_folder(seq, unique)
        files: list[Finished] = []
        for role in self._p.tables.roles:
            sink = self._p.tables.sinks[role]
            table = ledger_table(entries, sink) if role == "ledger" else rows[role]  # type: ignore[index]
            files += write_files(table, sink, folder, str(seq), self._pacing.check)
            point("S3:within")
        synced(folder)
        synced(folder.parent)
        return files

    # S4 to S7

    def _transact(self, work: _Work, clock: Clock) -> None:
        producer = self._producer
        if producer is None:
            raise RuntimeError("the service was not started")
        if self._consumer.generation != work.gathered.generation:
            raise Unsettled("the group was rebalanced while the batch was computed")
        with self._p.watchdog.limit("S4 begin", self._limit):
            producer.begin()
            point("S4:after")
        with self._p.watchdog.limit("S5 produce", self._pacing.limits["S5"], "patience.transaction"):
            self._produce(producer, work)
            point("S5:after")
        clock.lap("S5")
        with self._p.watchdog.limit("S6 offsets", self._limit):
            producer.offsets(self._consumer, {part.partition: part.last for part in work.gathered.parts})
            point("S6:after")
        with self._p.watchdog.limit("S7 commit", self._limit):
            point("S7:before")
            producer.commit()
            point("S7:after")
        clock.lap("S7")

    def _produce(self, producer: Transactions, work: _Work) -> None:
        sent = {part.partition: part.by_offset() for part in work.gathered.parts}
        producer.send(self._p.outputs.messages(work.rows, sent))
        point("S5:within")
        topic, expired = self._p.shard.intents, work.intent.seq - intents.KEPT
        producer.send([(topic, intents.key(work.intent.seq), intents.encode(work.intent), [])])
        if expired > 0:
            producer.send([(topic, intents.key(expired), None, [])])

    def _committed(self, work: _Work, clock: Clock) -> None:
        self._standing.intents.append(work.intent)
        del self._standing.intents[: -intents.KEPT]
        self._standing.positions = dict(work.intent.positions)
        self._following.pending.append(work.intent)
        self._accept = Accept()
        self._attempts = Attempts()
        self._consumer.advance({part.partition: part.last for part in work.gathered.parts})
        counts = added(entry.counts for entry in work.entries)
        self._pacing.learn(counts, clock.steps)
        told = Committed(work.intent.seq, counts, clock.steps, self._consumer.lag(), work.rows["metrics"])
        self._p.observer.committed(told)

    # S8

    def _apply(self) -> None:
        source = self._source
        self._following.apply(None if source is None else self._wait)
        if source is not None:
            source.resume()

    def _close(self) -> None:
        with self._p.watchdog.limit("close", self._limit):
            self._p.lookups.close()
            if self._source is not None:
                self._source.close()
            if self._producer is not None:
                self._producer.close()

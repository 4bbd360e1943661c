"""Builds that are broken on purpose: each is one way in which the protocol could be wrong, and the checker must see it."""

from __future__ import annotations

from tacet_runtime.connectors import kafka
from tacet_runtime.service import protocol, recovery, tables


def marker_not_checked() -> None:
    """Intents are applied again to tables that have them."""
    tables.Tables.marker = lambda _self, _table: 0
    tables.Tables._newest = lambda self, role: self.load(role)
    tables.Tables._check = lambda *_: None


def offsets_outside_the_transaction() -> None:
    """The consumer's offsets are committed before the transaction, and intents are not asked where to go on."""
    kafka.Transactions.offsets = _commit_at_once
    _group_is_the_truth()


def _commit_at_once(_self, source, wanted) -> None:
    positions = [kafka.ck.TopicPartition(source.topic, number, at) for number, at in wanted.items()]
    source._consumer.commit(offsets=positions, asynchronous=False)


def _group_is_the_truth() -> None:
    recovery.Positions.__call__ = lambda _self, assigned, group: kafka.Begin({n: group[n] or 0 for n in assigned}, {})


def no_transaction() -> None:
    """Messages are readable at once. A kill before the intent is sent brings it out: once it can be read, it is the truth."""
    real = kafka.Transactions.__init__

    def init(self, base, name, patience) -> None:
        real(self, base, name, patience)
        self._producer = kafka.ck.Producer(dict(base))

    def send(self, messages) -> None:
        for topic, key, value, headers in messages:
            self._producer.produce(topic, value, key, headers=headers)
        self._producer.flush()

    kafka.Transactions.__init__ = init
    kafka.Transactions.open = kafka.Transactions.begin = kafka.Transactions.commit = lambda _self: None
    kafka.Transactions.offsets = _commit_at_once
    kafka.Transactions.send = send


def intents_ignored() -> None:
    """What was committed to Kafka and to no table is forgotten."""
    recovery._due = lambda *_: []
    tables.Tables._check = lambda *_: None


def tables_before_kafka() -> None:
    """Tables get their files before the transaction is committed."""
    real = protocol.Service._transact

    def transact(self, work, clock) -> None:
        self._p.tables.apply([work.intent])
        real(self, work, clock)

    protocol.Service._transact = transact
    tables.Tables._check = lambda *_: None


def position_forgotten() -> None:
    """Every start begins at the first message."""
    recovery.Positions.__call__ = lambda _self, assigned, _group: kafka.Begin(dict.fromkeys(assigned, 0), {})


def position_from_the_end() -> None:
    """Every start begins at the newest message."""

    def positions(self, assigned, _group):
        ends = self._broker.ends(self._standing().topic)
        return kafka.Begin({number: ends[number][1] for number in assigned}, {})

    recovery.Positions.__call__ = positions


def one_table_forgotten() -> None:
    """A crash between two tables leaves the second behind: the first one's marker counts for all."""
    real = tables.Tables.markers
    tables.Tables.markers = lambda self: dict.fromkeys(self.roles, real(self)["raw"])
    tables.Tables._check = lambda *_: None


def rejects_not_written() -> None:
    """Rejects are counted and not kept."""
    real = tables.append_files
    tables.append_files = lambda table, files, properties, summary: real(
        table, [] if table.name()[-1].endswith("_rejects") else files, properties, summary
    )


FAULTS = {
    "marker_not_checked": "S8:after-derived:2",
    "offsets_outside_the_transaction": "S6:after:2",
    "no_transaction": "S5:within:2",
    "intents_ignored": "S7:after:2",
    "tables_before_kafka": "S7:before:2",
    "position_forgotten": "S7:after:2",
    "position_from_the_end": "S1:after:2",
    "one_table_forgotten": "S8:after-raw:2",
    "rejects_not_written": "S7:after:2",
}
"""Fault -> the point at which a kill must bring it out."""

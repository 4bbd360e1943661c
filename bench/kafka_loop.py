"""What a careful team would write by hand for the topic and the tables: transactions, msgspec, fastavro, pyiceberg.

The loop commits outputs and offsets in one transaction a batch, as it should; what it lacks is the rest: tables that
follow the transaction after a kill, fencing of tables, verdicts, rejects with reasons, an account.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import confluent_kafka as ck
import msgspec
import pyarrow as pa

from bench.kafka_world import ENRICHED, RAW, SOURCE
from bench.loops import Block, Impression, Kind, Tables, avro_of

if TYPE_CHECKING:
    from pathlib import Path

    from bench.loops import Titles

A_TRANSACTION, A_TABLE = 50_000, 100_000
HEADER = b"\0\0\0\0\1"


def loop(bootstrap: str, name: str, messages: int, titles: Titles, warehouse: Path) -> tuple[int, int]:
    """Consume so many messages, write them to topics and tables; return (messages, enriched rows)."""
    consumer, producer = _clients(bootstrap, name)
    kind, decode = msgspec.json.Decoder(Kind).decode, msgspec.json.Decoder(Impression).decode
    tables = Tables(warehouse, 0)
    waiting: list[tuple[pa.Table, pa.Table]] = []
    done = 0
    while done < messages:
        batch = _batch(consumer, min(A_TRANSACTION, messages - done))
        block = Block()
        producer.begin_transaction()
        for message in batch:
            data = message.value()
            try:
                if kind(data).type != "impression":
                    continue
                event = decode(data)
            except msgspec.MsgspecError:
                tables.failed.append(data)
                continue
            block.add(data, event, titles)
            _produce(producer, RAW, data, message.key())
        raw, enriched = block.tables(avro=False)
        for row in enriched.to_pylist():
            _produce(producer, ENRICHED, HEADER + avro_of(row), str(row["profile_id"]).encode())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30
        )
        producer.commit_transaction(60)
        waiting.append((raw, enriched))
        if sum(one.num_rows for one, _ in waiting) >= A_TABLE:
            _append(tables, waiting)
        done += len(batch)
    _append(tables, waiting)
    consumer.close()
    return done, tables.close()


def _clients(bootstrap: str, name: str) -> tuple[ck.Consumer, ck.Producer]:
    base = {"bootstrap.servers": bootstrap, "log_level": 0}
    consumer = ck.Consumer(
        {**base, "group.id": name, "enable.auto.commit": False, "auto.offset.reset": "earliest",
         "isolation.level": "read_committed", "queued.max.messages.kbytes": 131_072, "fetch.wait.max.ms": 50}
    )  # fmt: skip
    consumer.subscribe([SOURCE])
    producer = ck.Producer(
        {**base, "transactional.id": name, "compression.type": "lz4", "linger.ms": 5, "batch.size": 524_288,
         "queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 1_048_576}
    )  # fmt: skip
    producer.init_transactions(30)
    return consumer, producer


def _batch(consumer: ck.Consumer, most: int) -> list[ck.Message]:
    found: list[ck.Message] = []
    ends = time.monotonic() + 1.0
    while len(found) < most and (time.monotonic() < ends or not found):
        found += [m for m in consumer.consume(min(5_000, most - len(found)), 0.25) if m.error() is None]
    return found


def _produce(producer: ck.Producer, topic: str, value: bytes, key: bytes | None) -> None:
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def _append(tables: Tables, waiting: list[tuple[pa.Table, pa.Table]]) -> None:
    if waiting:
        tables.columns(pa.concat_tables(raw for raw, _ in waiting), pa.concat_tables(rows for _, rows in waiting))
        waiting.clear()

"""An independent checker: what topics and tables must hold for the messages that were produced, by its own arithmetic.

It shares nothing with the product but formats: a plain consumer, fastavro with the registry's schema, pyiceberg's scan.
"""

from __future__ import annotations

import io
import json
import urllib.request
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka as ck
import fastavro
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.catalog import Catalog

Place = tuple[int, int]
"""Partition and offset."""


def expected(messages: Mapping[Place, bytes | None]) -> dict[str, Counter]:
    """Return (partition, offset, index) that each table must have, once each, and the raw topic by (partition, offset)."""
    found = {name: Counter() for name in ("raw", "derived", "rejects", "skipped", "parents")}
    for place, data in messages.items():
        try:
            event = json.loads(data or b"")
        except ValueError:
            found["rejects"][*place, None] += 1
            continue
        if event["type"] != "click":
            found["skipped"][place] += 1
            continue
        for index, item in enumerate(event["items"]):
            if "id" not in event or item["price"] == -1:
                found["rejects"][*place, index] += 1
                continue
            found["raw"][*place, index] += 1
            found["parents"][place] = 1
            if not event.get("robot"):
                found["derived"][*place, index] += 1
    return found


def read_topic(bootstrap: str, name: str) -> list[ck.Message]:
    """Return every committed message of a topic, with a plain consumer."""
    reader = ck.Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": "checker", "enable.auto.commit": False, "log_level": 0,
            "isolation.level": "read_committed", "enable.partition.eof": True, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20,
        }
    )  # fmt: skip
    try:
        parts = list(reader.list_topics(name, 20).topics[name].partitions)
        reader.assign([ck.TopicPartition(name, part, 0) for part in parts])
        found, open_ = [], set(parts)
        while open_:
            for message in reader.consume(1_000, 0.1):
                if message.error() is None:
                    found.append(message)
                elif message.error().code() == ck.KafkaError._PARTITION_EOF:
                    open_.discard(message.partition())
                else:
                    raise RuntimeError(message.error().str())
        return found
    finally:
        reader.close()


@cache
def schema(registry: str, identifier: int):
    """Return a schema by its id, parsed."""
    with urllib.request.urlopen(f"{registry}/schemas/ids/{identifier}", timeout=10) as answer:
        return fastavro.parse_schema(json.loads(json.load(answer)["schema"]))


def rows_of(registry: str, messages: list[ck.Message]) -> list[dict]:
    """Return framed Avro messages as rows."""
    rows = []
    for message in messages:
        data = message.value()
        assert data[0] == 0, data[:5]
        writer = schema(registry, int.from_bytes(data[1:5], "big"))
        rows.append(fastavro.schemaless_reader(io.BytesIO(data[5:]), writer, None))
    return rows


def problems(
    warehouse: Path,
    bootstrap: str,
    registry: str,
    names: Mapping[str, str],
    messages: Mapping[Place, bytes | None],
    catalog: Catalog | None = None,
) -> list[str]:
    """Return what is wrong; nothing when topics and tables hold exactly what was produced."""
    wanted = expected(messages)
    tables = {"raw": "shop.click", "derived": "shop.sale", "rejects": "shop.sale_rejects", "ledger": "shop.sale_ledger"}
    catalog = catalog or SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    found: list[str] = []
    rows: dict[str, list[dict]] = {}
    for role, name in tables.items():
        paths = [t.file.file_path.removeprefix("file://") for t in catalog.load_table(name).scan().plan_files()]
        found += [f"{name}: {path} is registered {n} times" for path, n in Counter(paths).items() if n > 1]
        found += [f"{name}: {path} is registered and not there" for path in paths if not Path(path).exists()]
        rows[role] = [row for path in paths if Path(path).exists() for row in pq.ParquetFile(path).read().to_pylist()]
    for role in ("raw", "derived", "rejects"):
        has = Counter((row["_partition"], row["_offset"], row["_index"]) for row in rows[role])
        found += _compare(f"table {tables[role]}", wanted[role], has)
    topic = rows_of(registry, read_topic(bootstrap, names["derived"]))
    has = Counter((row["_partition"], row["_offset"], row["_index"]) for row in topic)
    found += _compare("topic of derived", wanted["derived"], has)
    found += _same_rows(topic, rows["derived"])
    came = Counter(_position(message) for message in read_topic(bootstrap, names["raw"]))
    found += _compare("topic of raw", wanted["parents"], came)
    found += _values(bootstrap, names, messages)
    return found + _ledger(rows["ledger"], messages, wanted)


def _compare(what: str, wanted: Counter, has: Counter) -> list[str]:
    lost, more = wanted - has, has - wanted
    return [f"{what}: lost {lost.total()}, doubled or extra {more.total()}"] if lost or more else []


def _same_rows(topic: list[dict], table: list[dict]) -> list[str]:
    """Compare the values of a row in the topic with the row of the same place in the table."""
    simple = ("id", "item", "product", "shelf", "cents", "_contract")
    one, other = (Counter(tuple(row[name] for name in simple) for row in rows) for rows in (topic, table))
    return [] if one == other else [f"topic and table differ in {(one - other).total()} rows"]


def _position(message: ck.Message) -> Place:
    _, partition, offset = dict(message.headers())["tacet.position"].decode().rsplit("/", 2)
    return int(partition), int(offset)


def _values(bootstrap: str, names: Mapping[str, str], messages: Mapping[Place, bytes | None]) -> list[str]:
    wrong = [m for m in read_topic(bootstrap, names["raw"]) if m.value() != messages.get(_position(m))]
    return [f"topic of raw: {len(wrong)} messages are not as they came"] if wrong else []


def _ledger(rows: list[dict], messages: Mapping[Place, bytes | None], wanted: dict[str, Counter]) -> list[str]:
    found = []
    for partition in sorted({row["partition"] for row in rows} | {part for part, _ in messages}):
        at = 0
        for first, last in sorted((r["first_offset"], r["last_offset"]) for r in rows if r["partition"] == partition):
            if first != at:
                found.append(f"ledger of partition {partition}: {at} is followed by {first}")
            at = last
        ends = 1 + max((offset for part, offset in messages if part == partition), default=-1)
        if at != ends:
            found.append(f"ledger of partition {partition} ends at {at}, the topic at {ends}")
    skipped = sum(row["skipped"] for row in rows)
    if skipped != wanted["skipped"].total():
        found.append(f"ledger: {skipped} skipped, must be {wanted['skipped'].total()}")
    return found

"""A reader in Java, with Flink's own deserializer, reads from the topic what the table holds: every type, every edge."""

from __future__ import annotations

import datetime as dt
import signal
import uuid
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.kafka import wide
from tests.kafka.scene import Scene
from tests.support.servers import flink_rows

pytestmark = pytest.mark.system
MESSAGES = 420
"""Enough for each partition to go through the embedded engine's own statements."""


def test_flink_reads_from_the_topic_what_the_table_holds_whatever_the_type(up, zygote, tmp_path):
    scene = Scene(tmp_path, up.bootstrap, up.registry, zygote, engine="embedded")
    try:
        rows = written(scene)
    finally:
        scene.close()
    read = flink_rows(up.bootstrap, up.registry, scene.names["derived"])
    for one, other in zip(sorted(read, key=by_id), sorted(rows, key=by_id), strict=True):
        assert one == other
    for number, values in enumerate(wide.EDGES.values()):
        found = [row[f"f{number}"] for row in read]
        assert None in found
        assert len({str(value) for value in found if value is not None}) == len(values)
    assert len(read) == MESSAGES


def written(scene: Scene) -> list[dict]:
    """Run the job over messages of every type; return the table's rows as JSON can say them."""
    source, topic = scene.names["source"], scene.names["derived"]
    wide.write_repository(scene.folder, source, topic)
    island = scene.folder / "here.yaml"
    island.write_text(wide.ISLAND.format(island=scene.prefix, bootstrap=scene.bootstrap, registry=scene.registry))
    scene.create(source)
    scene.create(topic)
    assert scene.tacet("registry", "push", "--url", scene.registry).wait() == 0
    scene.produce(MESSAGES, wide.message)
    scene.group = f"tacet.wide.known.{scene.prefix}"
    process = scene.tacet("run", "known", "--engine", scene.engine, "--island", str(island))
    process.until("started after")
    scene.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    folder = scene.folder / "warehouse"
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    files = [
        task.file.file_path.removeprefix("file://") for task in catalog.load_table("wide.known").scan().plan_files()
    ]
    stored = pq.read_table(files)  # pyiceberg 0.12 itself reads a NULL list of structs as an empty one
    return [plain(row) for row in stored.to_pylist(maps_as_pydicts="strict")]


def by_id(row: dict) -> int:
    return row["id"]


def plain(value):
    """Return a value of the table as the reader says it."""
    match value:
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
        case dt.time():
            return value.isoformat(timespec="microseconds")
        case dt.date() | uuid.UUID():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex()
        case _:
            return value

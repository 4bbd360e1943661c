"""Whole repositories, checked, built and run: the language's page word for word, one that uses everything, and odd ones."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacet.verbs.check import diagnose
from tacet_codegen.build import build, changes, compile_plan, write
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.exactly_once import Warehouse
from tacet_runtime.verify import verify
from tests.language.repositories import EVERYTHING, PAGE, copied

if TYPE_CHECKING:
    from pathlib import Path

    from tacet_codegen.ir.model import Repository

TODAY = dt.date(2026, 11, 24)


def meaning(contracts: Path) -> Repository:
    found, repository = diagnose(contracts, TODAY)
    assert repository is not None, found
    return repository


def built(contracts: Path) -> Repository:
    repository = meaning(contracts)
    root = contracts.parent / "generated"
    write(changes(build(repository), root, contracts / "released.lock"), root)
    return repository


def ran(root: Path, repository: Repository, name: str, messages: Path, engine: str) -> dict[str, list]:
    """Run a job into a warehouse of its own; return its rows by role, and prove its accounting."""
    [job] = [job for job in repository.jobs if job.name == name]
    plan = compile_plan(job, repository.lock)
    warehouse = root / f"warehouse-{name}-{engine}"
    run(plan, root, warehouse, [str(messages)], Options(engine=engine))
    store = Warehouse(plan, warehouse)
    assert verify(store).findings == ()
    order = ("_source", "_partition", "_offset", "_index")
    roles = [role for role in ("raw", "derived", "rejects") if role in store.tables]
    rows = {role: store.table(role).scan().to_arrow().to_pylist() for role in roles}
    return {role: sorted(found, key=lambda r: tuple(r[k] or 0 for k in order)) for role, found in rows.items()}


def both(root: Path, repository: Repository, name: str, messages: Path) -> dict[str, list]:
    """Run a job on both engines that need no server; they agree."""
    embedded = ran(root, repository, name, messages, "embedded")
    assert embedded == ran(root, repository, name, messages, "reference")
    return embedded


def test_the_language_page_means_what_it_says(tmp_path):
    contracts = copied(PAGE, tmp_path)
    day = dt.date(2026, 9, 1)
    pq.write_table(
        pa.table({"title_id": [1, 2], "name": ["A", "B"], "kind": ["SHOW", "MOVIE"], "release_date": [day, None]}).cast(
            pa.schema(
                [("title_id", pa.int64()), ("name", pa.string()), ("kind", pa.string()), ("release_date", pa.date32())]
            )
        ),
        tmp_path / "titles.parquet",
    )
    repository = built(contracts)
    rows = both(tmp_path, repository, "impressions.enriched_impression", tmp_path / "messages.ndjson")["derived"]
    verdicts = [dict(row["_absences"]).get("row_index", "present") for row in rows]
    assert verdicts == ["declared_omission:tvos-hero-rail", "present", "logging_bug"]
    assert [row["is_new_title"] for row in rows] == [True, None, True]
    assert [row["_corrections"] for row in rows] == [[], [], ["clock_ahead"]]
    assert [row["page"] for row in rows] == ["home"] * 3


def test_the_repository_with_everything_has_nothing_to_say(tmp_path):
    found, _ = diagnose(copied(EVERYTHING, tmp_path), TODAY)
    assert list(found) == []


@pytest.mark.parametrize(
    ("job", "messages", "emitted", "rejects"),
    [
        ("shop.sale", "messages", 2, ["lookup:must", "format", "malformed"]),
        ("shop.refund", "messages", 4, ["format", "malformed"]),
        ("shop.visit", "visits", 2, ["type", "unknown_field"]),
    ],
)
@pytest.mark.slow
def test_everything_runs_alike_on_both_engines(tmp_path, job, messages, emitted, rejects):
    contracts = copied(EVERYTHING, tmp_path)
    rows = both(tmp_path, built(contracts), job, tmp_path / f"{messages}.ndjson")
    assert len(rows.get("derived", rows["raw"])) == emitted
    assert [row["kind"] for row in rows["rejects"]] == rejects


PLAIN = """event: reading
version: 1.0.0
status: {status}
owner: {{team: meters, notify: ["slack:#meters"]}}
doc: One reading of a meter.
source: {{topic: meters, event_time: at}}
producer: {{name: maker, version: build, scheme: {scheme}}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  maker: {{type: string, path: $.maker, presence: required}}
  build: {{type: string, path: $.build, presence: required}}
  at: {{type: timestamptz, path: $.at, presence: required}}
  local: {{type: timestamp, path: $.local, presence: optional}}
  day: {{type: date, path: $.day, presence: optional}}
  time: {{type: time, path: $.time, presence: optional}}
  device: {{type: uuid, path: $.device, presence: optional}}
  kwh: {{type: "decimal(9,3)", path: $.kwh, presence: optional}}
  fast: {{type: boolean, path: $.fast, presence: optional}}
  name: {{type: string, path: $.name, presence: optional}}
  raw: {{type: binary, path: $.raw, presence: optional}}
  count: {{type: int, path: $.count, presence: optional}}
  temperature: {{type: double, path: $.temperature, presence: optional}}
sinks:
  iceberg: {{table: meters.reading, partition: {partition}, sort: {sort}}}
"""
READINGS = (
    {"id": 1, "maker": "a", "build": "7", "at": "2026-11-01T10:00:00Z", "local": "2026-11-01T10:00:00", "day": "2026-11-01",
     "time": "10:00:00", "device": "0b5e3a52-6d0f-4b8e-9d5e-111111111111", "kwh": 12.345, "fast": True, "name": "été", "raw": "aGk=",
     "count": -7, "temperature": -0.5},
    {"id": 2, "maker": "a", "build": "7", "at": "1969-12-31T23:59:59.999999Z", "local": "1969-12-31T23:59:59", "day": "1969-12-31",
     "time": "23:59:59.5", "device": "ffffffff-6d0f-4b8e-9d5e-111111111111", "kwh": -0.001, "fast": False, "name": "", "raw": "",
     "count": 2147483647, "temperature": 1e300},
    {"id": 3, "maker": "a", "build": "7", "at": "2026-11-01T10:00:00Z"},
)  # fmt: skip
TRANSFORMS = {
    "year": ("at", "local", "day"), "month": ("at", "local", "day"), "day": ("at", "local", "day"), "hour": ("at", "local"),
    "identity": ("id", "at", "local", "day", "time", "kwh", "fast", "name", "raw", "count"),
    "bucket": ("id", "at", "local", "day", "time", "device", "kwh", "name", "raw", "count"),
    "truncate": ("id", "kwh", "name", "raw", "count"),
}  # fmt: skip


def reading(
    tmp_path: Path, *, partition: str = "[]", sort: str = "[]", scheme: str = "semver", status: str = "draft"
) -> Path:
    """Write a repository of one raw event that goes nowhere else, and its messages; return its contracts."""
    folder = tmp_path / "contracts" / "meters" / "reading"
    folder.mkdir(parents=True)
    text = PLAIN.format(partition=partition, sort=sort, scheme=scheme, status=status)
    (folder / "1.0.0.yaml").write_text(text)
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(r) + "\n" for r in READINGS))
    return tmp_path / "contracts"


def partitions(transform: str) -> list[str]:
    """A width of `truncate` divides the lowest value of the column: -2^31, or -999999.999."""
    width = {"bucket": "16, ", "truncate": "4, "}.get(transform, "")
    return [
        f"{transform}({'3, ' if (transform, column) == ('truncate', 'kwh') else width}{column})"
        for column in TRANSFORMS[transform]
    ]


@pytest.mark.parametrize("transform", ["identity", "bucket"])
def test_a_raw_event_on_its_own_runs_partitioned_by_everything_that_a_transform_fits(tmp_path, transform):
    repository = built(reading(tmp_path, partition=json.dumps(partitions(transform))))
    rows = ran(tmp_path, repository, "meters.reading", tmp_path / "in.ndjson", "embedded")["raw"]
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert rows[2]["kwh"] is None


@pytest.mark.slow
@pytest.mark.parametrize("partition", [p for transform in TRANSFORMS for p in partitions(transform)])
def test_every_partition_that_is_accepted_runs_on_both_engines(tmp_path, partition):
    repository = meaning(reading(tmp_path, partition=json.dumps([partition])))
    assert len(both(tmp_path, repository, "meters.reading", tmp_path / "in.ndjson")["raw"]) == 3


@pytest.mark.slow
def test_every_column_of_a_primitive_type_sorts(tmp_path):
    columns = "[device, id, maker, at, local, day, time, kwh, fast, name, raw, count, temperature]"
    repository = built(reading(tmp_path, sort=columns, status="released"))
    assert len(both(tmp_path, repository, "meters.reading", tmp_path / "in.ndjson")["raw"]) == 3


def test_a_producer_that_nobody_registered_is_unknown_and_its_rows_are_kept(tmp_path):
    repository = meaning(reading(tmp_path, scheme="integer"))
    rows = ran(tmp_path, repository, "meters.reading", tmp_path / "in.ndjson", "embedded")["raw"]
    assert len(rows) == 3

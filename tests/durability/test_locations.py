"""Folders with any name: what can stand in a location works whole, anything else is refused before a file is written."""

from __future__ import annotations

import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.connectors.iceberg_catalogs import open_of_island
from tacet_runtime.connectors.locations import parquet_rows
from tacet_runtime.history import backfill
from tacet_runtime.plan.island import Broker, Catalog, Island, Text
from tests.durability.job import make
from tests.durability.test_history import EVER


@pytest.mark.parametrize("name", ["branch%2Ffix", "50%off", "ü b", "a[b]", "_offset=7", "a*b"])
def test_a_folder_with_such_a_name_works_whole(tmp_path, name):
    job = make(tmp_path / name, 60)
    (tmp_path / "branch").mkdir()
    assert sum(count.messages for count in job.run().counts) == 60
    assert job.run().counts == []
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert (audit.messages > 0, audit.changed) == (True, 0)
    assert job.verify().findings == ()
    assert job.rows("derived")
    assert (job.warehouse / "catalog.db").exists()
    assert list((tmp_path / "branch").iterdir()) == []


def test_two_folders_of_which_one_is_the_others_decoded_have_a_catalog_each(tmp_path):
    jobs = [make(tmp_path / name, 60) for name in ("a b", "a%20b")]
    for job in jobs:
        assert sum(count.messages for count in job.run().counts) == 60
        assert job.verify().findings == ()


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("run#7", "`#`"),
        ("run?7", "`?`"),
        ("run%207#", "`#`"),
        ("a\tb", "a tab"),
        ("a\nb", "a line end"),
        ("a\rb", "a carriage return"),
        (os.fsdecode(b"a\xff"), "not UTF-8"),
    ],
)
def test_a_folder_whose_path_readers_would_cut_is_refused_before_a_file_is_written(tmp_path, name, has):
    job = make(tmp_path / name, 60)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TableError, match=f"(?s)^the warehouse .*{has}.*name a folder"):
        job.run()
    island = Island("here", Broker(Text("127.0.0.1:1")), catalog=Catalog("sql", Text(f"sqlite:///{tmp_path}/other.db")))
    with pytest.raises(TableError, match=r"^the warehouse "):
        open_of_island(island, job.warehouse)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_input_with_such_a_name_is_read(tmp_path):
    job = make(tmp_path / "job", 60)
    (folder := tmp_path / "run#7?x%20y").mkdir()
    path = (job.root / "e.ndjson").rename(folder / "e#1?%41.ndjson")
    assert sum(count.messages for count in job.run(folder).counts) == 60
    assert job.run(path).counts == []
    assert job.verify().findings == ()
    assert {row["_source"] for row in job.rows("raw")} == {path.name}


def test_files_are_read_and_no_others_and_nothing_of_their_folders_names(tmp_path):
    paths = [tmp_path / name / "x.parquet" for name in ("a*b", "axb", "a[x]b", "k=1", "a'b", "a{x,y}b", "a**b")]
    for path in paths:
        path.parent.mkdir()
        pq.write_table(pa.table({"k": [path.parent.name]}), path)
    for path in paths:
        assert duckdb.sql(f"FROM {parquet_rows([path])}").fetchall() == [(path.parent.name,)]
    assert len(duckdb.sql(f"FROM {parquet_rows(paths)}").fetchall()) == len(paths)

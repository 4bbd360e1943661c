"""verify finds each way in which a warehouse can be wrong, and nothing in one that is right."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tacet_runtime.connectors.iceberg import data_paths, live_files, replace_files
from tests.durability.job import first_twice, make, without_first


@pytest.fixture
def job(tmp_path):
    job = make(tmp_path)
    assert job.run().commits >= 3
    return job


def test_a_clean_warehouse_has_no_findings(job):
    proof = job.verify()
    assert proof.findings == ()
    assert proof.messages == 240


def test_a_lost_range_is_found(job):
    job.replace_first("ledger", without_first)
    assert {"lost_range", "row_outside"} <= job.kinds()


def test_a_doubled_range_is_found(job):
    job.replace_first("ledger", first_twice)
    assert "doubled_range" in job.kinds()


def test_a_file_registered_twice_is_found(job):
    table = job.store().table("derived")
    replace_files(table, [live_files(table)[0]], (), {}, {})
    assert {"file_twice", "row_doubled", "rows_differ"} <= job.kinds()


def test_an_orphan_is_found(job):
    path = data_paths(job.store().table("raw"))[0]
    shutil.copy(path, path.with_name("stranger.parquet"))
    assert job.kinds() == {"orphan"}


def test_a_missing_file_is_found(job):
    data_paths(job.store().table("derived"))[0].unlink()
    assert {"file_missing", "rows_differ"} <= job.kinds()


@pytest.mark.parametrize("name", ["messages", "skipped", "emitted_rows", "rejected_rows", "filtered"])
def test_a_ledger_that_disagrees_is_found(job, name):
    def more(rows: pa.Table) -> pa.Table:
        at = rows.column_names.index(name)
        return rows.set_column(at, rows.schema.field(at), pc.add(rows.column(name), 1))

    job.replace_first("ledger", more)
    assert "account" in job.kinds()


def test_a_ledger_that_closes_and_still_disagrees_with_the_tables_is_found(job):
    def moved(rows: pa.Table) -> pa.Table:
        for name, by in (("emitted_parents", -1), ("filtered", 1), ("emitted_rows", -1), ("filtered_rows", 1)):
            at = rows.column_names.index(name)
            rows = rows.set_column(at, rows.schema.field(at), pc.add(rows.column(name), by))
        return rows

    job.replace_first("ledger", moved)
    kinds = job.kinds()
    assert "account" not in kinds
    assert {"outcomes_differ", "rows_differ"} <= kinds


@pytest.mark.parametrize(
    ("role", "kind"), [("derived", "rows_differ"), ("rejects", "rejects_differ"), ("raw", "raw_differs")]
)
def test_a_lost_row_is_found(job, role, kind):
    job.replace_first(role, without_first)
    assert kind in job.kinds()


@pytest.mark.parametrize("role", ["raw", "derived", "rejects"])
def test_a_doubled_row_is_found(job, role):
    job.replace_first(role, first_twice)
    assert "row_doubled" in job.kinds()


def test_a_row_lost_here_and_doubled_there_is_found(job):
    job.replace_first("derived", lambda rows: first_twice(rows.slice(1)))
    assert "row_doubled" in job.kinds()


def test_a_table_that_is_not_at_the_ledgers_commit_is_found(job):
    replace_files(job.store().table("raw"), (), (), {"tacet.seq.shop.sale": "1"}, {})
    assert job.kinds() == {"marker"}

"""Maintenance merges, expires and removes, and no row, marker or account changes."""

from __future__ import annotations

import datetime as dt

import pytest

from tacet_runtime.connectors.iceberg import data_paths
from tacet_runtime.connectors.locations import local_path
from tacet_runtime.faults import Planned
from tacet_runtime.maintenance import Settings, maintain
from tests.durability.job import make
from tests.durability.shop import lines, without_cents

NOW = Settings(keep=dt.timedelta(0), grace=dt.timedelta(0))
ROLES = ("raw", "derived", "rejects", "ledger", "metrics")


def everything(job):
    return {role: sorted(map(repr, job.store().table(role).scan().to_arrow().to_pylist())) for role in ROLES}


def files_on_disk(job):
    return sorted(p for p in job.warehouse.rglob("*") if p.suffix in {".parquet", ".avro"})


def sums(done, name):
    return sum(getattr(table, name) for table in done)


@pytest.fixture
def job(tmp_path):
    job = make(tmp_path)
    job.run(commit_messages=24, block_bytes=300)
    return job


@pytest.mark.slow
def test_rows_and_accounts_are_the_same_in_fewer_files(job):
    before = everything(job)
    done = maintain(job.plan(), job.warehouse, NOW)
    assert everything(job) == before
    assert job.verify().findings == ()
    assert sums(done, "files_after") < sums(done, "files_before") / 3


@pytest.mark.slow
def test_a_column_that_the_contract_has_no_more_is_kept(job):
    without_cents(job.root)
    more = job.root / "more.ndjson"
    more.write_bytes(lines(1_000, 1_040))
    job.run(more, commit_messages=24, block_bytes=300)
    before = everything(job)
    assert {row["cents"] is None for row in job.rows("derived")} == {True, False}
    maintain(job.plan(), job.warehouse, NOW)
    assert everything(job) == before
    assert job.verify().findings == ()


@pytest.mark.slow
def test_what_nothing_names_is_gone_from_the_disk(job):
    before = files_on_disk(job)
    done = maintain(job.plan(), job.warehouse, NOW)
    after = files_on_disk(job)
    assert set(after) == {path for role in ROLES for path in named(job.store().table(role))}
    assert sums(done, "files_removed") == len(set(before) - set(after))
    assert len(job.store().table("raw").snapshots()) == 1


def named(table):
    """Return what a table with one snapshot consists of: data files, a manifest list and manifests."""
    [snapshot] = table.snapshots()
    manifests = [local_path(m.manifest_path) for m in snapshot.manifests(table.io)]
    return [*data_paths(table), local_path(snapshot.manifest_list), *manifests]


@pytest.mark.slow
def test_by_default_nothing_young_is_removed_or_expired(job):
    done = maintain(job.plan(), job.warehouse, Settings())
    assert sums(done, "files_removed") == sums(done, "snapshots_expired") == 0
    assert sums(done, "files_after") < sums(done, "files_before")


RELEASED = Settings(keep=dt.timedelta(0))
"""Snapshots go at once, their files wait for a day."""


def test_files_that_wait_for_their_grace_are_no_orphans_and_others_are(job):
    done = maintain(job.plan(), job.warehouse, RELEASED)
    assert sums(done, "files_removed") == 0
    assert job.verify().findings == ()
    stranger = data_paths(job.store().table("raw"))[0].with_name("raw-stranger.parquet")
    stranger.write_bytes(b"PAR1")
    assert [(f.kind, f.where) for f in job.verify().findings] == [("orphan", str(stranger))]
    assert maintain(job.plan(), job.warehouse, NOW)
    assert job.verify().findings == ()
    assert set(files_on_disk(job)) == {path for role in ROLES for path in named(job.store().table(role))}
    assert list((job.warehouse / "released").rglob("*.json")) == []


@pytest.mark.slow
def test_a_second_time_there_is_nothing_to_merge(job):
    first = maintain(job.plan(), job.warehouse, NOW)
    again = maintain(job.plan(), job.warehouse, NOW)
    assert sums(again, "files_before") == sums(again, "files_after") == sums(first, "files_after")


@pytest.mark.slow
def test_the_run_goes_on_where_it_was(job):
    maintain(job.plan(), job.warehouse, NOW)
    assert job.run().commits == 0
    (job.root / "e.ndjson").write_bytes(lines(0, 400))
    job.run()
    assert job.verify().messages == 400
    assert job.verify().findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("at", ["M1:before", "M1:after", "M2:before"])
def test_broken_off_anywhere_it_leaves_what_was_there(job, monkeypatch, at):
    before = everything(job)
    monkeypatch.setenv("TACET_FAIL_AT", at)
    monkeypatch.setenv("TACET_FAIL_HOW", "raise")
    with pytest.raises(Planned):
        maintain(job.plan(), job.warehouse, NOW)
    monkeypatch.delenv("TACET_FAIL_AT")
    assert everything(job) == before
    maintain(job.plan(), job.warehouse, NOW)
    assert everything(job) == before
    assert job.verify().findings == ()


@pytest.mark.slow
def test_five_hundred_commits_become_a_file_a_partition(tmp_path):
    job = make(tmp_path, messages=500)
    assert job.run(commit_messages=1, block_bytes=1).commits == 500
    before = everything(job)
    done = maintain(job.plan(), job.warehouse, NOW)
    assert everything(job) == before
    proof = job.verify()
    assert proof.findings == ()
    assert proof.messages == 500
    assert sums(done, "files_before") > 1_000
    assert sums(done, "files_after") < 50
    assert len(files_on_disk(job)) < 100

"""Replays, backfills and relabels change exactly what they say, once, and the accounting still closes."""

from __future__ import annotations

import datetime as dt

import pytest

from tacet_runtime.history import backfill, replay_rejects
from tacet_runtime.relabel import relabel
from tests.durability.job import make

EVER = (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
OMITS = """
    omits:
      product:
        {id: no-product, reason: unsupported, note: late, approved_by: data, issue: X-1, since: 2026-01-01, expires: 2027-12-31, max_share: 100%}"""


@pytest.fixture
def job(tmp_path):
    job = make(tmp_path)
    job.run()
    return job


def edit(job, name, old, new):
    path = job.root / "contracts/shop" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_backfill_with_the_same_contracts_changes_nothing(job):
    before = job.rows("derived")
    audit = backfill(job.plan(), job.root, job.warehouse, *EVER, publish=True, engine="reference")
    assert audit.messages > 0
    assert (audit.changed, audit.cells) == (0, {})
    assert job.rows("derived") == before


def test_a_published_backfill_is_what_its_audit_said(job):
    before = job.rows("derived")
    edit(job, "sale/1.0.0.yaml", '"price"', '"price * 100"')
    said = backfill(job.plan(), job.root, job.warehouse, *EVER, publish=False, engine="reference")
    assert job.rows("derived") == before
    branch = job.store().table("derived").refs()["backfill"]
    done = backfill(job.plan(), job.root, job.warehouse, *EVER, publish=True, engine="reference")
    assert done == said
    after = job.rows("derived")
    cells = sum(a[n] != b[n] for a, b in zip(before, after, strict=True) for n in a)
    assert cells == done.cells.total() == done.cells["cents", "web"] > 0
    in_branch = job.store().table("derived").scan(snapshot_id=branch.snapshot_id).to_arrow()
    assert sorted(in_branch.column("cents").to_pylist(), key=repr) == sorted((r["cents"] for r in after), key=repr)
    assert job.verify().findings == ()


def test_a_reject_that_is_right_now_is_replayed_once(job):
    assert any(r["kind"] == "rule:sane" for r in job.rows("rejects"))
    edit(job, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    first = replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    assert first.rows_added > 0
    assert not any(r["kind"] == "rule:sane" for r in job.rows("rejects"))
    assert job.verify().findings == ()
    assert replay_rejects(job.plan(), job.root, job.warehouse, "reference").changed == 0
    assert job.run().commits == 0


def test_a_replay_gives_the_rows_that_a_run_with_the_right_contract_gives(job, tmp_path):
    other = make(tmp_path / "other")
    for one in (job, other):
        edit(one, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    other.run()
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == other.rows(role)


def test_a_relabel_changes_only_the_verdicts_of_its_field(job):
    before = {role: job.rows(role) for role in ("raw", "derived")}
    edit(job, "click/producers/web.yaml", '">=1.0.0": {contract: 1.0.0}', '">=1.0.0":\n    contract: 1.0.0' + OMITS)
    changed = relabel(job.plan(), job.root, job.warehouse, "product", *EVER)
    for role, rows in before.items():
        differ = [(a, b) for a, b in zip(rows, job.rows(role), strict=True) if a != b]
        assert len(differ) == changed[role] > 0
        for a, b in differ:
            assert {n for n in a if a[n] != b[n]} == {"_absences"}
            assert dict(a["_absences"])["product"] == "logging_bug"
            assert dict(b["_absences"])["product"] == "declared_omission:no-product"
    assert job.verify().findings == ()
    assert sum(relabel(job.plan(), job.root, job.warehouse, "product", *EVER).values()) == 0

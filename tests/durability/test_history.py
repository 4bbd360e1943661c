"""Replays, backfills and relabels change exactly what they say, once, and the accounting still closes."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from pyiceberg.exceptions import CommitFailedException

from tacet_runtime import exactly_once
from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.faults import Planned
from tacet_runtime.history import Times, backfill, replay_rejects
from tacet_runtime.relabel import relabel
from tests.durability.job import make, without_first
from tests.durability.shop import lines, without_cents

EVER = Times((dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)))
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
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert audit.messages > 0
    assert (audit.changed, audit.cells) == (0, {})
    assert job.rows("derived") == before


def test_a_column_that_the_contract_has_no_more_is_audited_where_it_is_emptied_and_kept_elsewhere(job):
    before = job.rows("derived")
    without_cents(job.root)
    middle = sorted(row["ts"] for row in before)[len(before) // 3]
    audit = backfill(
        job.plan(), job.root, job.warehouse, Times((EVER.span[0], middle)), publish=True, engine="reference"
    )
    after = job.rows("derived")
    changed = Counter(n for a, b in zip(before, after, strict=True) for n in a if a[n] != b[n])
    assert changed == {name: times for (name, _), times in audit.cells.items()}
    assert set(changed) == {"cents", "_contract", "_absences"}
    assert {row["cents"] for row in after if row["ts"] < middle} == {None}
    assert len({row["cents"] for row in after if row["ts"] >= middle}) > 2
    assert job.verify().findings == ()


@pytest.mark.slow
def test_a_published_backfill_is_what_its_audit_said(job):
    before = job.rows("derived")
    edit(job, "sale/1.0.0.yaml", '"price"', '"price * 100"')
    said = backfill(job.plan(), job.root, job.warehouse, EVER, publish=False, engine="reference")
    assert job.rows("derived") == before
    branch = job.store().table("derived").refs()["backfill"]
    done = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
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


@pytest.mark.slow
def test_a_replay_gives_the_rows_that_a_run_with_the_right_contract_gives(job, tmp_path):
    other = make(tmp_path / "other")
    for one in (job, other):
        edit(one, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    other.run()
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == other.rows(role)


def shelves(job, text):
    (job.root / "data" / "product.csv").write_text("name,shelf\n" + text)


@pytest.mark.slow
def test_a_backfill_reads_each_message_with_the_lookups_that_it_was_run_with(job):
    shelves(job, "ball,7\nbook,8\ncup,9\n")
    with (job.root / "e.ndjson").open("ab") as file:
        file.write(lines(240, 400))
    job.run()
    before = job.rows("derived")
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert (audit.changed, audit.lookups) == (0, {})
    assert job.rows("derived") == before


@pytest.mark.slow
def test_the_lookups_of_now_change_what_the_audit_says_and_are_recorded(job):
    shelves(job, "ball,7\nbook,8\ncup,9\n")
    said = backfill(job.plan(), job.root, job.warehouse, EVER, publish=False, latest=True, engine="reference")
    assert {name for name, _ in said.cells} <= {"shelf", "_absences"}
    assert sum(said.lookups.values()) == said.messages
    assert backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, latest=True, engine="reference") == said
    assert job.verify().findings == ()
    # What was changed is recorded with the lookups that it was changed with: nothing goes back.
    assert backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference").changed == 0


@pytest.mark.slow
def test_a_backfill_covers_what_was_rejected_and_what_was_filtered_in_its_range(job):
    edit(job, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    edit(job, "sale/1.0.0.yaml", "{drop_when: robot}", "{drop_when: robot AND id < 0}")
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert audit.rows_added > 0
    assert not any(r["kind"] == "rule:sane" for r in job.rows("rejects"))
    assert [(r["_offset"], r["_index"]) for r in job.rows("derived")] == [
        (r["_offset"], r["_index"]) for r in job.rows("raw")
    ]
    assert job.verify().findings == ()


@pytest.mark.slow
def test_a_backfill_of_a_day_leaves_the_other_days_alone(job):
    edit(job, "sale/1.0.0.yaml", '"price"', '"price * 100"')
    times = [r["ts"] for r in job.rows("derived")]
    first, last = times[len(times) // 3], times[2 * len(times) // 3]
    before = job.rows("derived")
    audit = backfill(job.plan(), job.root, job.warehouse, Times((first, last)), publish=True, engine="reference")
    changed = [b["ts"] for a, b in zip(before, job.rows("derived"), strict=True) if a != b]
    assert len(changed) == audit.rows_changed > 0
    assert first <= min(changed)
    assert max(changed) < last


def test_the_last_moment_of_time_belongs_to_a_span_that_ends_with_it(job):
    end = dt.datetime.max.replace(tzinfo=dt.UTC)
    edit(job, "click/1.0.0.yaml", "epoch_millis", "iso8601")
    moment, items = "9999-12-31T23:59:59.999999Z", [{"product": "cup", "price": 3}]
    sentinel = {"type": "click", "id": 1, "app": "web", "version": "1.2.0", "ts": moment, "items": items}
    (job.root / "late.ndjson").write_text(json.dumps(sentinel) + "\n")
    job.run(job.root / "late.ndjson")
    day = end.replace(hour=0, minute=0, second=0, microsecond=0)
    audit = backfill(job.plan(), job.root, job.warehouse, Times((day, end)), publish=False, engine="reference")
    assert audit.messages == 1


TIMELESS = Times(none=True)


def test_rows_without_event_time_are_told_and_are_those_of_a_fresh_run_after_their_own_backfill(tmp_path):
    job, fresh = make(tmp_path / "mended"), make(tmp_path / "fresh")
    edit(job, "click/1.0.0.yaml", "encoding: epoch_millis", "encoding: iso8601")
    job.run()
    wrong = job.rows("raw")
    assert {row["ts"] for row in wrong} == {None}
    edit(job, "click/1.0.0.yaml", "encoding: iso8601", "encoding: epoch_millis")
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert (audit.messages, audit.scope.no_event_time) == (0, len({row["_offset"] for row in wrong}))
    said = backfill(job.plan(), job.root, job.warehouse, TIMELESS, publish=False, engine="reference")
    assert job.rows("raw") == wrong
    assert backfill(job.plan(), job.root, job.warehouse, TIMELESS, publish=True, engine="reference") == said
    assert (said.cells["ts", "web"] > 0, said.scope.no_event_time) == (True, 0)
    fresh.run()
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == fresh.rows(role)
    assert job.verify().findings == ()
    again = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert (again.messages > 0, again.changed, again.scope.no_event_time) == (True, 0, 0)


def some_without_time(root):
    """Write the input anew, with every third event time in no form that there is."""
    path = root / "e.ndjson"
    found = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join(re.sub(rb'"ts": (\d+)', rb'"ts": "\1"', one) if n % 3 == 0 else one for n, one in enumerate(found))
    )


@pytest.mark.slow
def test_a_span_and_what_has_no_event_time_are_together_all_that_is_kept(tmp_path):
    job, fresh = make(tmp_path / "changed"), make(tmp_path / "fresh")
    for one in (job, fresh):
        some_without_time(one.root)
    job.run()
    for one in (job, fresh):
        edit(one, "sale/1.0.0.yaml", '"price"', '"price * 100"')
        edit(one, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    backfill(job.plan(), job.root, job.warehouse, Times(EVER.span, none=True), publish=True, engine="reference")
    fresh.run()
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == fresh.rows(role)
    assert job.verify().findings == ()


@pytest.mark.slow
def test_a_relabel_reaches_rows_without_event_time_when_it_is_told_to(tmp_path):
    job, fresh = make(tmp_path / "changed"), make(tmp_path / "fresh")
    for one in (job, fresh):
        some_without_time(one.root)
    job.run()
    omits = OMITS.replace("since: 2026-01-01, expires: 2027-12-31, ", "")
    for one in (job, fresh):
        edit(one, "click/producers/web.yaml", '">=1.0.0": {contract: 1.0.0}', '">=1.0.0":\n    contract: 1.0.0' + omits)
    left = relabel(job.plan(), job.root, job.warehouse, "product", EVER).scope.no_event_time
    assert left == len({row["_offset"] for row in job.rows("raw") if row["ts"] is None})
    done = relabel(job.plan(), job.root, job.warehouse, "product", TIMELESS)
    assert (done.rows["raw"] > 0, done.scope.no_event_time) == (True, 0)
    fresh.run()
    labels = [[dict(row["_absences"]) for row in one.rows("raw")] for one in (job, fresh)]
    assert labels[0] == labels[1]


@pytest.mark.slow
def test_a_field_that_becomes_the_event_time_has_none_in_older_rows(job):
    for name in ("click", "sale"):
        old = job.root / f"contracts/shop/{name}/1.0.0.yaml"
        text = (
            old.read_text()
            .replace("version: 1.0.0", "version: 1.1.0", 1)
            .replace("event_time: ts", "event_time: moment")
        )
        text = text.replace(
            "  robot: {type",
            "  moment: {type: timestamptz, path: $.ts, encoding: epoch_millis, presence: optional}\n  robot: {type",
        )
        old.with_name("1.1.0.yaml").write_text(text)
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert audit.scope.no_event_time > 0
    backfill(job.plan(), job.root, job.warehouse, TIMELESS, publish=True, engine="reference")
    assert all(row["moment"] == row["ts"] for row in job.rows("raw"))
    assert job.verify().findings == ()


@pytest.mark.slow
def test_an_audit_that_finds_nothing_leaves_no_branch_behind(job):
    edit(job, "sale/1.0.0.yaml", '"price"', '"price * 100"')
    backfill(job.plan(), job.root, job.warehouse, EVER, publish=False, engine="reference")
    edit(job, "sale/1.0.0.yaml", '"price * 100"', '"price"')
    backfill(job.plan(), job.root, job.warehouse, EVER, publish=False, engine="reference")
    assert list(job.store().table("derived").refs()) == ["main"]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["S3:after", "S4:after", "S5:after-ledger", "S8:after-raw", "S8:after-derived"])
def test_a_change_of_history_that_is_interrupted_is_made_once(job, point, monkeypatch):
    edit(job, "click/1.0.0.yaml", "price >= 0", "price >= -1")
    monkeypatch.setenv("TACET_FAIL_AT", point)
    monkeypatch.setenv("TACET_FAIL_HOW", "raise")
    monkeypatch.setattr("tacet_runtime.faults._SEEN", {})
    with pytest.raises(Planned):
        replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    monkeypatch.delenv("TACET_FAIL_AT")
    replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    assert job.verify().findings == ()
    assert not any(r["kind"] == "rule:sane" for r in job.rows("rejects"))
    assert replay_rejects(job.plan(), job.root, job.warehouse, "reference").changed == 0


def overtaken(monkeypatch, times):
    """Let another writer be quicker, so many times."""
    left = [times]
    replace_files = exactly_once.replace_files

    def replaced(*words):
        left[0] -= 1
        if left[0] >= 0:
            raise CommitFailedException("Table has been updated by another process")
        replace_files(*words)

    monkeypatch.setattr(exactly_once, "replace_files", replaced)


@pytest.mark.parametrize("times", [1, 3])
def test_a_change_of_history_is_made_although_a_service_is_quicker_at_first(job, monkeypatch, times):
    edit(job, "sale/1.0.0.yaml", "price", "price + 1")
    overtaken(monkeypatch, times)
    assert backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference").changed > 0
    assert job.verify().findings == ()


def test_a_change_of_history_that_is_never_quicker_leaves_nothing_behind(job, monkeypatch):
    before = job.rows("derived")
    edit(job, "sale/1.0.0.yaml", "price", "price + 1")
    monkeypatch.setattr(exactly_once, "_AT_LEAST_SECONDS", 0)
    overtaken(monkeypatch, 1_000)
    with pytest.raises(TableError, match="another process; run the same command again"):
        backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert job.verify().findings == ()
    assert job.rows("derived") == before


def test_a_row_that_no_entry_of_the_ledger_covers_is_named(job):
    job.replace_first("ledger", without_first)
    with pytest.raises(TableError, match="no entry of the ledger has message"):
        backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert "orphan" not in job.kinds()


@pytest.mark.slow
def test_a_new_version_gets_more_out_of_the_kept_payloads(job):
    assert "robot" not in job.rows("derived")[0]
    for name in ("click", "sale"):
        old = job.root / f"contracts/shop/{name}/1.0.0.yaml"
        text = old.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
        text = text.replace("  app: {from: app}", "  app: {from: app}\n  robot: {from: robot}")
        text = text.replace(
            "  robot: {type", "  extra: {type: string, path: $.app, presence: optional}\n  robot: {type"
        )
        old.with_name("1.1.0.yaml").write_text(text)
    job.run()
    assert job.rows("derived")[0]["robot"] is None
    audit = backfill(job.plan(), job.root, job.warehouse, EVER, publish=True, engine="reference")
    assert audit.rows_changed == len(job.rows("derived"))
    assert {row["extra"] for row in job.rows("raw")} == {"web"}
    assert {row["_contract"] for row in job.rows("derived")} == {"shop.sale@1.1.0"}
    assert job.verify().findings == ()


@pytest.mark.slow
def test_a_relabel_changes_only_the_verdicts_of_its_field(job):
    before = {role: job.rows(role) for role in ("raw", "derived")}
    edit(job, "click/producers/web.yaml", '">=1.0.0": {contract: 1.0.0}', '">=1.0.0":\n    contract: 1.0.0' + OMITS)
    changed = relabel(job.plan(), job.root, job.warehouse, "product", EVER).rows
    for role, rows in before.items():
        differ = [(a, b) for a, b in zip(rows, job.rows(role), strict=True) if a != b]
        assert len(differ) == changed[role] > 0
        for a, b in differ:
            assert {n for n in a if a[n] != b[n]} == {"_absences"}
            assert dict(a["_absences"])["product"] == "logging_bug"
            assert dict(b["_absences"])["product"] == "declared_omission:no-product"
    assert job.verify().findings == ()
    assert sum(relabel(job.plan(), job.root, job.warehouse, "product", EVER).rows.values()) == 0


def test_a_warehouse_that_was_moved_is_named_with_the_way_back(job, tmp_path):
    moved = replace(job, root=job.root.rename(tmp_path.with_name(f"{tmp_path.name}-moved")))
    with pytest.raises(TableError, match="the warehouse back to where it was, if it was moved"):
        backfill(moved.plan(), moved.root, moved.warehouse, EVER, publish=False, engine="reference")

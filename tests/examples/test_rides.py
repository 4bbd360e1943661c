"""The rides of `examples/rides`: another domain, the same product; each message of its evening has its outcome."""

import json
import shutil

import pytest

import tacet
from tests.support.command import ROOT, here

RIDES = ROOT / "examples/rides"
OUTCOMES = {
    1: ("emitted", {}),
    2: ("emitted", {"route": "declared_omission:partner-keeps-routes", "route_points": "inherited:route", "tip": "declared_omission:predates-1.1.0"}),
    3: ("emitted", {"route": "logging_bug", "route_points": "inherited:route"}),
    4: ("emitted", {"fare": "not_applicable", "paid": "inherited:fare", "route": "not_applicable"}),
    5: ("emitted", {}),
    6: ("emitted", {"paid_eur": "lookup_miss:money"}),
    7: ("rejected", "lookup:town"),
    8: ("emitted", {"fare": "invalid", "paid": "inherited:fare", "paid_eur": "inherited:fare"}),
    9: ("rejected", "missing"),
    10: ("filtered", "drills"),
    11: ("emitted", {"distance_m": "unknown_producer"}),
    12: ("emitted", {}),
    13: ("rejected", "agreement:discount_within_fare"),
    14: ("skipped", None),
    15: ("skipped", None),
    16: ("rejected", "malformed"),
}  # fmt: skip
BORING = {"present", "optional", "not_applicable"}


@pytest.fixture(scope="module")
def job():
    return tacet.compile(RIDES).job("trip")


def test_the_contracts_have_no_finding_and_their_lock_is_fresh(tmp_path, monkeypatch, capsys):
    shutil.copytree(RIDES, tmp_path / "rides", ignore=shutil.ignore_patterns("generated", "warehouse"))
    monkeypatch.chdir(tmp_path / "rides")
    assert here(capsys, "check", "--strict", "--today", "2026-11-25").status == 0
    lock = (RIDES / "contracts/released.lock").read_text()
    assert here(capsys, "build").status == 0
    assert (tmp_path / "rides/contracts/released.lock").read_text() == lock


@pytest.mark.parametrize(("number", "expected"), OUTCOMES.items())
def test_each_message_of_the_evening_has_its_outcome(number, expected, job):
    message = (RIDES / "events/evening.ndjson").read_bytes().splitlines()[number - 1]
    told = job.explain(message)
    outcome, more = expected
    assert told["outcome"] == outcome
    [row] = told["rows"] or [{"reject": told["reject"], "filter": told["filter"]}]
    if outcome == "rejected":
        assert row["reject"]["kind"] == more
    elif outcome == "filtered":
        assert row["filter"] == more
    elif outcome == "emitted":
        odd = {k: v for k, v in row["verdicts"].items() if v not in BORING or k in more}
        assert {k: odd[k] for k in more} == more
        assert {k for k, v in odd.items() if v in {"logging_bug", "unknown_producer", "invalid"}} <= set(more)


def test_corrections_flags_and_money_are_as_the_contract_says(job):
    lines = (RIDES / "events/evening.ndjson").read_bytes().splitlines()
    [zurich] = job.explain(lines[1])["rows"]
    assert zurich["corrections"] == ["discount_below_zero", "city_in_small_letters"]
    values = zurich["values"]
    assert [values[k] for k in ("city_name", "discount", "paid", "paid_eur")] == ["Zürich", "5.00", "26.50", "28.3895"]
    assert values["pickup"] == {"lat": 47.3769, "lon": 8.5417, "label": "Bahnhofplatz"}
    [gdansk] = job.explain(lines[4])["rows"]
    assert gdansk["flags"] == ["paid_in_the_citys_currency"]
    [berlin] = job.explain(lines[0])["rows"]
    assert berlin["values"]["tolls"] == {"airport": "2.10"}


def table(warehouse, name):
    from tacet_runtime.connectors.iceberg import open_catalog

    rows = open_catalog(warehouse).load_table(name).scan().to_arrow().to_pylist()
    return sorted(map(repr, rows))


def both(job, inputs, tmp_path):
    counts = [job.run(inputs, warehouse=tmp_path / e, engine=e) for e in ("embedded", "reference")]
    assert counts[0] == counts[1]
    assert counts[0]["in"] == sum(counts[0][k] for k in ("skipped", "rejected", "filtered", "emitted_parents"))
    for name in ("rides.raw_trip", "rides.trip", "rides.trip_rejects"):
        assert table(tmp_path / "embedded", name) == table(tmp_path / "reference", name)
    assert job.verify(warehouse=tmp_path / "embedded")["findings"] == []
    return counts[0]


def test_both_engines_agree_on_the_evening(job, tmp_path):
    assert both(job, [RIDES / "events"], tmp_path)["rejected_by"] == {
        "agreement:discount_within_fare": 1,
        "lookup:town": 1,
        "malformed": 1,
        "missing": 1,
    }


@pytest.mark.slow
def test_both_engines_agree_on_a_sample_and_find_what_was_planted(job, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(RIDES)
    sample, labels = tmp_path / "e.ndjson", tmp_path / "labels.ndjson"
    ended = here(
        capsys, "sample", "trip", "--events", "5000", "--seed", "11", "--profile", "profile.json",
        "--out", str(sample), "--labels", str(labels),
    )  # fmt: skip
    assert ended.status == 0, ended.err
    both(job, [sample], tmp_path)
    planted = [json.loads(line) for line in labels.read_text().splitlines()]
    messages = sample.read_bytes().splitlines()
    bugs = [p for p in planted if p["planted"] == "logging_bug" and p.get("expected") == "logging_bug"]
    assert bugs
    raw = tacet.compile(RIDES).job("raw_trip")
    for label in bugs[:200]:
        [row] = raw.explain(messages[label["message"]])["rows"]
        assert row["verdicts"][label["field"]] == "logging_bug"

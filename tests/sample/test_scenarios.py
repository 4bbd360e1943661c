"""Labels say what was planted; the reference interpreter, which the sampler never asks, finds exactly that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacet_runtime.sample import SCENARIOS, NoPlaceError
from tests.sample import domains
from tests.sample.agreement import disagreements, open_repository, sampled
from tests.support import small

ROOT = Path(__file__).resolve().parents[2]
ODD = ("anything", "readings")


def opened(name: str, folder: Path, monkeypatch):
    if name == "impressions":
        return open_repository(ROOT, "enriched_impression", monkeypatch)
    if name == "rides":
        return open_repository(ROOT / "examples/rides", "trip", monkeypatch)
    return open_repository(folder, getattr(domains, name)(folder), monkeypatch)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_labels_of_impressions_are_what_the_interpreter_finds(scenario, tmp_path, monkeypatch):
    sample = sampled(opened("impressions", tmp_path, monkeypatch), tmp_path, scenario, events=120)
    assert disagreements(sample) == []
    assert not SCENARIOS[scenario].kinds or any(sample.planted(kind) for kind in SCENARIOS[scenario].kinds)


def test_labels_of_payments_are_what_the_interpreter_finds(tmp_path, monkeypatch):
    found = opened("payments", tmp_path, monkeypatch)
    for scenario in ("mixed", "clean", "expired_omission"):
        assert disagreements(sampled(found, tmp_path, scenario, events=100)) == []


def test_agreements_with_reference_data_are_kept_in_a_clean_sample(tmp_path, monkeypatch):
    sample = sampled(opened("rides", tmp_path, monkeypatch), tmp_path, "clean", events=150)
    assert disagreements(sample) == []
    assert sample.planted("agreement") == []


def test_a_number_beyond_the_range_of_a_decimal_of_38_digits_is_one(tmp_path, monkeypatch):
    amount = 'amount: {type: "decimal(38,10)", path: $.amount, encoding: string, range: [0, "9999999999999999999999999999"], presence: required}'
    files = {
        "ping/1.0.0.yaml": small.raw(amount),
        "pong/1.0.0.yaml": small.derived("id: {from: id}\namount: {from: amount}"),
        "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
    }
    small.write(tmp_path, files)
    sample = sampled(open_repository(tmp_path, "pong", monkeypatch), tmp_path, "out_of_range", events=60)
    assert disagreements(sample) == []
    assert sample.planted("out_of_range")


@pytest.mark.parametrize("name", ODD)
def test_odd_contracts_give_valid_messages_and_true_labels(name, tmp_path, monkeypatch):
    found = opened(name, tmp_path, monkeypatch)
    for scenario in ("clean", "mixed"):
        assert disagreements(sampled(found, tmp_path, scenario, events=60)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["payments", "rides", *ODD])
def test_every_scenario_is_true_or_refused_in_every_domain(name, tmp_path, monkeypatch):
    found = opened(name, tmp_path, monkeypatch)
    for scenario in SCENARIOS:
        try:
            sample = sampled(found, tmp_path, scenario, events=150, seed=11)
        except NoPlaceError as error:
            assert scenario not in error.possible
            continue
        assert disagreements(sample) == [], scenario


def test_nothing_is_wrong_in_a_clean_sample(tmp_path, monkeypatch):
    sample = sampled(opened("impressions", tmp_path, monkeypatch), tmp_path, "clean", events=200)
    assert {label["planted"] for labels in sample.labels.values() for label in labels} <= {
        "omission", "predates", "filter", "other",
    }  # fmt: skip


def test_a_scenario_without_a_place_is_refused_with_those_that_have_one(tmp_path, monkeypatch):
    found = opened("readings", tmp_path, monkeypatch)
    with pytest.raises(NoPlaceError) as caught:
        sampled(found, tmp_path, "expired_omission")
    assert "clean" in caught.value.possible
    assert "expired_omission" not in caught.value.possible


def test_the_same_bug_is_in_the_same_build_whatever_the_seed(tmp_path, monkeypatch):
    found = opened("impressions", tmp_path, monkeypatch)
    places = [
        {(x["producer"], x["version"], x["field"]) for x in sampled(found, tmp_path, "logging_bug", seed=seed, events=200).planted("logging_bug")}
        for seed in (1, 2)
    ]  # fmt: skip
    assert places[0] == places[1]
    assert len(places[0]) == 1

"""The bench's own code on tiny input, so that it cannot rot: what it measures is run, what it says is checked."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from bench import work
from bench.__main__ import TINY, run
from bench.contracts import write_contracts
from bench.events import ONE, plan_of, repeated, write_events
from bench.report import Figure, picture, stage_table, table
from bench.stages import STAGES
from tacet_codegen import frontend


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "events.ndjson"
    write_events(plan_of(work.ROOT), work.ROOT, file, ONE, 60)
    return file


def test_the_job_is_measured_with_a_clock_at_every_stage(events, tmp_path):
    cost = work.staged(repeated(events, tmp_path / "twice", 2), tmp_path / "warehouse")
    assert cost.messages == 120
    assert set(cost.stages) == {name for name, _, _ in STAGES}
    assert min(cost.stages[name] for name, _, _ in STAGES if "strict path" not in name) > 0
    assert sum(cost.stages.values()) <= cost.cpu * 1.05


@pytest.mark.parametrize("name", ["naive+avro", "good+avro"])
def test_the_loops_write_the_rows_that_the_job_writes_less_what_they_cannot_judge(name, events, tmp_path):
    job = work.job(events, tmp_path / "job")
    loop = work.WORK[name](events, tmp_path / "loop")
    assert 0.6 * job.rows <= loop.rows <= job.rows


def test_json_valid_reads_the_same_bytes(events, tmp_path):
    assert work.json_valid(events, tmp_path).messages == 60


def test_many_contracts_are_contracts(tmp_path):
    write_contracts(work.ROOT / "contracts", tmp_path, 4)
    loaded = frontend.load(tmp_path / "contracts")
    assert loaded.repository is not None, loaded.diagnostics
    assert len(loaded.repository.jobs) == 2


def test_a_missed_bound_is_said():
    figures = [Figure("speed", 2.0, 3.0, "note"), Figure("memory", 2.0, 3.0, "note", least=False)]
    assert [figure.verdict for figure in figures] == ["MISSED", "pass"]
    assert ">= 3" in table(figures)
    assert ET.fromstring(picture(figures, {"read": 1.0})).tag.endswith("svg")
    assert "2.00" in stage_table({"read": 1.0}, 1_000_000, 0.5)


@pytest.mark.slow
def test_the_whole_bench_runs_on_tiny_input(tmp_path):
    figures = run(tmp_path, tmp_path / "out", TINY)
    document = json.loads((tmp_path / "out/bench.json").read_text())
    assert len(document["figures"]) == len(figures) == 16
    assert (tmp_path / "out/bench.svg").exists()

"""Real events of a public event platform, through contracts written by hand: the accounting closes and engines agree.

The corpus lies beside the checkout (`../shared/corpus`) and is no part of it: a checkout elsewhere, CI's too, leaves these tests
out and says so at the end. Where `../shared` is there and the corpus is not, `TACET_REQUIRE_ALL=1` makes that a failure.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

import tacet
from tests.support.command import ROOT

CORPUS = next((p / "shared/corpus/wikimedia" for p in ROOT.parents if (p / "shared/corpus/wikimedia").is_dir()), None)
JOBS = {"wiki.revision": (8, 0), "wiki.edit": (5, 0), "wiki.failure": (4, 0)}
"""Job -> messages of its stream, and how many of them are rejected."""

BESIDE = (ROOT.parent / "shared").is_dir()
if CORPUS is None and not (BESIDE and os.environ.get("TACET_REQUIRE_ALL") == "1"):
    pytest.skip(
        "no `shared/corpus/wikimedia` beside this checkout: the tests over real events", allow_module_level=True
    )


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    assert CORPUS is not None, "TACET_REQUIRE_ALL=1, and the corpus is not beside this checkout"
    path = tmp_path_factory.mktemp("corpus") / "events.ndjson"
    lines = [json.loads(line)["event"] for line in (CORPUS / "events.ndjson").read_text().splitlines()]
    path.write_text("".join(json.dumps(event) + "\n" for event in lines))
    return path


@pytest.fixture(scope="module")
def compiled():
    return tacet.compile(Path(__file__).parent / "contracts")


def rows(warehouse: Path, table: str) -> list[str]:
    from tacet_runtime.connectors.iceberg import open_catalog

    return sorted(map(repr, open_catalog(warehouse).load_table(table).scan().to_arrow().to_pylist()))


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_every_event_is_accounted_for_and_both_engines_agree(name, events, compiled, tmp_path):
    job = compiled.job(name)
    counts = {e: job.run([events], warehouse=tmp_path / e, engine=e) for e in ("embedded", "reference")}
    assert counts["embedded"] == counts["reference"]
    one, (ours, rejected) = counts["embedded"], JOBS[name]
    total = len(events.read_text().splitlines())
    assert (one["in"], one["skipped"], one["rejected"]) == (total, total - ours, rejected), one
    for table in job.plan.tables:
        if table.role != "ledger":
            assert rows(tmp_path / "embedded", table.name) == rows(tmp_path / "reference", table.name)
    assert job.verify(warehouse=tmp_path / "embedded")["findings"] == []


def told(compiled, events, name):
    job = compiled.job(name)
    results = [job.explain(line) for line in events.read_bytes().splitlines()]
    return [row for result in results for row in result["rows"]]


@pytest.mark.slow
def test_verdicts_of_revisions_make_sense(compiled, events):
    found = told(compiled, events, "revision_create")
    assert {row["verdicts"]["rev_id"] for row in found} == {"present"}
    logged = Counter(row["verdicts"]["logged_at"] for row in found)
    assert logged == {"present": 7, "unknown_producer": 1}  # one event has a key `dt"`: a slip of a real producer
    [slip] = [row for row in found if row["verdicts"]["logged_at"] != "present"]
    assert any('dt\\"' in key or 'dt"' in key for key in slip["unknown"])
    assert {row["verdicts"]["slots"] for row in found} == {"present", "optional"}


@pytest.mark.slow
def test_verdicts_of_failures_make_sense(compiled, events):
    found = told(compiled, events, "network_error")
    assert Counter(row["verdicts"]["protocol"] for row in found) == {"present": 3, "invalid": 1}  # one sends ""
    assert {row["verdicts"]["error"] for row in found} == {"present"}


@pytest.mark.slow
def test_changes_and_predictions_share_a_stream_and_slots_are_kept_whole(compiled, events):
    found = told(compiled, events, "edit")
    assert {row["verdicts"]["prior_title"] for row in found} == {"not_applicable"}
    assert Counter(row["verdicts"]["slots"] for row in found) == {"present": 3, "unknown_producer": 2}
    whole = [row["values"]["slots"]["main"] for row in found if row["values"]["slots"]]
    assert {slot["content_model"] for slot in whole} == {"wikitext"}
    assert [row["flags"] for row in found] == [[]] * 5

"""Embedded engine and reference give the same over the events of the reference application, in every scenario."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.sample import SCENARIOS, Recipe, write_sample
from tests.conformance.differential import Both

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 200_000


def differences(scenario: str, events: int, seed: int, folder: Path) -> Iterator[str]:
    """Yield what differs, batch by batch, over a sample of the scenario."""
    loaded = frontend.load(ROOT / "contracts")
    assert loaded.repository is not None
    [job] = [job for job in loaded.repository.jobs if job.name == "impressions.enriched_impression"]
    plan = compile_plan(job, loaded.repository.lock)
    lookups = load_lookups(plan, ROOT)
    reference = {name: lookup.rows for name, lookup in lookups.items()}
    sample = folder / "events.ndjson"
    write_sample(plan, Recipe(seed, scenario, reference=reference), sample, events=events)
    engines, first = Both(plan, lookups), 0
    with sample.open("rb") as lines:
        while messages := [line.removesuffix(b"\n") for line in islice(lines, 10_000)]:
            yield from engines.differences(messages, first)
            first += len(messages)
    assert first == events


def test_engines_agree_on_a_sample(tmp_path: Path) -> None:
    assert list(differences("mixed", 500, 7, tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_engines_agree_on_200_000_events(scenario: str, tmp_path: Path) -> None:
    assert list(differences(scenario, -(-EVENTS // len(SCENARIOS)), 11, tmp_path)) == []

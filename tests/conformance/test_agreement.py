"""Every engine and every target says the same of the same texts; what is left is in gaps.yaml, and nothing stale is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance import closed
from tests.conformance.agreement import Agreement, texts_of
from tests.conformance.cases import CASES, compiled
from tests.conformance.gaps import Ledger, gaps

if TYPE_CHECKING:
    from pathlib import Path

VECTORS = 1_000_000
FAST = (
    "int",
    "double string",
    "decimal(9,2) range",
    "timestamptz",
    "timestamp epoch_millis",
    "uuid identity",
    "string one_of",
)


def test_engines_and_targets_agree_at_the_edges_of_types(tmp_path: Path) -> None:
    agreement = Agreement(Ledger())
    for seed, one in enumerate(compiled(tmp_path, [case for case in CASES if case.name in FAST])):
        agreement.run(one, texts_of(one, seed, 0), None, 20)
    assert agreement.ledger.unknown == []


def test_values_come_back_from_tables_as_they_were(tmp_path: Path) -> None:
    agreement = Agreement(Ledger())
    [one] = compiled(
        tmp_path, [case for case in CASES if case.name == "struct{a: struct{b: decimal(5,2)}, c: list<uuid>}"]
    )
    agreement.run(one, texts_of(one, 0, 0), tmp_path / "warehouse", 20)
    assert agreement.ledger.unknown == []


def test_every_gap_has_a_reason() -> None:
    assert [gap for gap in gaps() if len(gap.reason) < 20] == []


@pytest.mark.slow
def test_a_million_texts_mean_the_same_everywhere(tmp_path: Path) -> None:
    agreement = Agreement(Ledger())
    cases = compiled(tmp_path)
    for seed, one in enumerate(cases):
        agreement.run(one, texts_of(one, seed, 0), tmp_path / "warehouse", 60)
    rich = [one for one in cases if one.case.type != "boolean"]
    for seed, one in enumerate(rich):
        each = -(-(VECTORS - agreement.vectors) // (len(rich) - seed))
        agreement.run(one, texts_of(one, 1_000 + seed, max(each + each // 20, 200)), None, 60)
    for seed, one in enumerate(rich):  # some texts were drawn twice, and count once
        if agreement.vectors < VECTORS:
            agreement.run(one, texts_of(one, 2_000 + seed, 500), None, 60)
    for name in closed.CASES:
        closed.run(tmp_path / name, name, agreement.ledger)
    assert agreement.ledger.unknown[:20] == []
    assert agreement.ledger.stale() == []
    assert agreement.vectors >= VECTORS

"""Random contracts, random events: the embedded engine gives what the reference gives, row for row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.random_run import differences

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_on_random_contracts(seed: int, tmp_path: Path) -> None:
    assert differences(tmp_path, seed, 150, batches=2) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_forgetting_kinds_of_rows_changes_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacet_runtime.engines.embedded.memory._KINDS", 3)
    assert differences(tmp_path, seed, 60, batches=12) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_engines_agree_on_many_random_contracts(seed: int, tmp_path: Path) -> None:
    assert differences(tmp_path, seed, 500) == []

"""Both engines say what the design says of single texts, and give each of the nine verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.known import wrong_texts, wrong_verdicts

if TYPE_CHECKING:
    from pathlib import Path


def test_single_texts_have_the_verdict_and_value_of_the_table(tmp_path: Path) -> None:
    assert list(wrong_texts(tmp_path)) == []


def test_each_verdict_and_reject_comes_when_the_design_says_so(tmp_path: Path) -> None:
    assert list(wrong_verdicts(tmp_path)) == []

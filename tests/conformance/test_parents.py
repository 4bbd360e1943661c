"""A parent that is null, and one that is no object: every engine and target says the same of what is below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.parents import wrong_parents, wrong_words

if TYPE_CHECKING:
    from pathlib import Path


def test_engines_and_targets_agree_on_whatever_stands_above_a_field(tmp_path: Path) -> None:
    assert list(wrong_parents(tmp_path)) == []


def test_null_above_is_missing_and_no_object_above_is_of_the_wrong_type(tmp_path: Path) -> None:
    assert list(wrong_words(tmp_path)) == []

"""Hostile text in every position: refused with a diagnostic, or harmless in everything that is generated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tacet_codegen import frontend
from tests.language.harmless import assert_harmless
from tests.language.hostile import CANARY, RAW, STRINGS, accepted, positions, substituted
from tests.language.repositories import EVERYTHING

if TYPE_CHECKING:
    from pathlib import Path

POSITIONS = positions(EVERYTHING)
KEYS = [p for p in POSITIONS if p.path.endswith(":key") and "*" not in p.path.rpartition("/")[2]]
INSIDE = [p for p in POSITIONS if p.inside]
WHOLE = [p for p in POSITIONS if p not in KEYS and not p.inside]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, where a payload that ran would leave its mark."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield tmp_path / "work"
    assert list(folder.iterdir()) == []
    assert not list(tmp_path.rglob(f"*{CANARY}*"))


def labels(texts) -> list[str]:
    return [f"{at}-{ascii(text)[:30]}" for at, text in enumerate(texts)]


@pytest.mark.parametrize("turn", [0])
def test_hostile_texts_one_a_position_are_refused_or_harmless(here, turn):
    some = [t for t in STRINGS if len(t) < 200][turn % 2 :: 2]
    kept = accepted(EVERYTHING, here, {p: some[(at * 7 + turn) % len(some)] for at, p in enumerate(WHOLE + INSIDE)})
    assert len(kept) > 10
    assert_harmless(here, kept)


@pytest.mark.slow
@pytest.mark.parametrize("hostile", STRINGS, ids=labels(STRINGS))
def test_every_hostile_text_is_refused_or_harmless_in_every_position(here, hostile):
    assert_harmless(here, accepted(EVERYTHING, here, dict.fromkeys(WHOLE + INSIDE, hostile)))


@pytest.mark.slow
@pytest.mark.parametrize("hostile", STRINGS, ids=labels(STRINGS))
def test_no_hostile_text_is_a_key_of_the_language(here, hostile):
    assert accepted(EVERYTHING, here, dict.fromkeys(KEYS, hostile)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("raw", RAW, ids=labels(RAW))
def test_text_without_quotes_ends_in_diagnostics_or_means_itself(here, raw):
    for position in WHOLE[:: max(len(WHOLE) // 60, 1)]:
        written_raw(here, position, raw)


@pytest.mark.parametrize("raw", RAW, ids=labels(RAW))
def test_a_topic_without_quotes_ends_in_diagnostics(here, raw):
    [position] = [p for p in WHOLE if p.file.endswith("order/1.0.0.yaml") and p.path == "source/topic"]
    assert written_raw(here, position, raw)


def written_raw(work: Path, position, raw: str) -> bool:
    """Put a text in, and return whether that is an error; the loader never raises."""
    shutil.copytree(EVERYTHING, work, dirs_exist_ok=True)
    substituted(EVERYTHING, work, [position], [raw])
    found = frontend.load(work / "contracts")
    assert all(d.hint and d.span.file.startswith("contracts") for d in found.diagnostics)
    return found.repository is None

"""`unknown_fields: reject` means the same to the job, to the JSON Schema and to the model, key by key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conformance import closed
from tests.conformance.gaps import Ledger

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", closed.CASES)
def test_a_key_that_no_field_names_is_refused_by_all_or_by_none(name: str, tmp_path: Path) -> None:
    ledger = Ledger()
    _, messages, refused = closed.run(tmp_path, name, ledger)
    assert 0 < refused < messages
    assert ledger.unknown == []


@pytest.mark.parametrize("word", ["report", "keep"])
def test_where_unknown_keys_are_taken_no_target_refuses_them(word: str, tmp_path: Path) -> None:
    ledger = Ledger()
    one, _, refused = closed.run(tmp_path, "closed nested", ledger, word)
    assert (refused, ledger.unknown) == (0, [])
    assert "additionalProperties" not in json.dumps(one.schema)

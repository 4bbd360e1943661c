"""Files that are no contracts, or are called what nobody can read."""

from __future__ import annotations

import json

import pytest

from tacet_codegen import frontend
from tacet_codegen.diagnostics import Diagnostic, Span, as_json, render
from tests.language.repositories import EVERYTHING, copied

NAMES = ["we\nird.yaml", "\udcff.yaml", "a\u202eb.yaml", "back\\slash.yaml", "\x1b[31m.yaml"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_name_that_cannot_be_shown_is_refused_on_one_line_of_valid_text(tmp_path, name):
    contracts = copied(EVERYTHING, tmp_path)
    (contracts / "shop" / "order" / name).write_text("x")
    [found] = frontend.load(contracts).diagnostics
    assert found.code == "E209"
    for form in ("text", "json", "github"):
        text = render([found], form)
        assert text.count("\n") == (2 if form == "text" else 1)
        assert text.rstrip("\n").replace("\n", "").isprintable()
    assert json.loads(render([found], "json")) == as_json(found)
    json.dumps(as_json(found), ensure_ascii=False).encode()


def test_files_that_are_no_yaml_are_left_alone(tmp_path):
    contracts = copied(EVERYTHING, tmp_path)
    (contracts / "shop" / "README.md").write_text("notes")
    (contracts / "shop" / "order" / "1.0.0.yaml~").write_text("event: [")
    (tmp_path / "islands" / "broken.yaml").write_text("[")
    assert frontend.load(contracts).diagnostics == ()


def test_a_folder_called_like_a_contract_holds_none(tmp_path):
    contracts = copied(EVERYTHING, tmp_path)
    (contracts / "shop" / "order" / "2.0.0.yaml").mkdir()
    assert frontend.load(contracts).diagnostics == ()


def test_what_would_deceive_the_eye_is_escaped_in_every_form_for_people():
    told = Diagnostic("E218", "error", "bad \x1b[1m\u0085\u202e%", Span("a\x1b.yaml", 1, 1), "no \x1b")
    for form in ("text", "github"):
        assert render([told], form).replace("\n", "").isprintable()
    assert "bad \\x1b[1m\\x85\\u202e%25" in render([told], "github")

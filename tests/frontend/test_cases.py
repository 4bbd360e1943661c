"""Each folder of tests/cases is one mistake: its contracts, and exactly what `tacet check` says of them."""

import re
from pathlib import Path

import pytest

from tacet_codegen.diagnostics import render
from tacet_codegen.rules.reference import codes, markdown
from tests.support.cases import CASES, checked, names

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r'"([EW][0-9]{3})"')


@pytest.mark.parametrize("name", names())
def test_a_case_says_what_it_did(name, tmp_path, golden):
    golden(render(checked(name, tmp_path), "text"), CASES / name / "expected.txt")


@pytest.mark.parametrize("name", names())
def test_a_case_shows_its_own_code_alone_with_a_place_and_a_way_out(name, tmp_path):
    found = checked(name, tmp_path)
    assert {d.code for d in found} == (set() if name.startswith("ok-") else {name[:4]})
    assert all(d.hint and not d.message.endswith(".") and d.span.file.startswith("contracts/") for d in found)


def test_every_code_has_a_case_and_every_case_a_code():
    assert {name[:4] for name in names()} - {"ok-w", "ok-e"} == set(codes())


def test_every_code_of_the_program_is_in_the_table_and_the_other_way_round():
    files = (ROOT / "codegen" / "tacet_codegen").rglob("*.py")
    used = {
        code for file in files if "rules/codes.py" not in file.as_posix() for code in CODE.findall(file.read_text())
    }
    assert used | {"W731"} == set(codes())
    assert len(set(codes())) == len(codes())


def test_the_page_of_diagnostics_is_written_from_the_tables(golden):
    examples: dict[str, str] = {}
    for name in names():
        examples.setdefault(name[:4], (CASES / name / "expected.txt").read_text())
    golden(markdown(examples), ROOT / "docs" / "diagnostics.md")

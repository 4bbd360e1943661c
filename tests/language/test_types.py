"""One table of types: every target gives what it says, the page is written from it, a new type stops the type checker."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from typing import get_args

import pytest

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.nodes import Scalar
from tacet_codegen.frontend.reading import Problems
from tacet_codegen.frontend.types import encodings, parse_type
from tacet_codegen.ir.typetable import TYPES, markdown
from tacet_codegen.ir.typetext import type_text
from tacet_codegen.targets.avro import avro_type
from tacet_codegen.targets.duckdb import literals as duckdb
from tacet_codegen.targets.flink import literals as flink
from tacet_codegen.targets.iceberg import iceberg_type
from tacet_codegen.targets.jsonschema import value_schema
from tacet_codegen.targets.models import _generated
from tacet_runtime.plan.types import Type
from tests.language.repositories import ROOT

each_type = pytest.mark.parametrize("row", TYPES, ids=lambda row: type_text(row.type))


def as_json(text: str):
    return json.loads(text) if text[0] in '{"' else text


def test_every_type_of_the_union_has_a_row():
    assert {type(row.type) for row in TYPES} == set(get_args(Type))


def test_the_page_is_what_the_table_says(golden):
    golden(markdown(), ROOT / "docs" / "types.md")


@each_type
def test_a_type_is_written_as_it_is_read(row):
    problems = Problems()
    text = type_text(row.type)
    assert parse_type(Scalar(text, True, Span("f", 1, 1), True), problems) == row.type
    assert encodings(row.type) == row.encodings


@each_type
def test_every_target_gives_the_form_of_the_table(row):
    assert avro_type(row.type, "x") == as_json(row.avro)
    assert iceberg_type(row.type, itertools.count(1)) == as_json(row.iceberg)
    assert flink.type_name(row.type) == row.flink
    assert duckdb.type_name(row.type) == row.duckdb
    schema = json.dumps(value_schema(row.type, row.encodings[0]))
    shown = row.jsonschema.removesuffix("...")
    assert schema == shown or (row.jsonschema.endswith("...") and schema.startswith(shown))


@each_type
def test_the_python_model_has_the_form_of_the_table(row):
    value = value_schema(row.type, row.encodings[0])
    text = _generated(json.dumps({"title": "M", "type": "object", "properties": {"x": value}, "required": ["x"]}))
    form = text.rpartition("    x: ")[2].splitlines()[0]
    head, dots, tail = row.python.partition("...")
    assert (
        form == "X"
        if row.python == "a class"
        else form.startswith(head) and form.endswith(tail) and (form == head or dots)
    )


NEW = '''class PointType(msgspec.Struct, frozen=True, tag="point", tag_field="type"):
    """A place on the earth."""


PrimitiveType: TypeAlias = (
    PointType
    | BooleanType
'''
MUST_ANSWER = (
    "codegen/tacet_codegen/targets/avro.py",
    "codegen/tacet_codegen/targets/iceberg.py",
    "codegen/tacet_codegen/targets/jsonschema.py",
    "codegen/tacet_codegen/targets/flink/literals.py",
    "codegen/tacet_codegen/targets/duckdb/literals.py",
    "codegen/tacet_codegen/ir/typetext.py",
    "runtime/tacet_runtime/connectors/arrow.py",
    "runtime/tacet_runtime/connectors/iceberg_types.py",
    "runtime/tacet_runtime/steps/typing.py",
)
"""Python models are made from JSON Schema, and documentation of typetext's names."""


@pytest.mark.slow
def test_a_new_type_fails_type_checking_until_every_target_has_answered(tmp_path):
    for folder in ("codegen", "runtime", "tacet"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "generated/python", tmp_path / "generated/python")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    union = tmp_path / "runtime/tacet_runtime/plan/types.py"
    text = union.read_text()
    changed = text.replace("PrimitiveType: TypeAlias = (\n    BooleanType\n", NEW)
    assert changed != text
    union.write_text(changed)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    silent = [file for file in MUST_ANSWER if f"{file}:" not in done.stdout or "PointType" not in done.stdout]
    assert silent == [], done.stdout

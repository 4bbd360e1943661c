"""The page for readers says what the tables say."""

from pathlib import Path

import pytest
from both import typed

from tacet_codegen.frontend.expressions.reference import markdown
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable
from tacet_runtime.plan.functions import FUNCTIONS, WRITTEN_AS_CALLS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_written_from_the_tables(golden):
    golden(markdown(), DOCS / "expressions.md")


def test_names_and_forms_are_each_said_once():
    assert len({f.name for f in FUNCTIONS}) == len(FUNCTIONS) == len({f.form for f in FUNCTIONS})
    assert set(WRITTEN_AS_CALLS.values()) <= {f.name for f in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS, ids=[f.name for f in FUNCTIONS])
def test_every_function_has_a_meaning_and_an_example_unless_no_constant_can_be_written(function):
    assert function.meaning.endswith(".")
    assert function.examples or function.group == "collection"
    assert all(typed(written) is not None for written, _ in function.examples)


def test_every_engine_says_every_function():
    from tacet_codegen.targets.duckdb.functions import FUNCTIONS as DUCKDB
    from tacet_codegen.targets.flink.functions import FUNCTIONS as FLINK
    from tacet_runtime.steps.expressions_functions import FUNCTIONS as MEANT

    assert set(DUCKDB) == set(FLINK)
    assert set(DUCKDB) <= set(MEANT) | {"nullif"}
    assert set(MEANT) <= {f.name for f in FUNCTIONS}


def test_a_cast_to_its_own_type_changes_nothing():
    for type_ in (t.IntType(), t.StringType(), t.DecimalType(5, 2), t.UuidType(), t.BinaryType(), t.TimeType()):
        assert castable(type_, type_) == "always"

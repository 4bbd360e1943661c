"""The interpreter and DuckDB agree, on value and on failure, for whatever can be written."""

import pytest
from both import SCOPE, Table, interpreted, same, typed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import generated
from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.expressions import parse, text


def agree(texts, rows):
    table = Table(rows)
    for written in texts:
        expression = parse(written, lambda at: Span("t", 1, at + 1), SCOPE, [])
        if expression is None:  # two decimals that need more than 38 digits together
            continue
        expected, got = interpreted(expression, rows), table.run(expression)
        assert same(expected, got), (
            written,
            [(r, e, g) for r, e, g in zip(rows, expected, got, strict=True) if not same([e], [g])],
        )


BATCHES = st.lists(generated.expressions(), min_size=10, max_size=10)
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=8, **QUIET)
@given(BATCHES, generated.rows())
def test_random_expressions_over_random_rows_mean_the_same_on_both(texts, rows):
    agree(texts, rows)


@pytest.mark.slow
@settings(max_examples=250, **QUIET)
@given(BATCHES, generated.rows())
def test_many_random_expressions_mean_the_same_on_both(texts, rows):
    agree(texts, rows)


@settings(max_examples=60, **QUIET)
@given(generated.expressions())
def test_canonical_text_is_read_back_as_the_same_expression(written):
    expression = parse(written, lambda at: Span("t", 1, at + 1), SCOPE, [])
    if expression is not None:
        assert text(typed(text(expression))) == text(expression)

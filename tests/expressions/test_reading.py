"""What binds to what is sqlglot's word; the plan's tree is the same one."""

import pytest
import sqlglot
from both import SCOPE, typed
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.tokens import TokenType

import generated
from tacet_codegen.frontend.expressions import inputs, text

LEAVES = st.sampled_from(["i", "j", "1", "2"])
OPERATORS = st.sampled_from(["+", "-", "*", "/", "%"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(OPERATORS, st.sampled_from(["", "-"]), LEAVES), min_size=1, max_size=6))
def test_unparenthesised_arithmetic_binds_as_sqlglot_reads_it(parts):
    written = "i" + "".join(f" {operator} {sign}{leaf}" for operator, sign, leaf in parts)
    ours = sqlglot.parse_one(text(typed(written)))
    theirs = sqlglot.parse_one(written)
    assert bare(ours) == bare(theirs)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("b OR c AND NOT b", "b OR (c AND (NOT b))"),
        ("NOT i = 1 AND b", "(NOT (i = 1)) AND b"),
        ("b AND c AND (b AND c)", "b AND c AND b AND c"),
        ("i + j * 2 = 7 OR b", "((i + (j * 2)) = 7) OR b"),
        ("CONCAT(s, (u || 'a'), 'b') = 'ab'", "(s || u || 'a' || 'b') = 'ab'"),
        ("s || u = 'ab'", "(s || u) = 'ab'"),
        ("i BETWEEN 1 AND 2 AND b", "(i BETWEEN 1 AND 2) AND b"),
        ("i NOT IN (1, 2)", "NOT (i IN (1, 2))"),
        ("i IS NOT NULL = b", "(NOT (i IS NULL)) = b"),
        ("i != j", "i <> j"),
        ("case i when 1 then 'a' end", "CASE WHEN i = 1 THEN 'a' END"),
        ("mod(i, 2) = 0", "(i % 2) = 0"),
        ("d - interval '1' week = e", "(d - INTERVAL '7' DAY) = e"),
        ("d + INTERVAL '-1' MONTH = e", "(d - INTERVAL '1' MONTH) = e"),
        ("tz = TIMESTAMPTZ '2026-01-01 01:00:00+01:00'", "tz = TIMESTAMPTZ '2026-01-01T00:00:00Z'"),
        ("x = 1", "x = 1.0e0"),
        ("m = 1", "m = 1.00"),
        ("s = 'it''s'", "s = 'it''s'"),
        (r"REGEXP_LIKE(s, '^\d+\s.$')", r"REGEXP_LIKE(s, '^[0-9]+[\t\n\f\r ][^\n]$')"),
    ],
)
def test_canonical_text_has_one_spelling_for_one_meaning(written, canonical):
    assert text(typed(written)) == canonical
    assert text(typed(canonical)) == canonical


@settings(max_examples=40, deadline=None)
@given(generated.expressions())
def test_inputs_are_the_columns_in_the_order_they_are_written(written):
    from tacet_codegen.frontend.expressions import parse

    expression = parse(written, lambda at: None, SCOPE, [])
    if expression is not None and "CASE" not in written:
        tokens = sqlglot.tokenize(text(expression))
        named = [token.text for token in tokens if token.token_type is TokenType.VAR and token.text in SCOPE.columns]
        assert set(inputs(expression)) == set(named)


def test_inputs_are_in_written_order_and_once():
    assert inputs(typed("j + i * j > n")) == ("j", "i", "n")


def bare(tree):
    """The tree without parentheses; a negative number is a number."""
    tree = tree.transform(lambda n: n.this if isinstance(n, exp.Paren) else n)
    return (
        tree.transform(lambda n: n.unnest() if isinstance(n, exp.Paren) else n)
        .sql()
        .replace("(", "")
        .replace(")", "")
        .replace("- -", "-")
        .replace(" ", "")
    )

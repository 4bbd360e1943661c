"""How the engines are told: plain SQL where nothing can fail, guarded where something can; Flink's text is golden."""

from pathlib import Path

import pytest
from both import typed
from test_functions import CASES

from generated import TEXTS
from tacet_codegen.targets.duckdb import expressions as duckdb
from tacet_codegen.targets.flink import expressions as flink

HERE = Path(__file__).parent
PLAIN = [
    ("i = j", "(i = j)"),
    ("s = 'ROW'", "(s = 'ROW')"),
    ("n >= 1000", "(n >= CAST('1000' AS BIGINT))"),
    ("tz <= ty", "(tz <= ty)"),
    ("s <> 'a' OR i IS NULL", "((s <> 'a') OR (i IS NULL))"),
    ("CAST(tz AS date) = d", "(CAST(tz AS DATE) = d)"),
    ("CASE s WHEN 'a' THEN 'b' ELSE u END", "CASE WHEN (s = 'a') THEN 'b' ELSE u END"),
    ("i IN (1, 2)", "(i IN (1, 2))"),
    ("i / 2", "(i // 2)"),
    ("m + 1", "(CAST(m AS DECIMAL(11,2)) + CAST('1.00' AS DECIMAL(11,2)))"),
    ("b", "b"),
]


def named(column):
    return column.name


@pytest.mark.parametrize(("written", "sql"), PLAIN)
def test_what_cannot_fail_is_plain_sql_for_duckdb(written, sql):
    assert duckdb.render(typed(written), named) == sql
    assert duckdb.render_error(typed(written), named) == "FALSE"


def test_flink_s_text_is_as_committed(golden):
    lines = []
    for written in dict.fromkeys(c[0] for c in CASES):
        expression = typed(written)
        lines += [
            f"-- {written}",
            flink.render(expression, lambda c: f"`{c.name}`"),
            flink.render_error(expression, lambda c: f"`{c.name}`"),
            "",
        ]
    golden("\n".join(lines), HERE / "golden" / "flink.sql")


def test_sql_grows_with_the_expression_and_not_beyond():
    def size(depth):
        written = "x"
        for _ in range(depth):
            written = f"1e0 / ({written})"
        return len(duckdb.render(typed(f"{written} > 1e0"), named))

    assert size(40) < 3 * size(20)


@pytest.mark.parametrize(
    "function",
    [
        "NULLIF({0}, i)",
        "GREATEST({0}, i)",
        "i + {0}",
        "{0} / j",
        "COALESCE({0}, j)",
        "CASE WHEN {0} = 1 THEN i ELSE j END",
        "CAST(CAST({0} AS string) AS int)",
    ],
)
def test_deeply_nested_guards_stay_small_and_run(function):
    from both import Table, interpreted, same

    written = "i"
    for _ in range(12):
        written = "(" + function.format(written) + ")"
    expression = typed(written)
    assert len(duckdb.render(expression, named)) < 10_000
    rows = [{"i": 3, "j": 2}, {"i": 2**31 - 1, "j": 0}, {}]
    assert same(Table(rows).run(expression), interpreted(expression, rows))


def test_no_text_of_a_contract_stands_bare_in_flink_s_sql():
    for value in TEXTS:
        written = "'" + value.replace("'", "''") + "'"
        assert flink.render(typed(f"s = {written}"), named).isascii()

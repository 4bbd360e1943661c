"""Text of a contract reaches SQL through one encoder per target, and comes out as the very same text."""

import duckdb
import pytest
import sqlglot
from both import Table, interpreted, same, typed
from hypothesis import given, settings
from hypothesis import strategies as st

from tacet_codegen.targets.duckdb import literals as duckdb_literals
from tacet_codegen.targets.flink import literals as flink_literals
from tacet_runtime.plan.expressions import Literal
from tacet_runtime.plan.types import StringType

HOSTILE = [
    'x"""\nimport os', "a\\", "a\rb", "a\nb", "\u2028", "\u0085", "\f", "\u202e", "'; DROP TABLE rows; --", "`", "*/", "/*+ OPTIONS() */", "{{7*7}}", "{% %}", "${x}", "%(x)s",
    "{0.__class__}", "'", "''", "\\'", "chr(0)", "U&'", "$$", "a" * 300, "é😀\U0010ffff", "?", ":a", "--", ";", "\ufeff", "\x7f", "\ud7ff", "\x01",
]  # fmt: skip
DUCKDB = duckdb.connect(config={"threads": "1"})


@pytest.mark.parametrize("hostile", HOSTILE, ids=[ascii(h)[:40] for h in HOSTILE])
def test_hostile_text_is_only_text_when_executed(hostile):
    written = "'" + hostile.replace("'", "''") + "'"
    table = Table([{"s": hostile}, {"s": hostile + "x"}])
    expression = typed(f"s = {written}")
    assert same(table.run(expression), [(True, False), (False, False)])
    joined = typed(f"REPLACE(s, {written}, 'y') || {written}")
    assert same(table.run(joined), interpreted(joined, table.rows))
    assert table.connection.execute("SELECT count(*) FROM rows").fetchone() == (2,)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_text_is_parsed_back_from_duckdb_s_sql(value):
    sql = duckdb_literals.string(value)
    assert sql.isprintable()
    assert DUCKDB.execute(f"SELECT {sql}").fetchone() == (value,)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_text_is_read_back_from_flink_s_sql(value):
    sql = flink_literals.string(value)
    assert sql.isascii()
    assert sql.isprintable()
    assert standard_sql_text(sql) == value


def standard_sql_text(sql):
    """Read a literal as SQL's standard says: '' is a quote; in U&'' a backslash starts four hexadecimal digits."""
    unicode = sql.startswith("U&")
    body = sql[3:-1] if unicode else sql[1:-1]
    assert "'" not in body.replace("''", "")
    body = body.replace("''", "'")
    if not unicode:
        return body
    units, i = b"", 0
    while i < len(body):
        if body[i] == "\\" and body[i + 1] == "\\":
            units, i = units + "\\".encode("utf-16-be"), i + 2
        elif body[i] == "\\":
            units, i = units + bytes.fromhex(body[i + 1 : i + 5]), i + 5
        else:
            units, i = units + body[i].encode("utf-16-be"), i + 1
    return units.decode("utf-16-be")


@pytest.mark.parametrize("hostile", HOSTILE, ids=[ascii(h)[:40] for h in HOSTILE])
def test_duckdb_s_sql_of_hostile_text_is_one_expression_for_another_parser_too(hostile):
    sql = duckdb_literals.literal(Literal(StringType(), hostile))
    (statement,) = sqlglot.parse(f"SELECT {sql}", dialect="duckdb")
    assert len(statement.expressions) == 1


@pytest.mark.parametrize("name", ['a"b', "a`b", "select", "a.b", "x; --"])
def test_names_are_quoted_whole(name):
    assert Table([{}]).connection.execute(f"SELECT 1 AS {duckdb_literals.identifier(name)}").description[0][0] == name
    assert flink_literals.identifier(name)[1:-1].replace("``", "").count("`") == 0

"""Runs one expression on the interpreter and on DuckDB over the same table of columns."""

import datetime as dt
from decimal import Decimal

import duckdb

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.expressions import Scope, parse
from tacet_codegen.targets.duckdb.expressions import render, render_error
from tacet_codegen.targets.duckdb.literals import identifier, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.steps.expressions import evaluate

COLUMNS = {
    "i": t.IntType(),
    "j": t.IntType(),
    "n": t.LongType(),
    "o": t.LongType(),
    "f": t.FloatType(),
    "x": t.DoubleType(),
    "y": t.DoubleType(),
    "m": t.DecimalType(10, 2),
    "k": t.DecimalType(38, 4),
    "q": t.DecimalType(38, 0),
    "p": t.DecimalType(3, 3),
    "s": t.StringType(),
    "u": t.StringType(),
    "b": t.BooleanType(),
    "c": t.BooleanType(),
    "d": t.DateType(),
    "e": t.DateType(),
    "ts": t.TimestampType(),
    "tt": t.TimestampType(),
    "tz": t.TimestamptzType(),
    "ty": t.TimestamptzType(),
    "tm": t.TimeType(),
    "id": t.UuidType(),
    "tags": t.ListType(t.StringType()),
    "nums": t.ListType(t.IntType()),
    "kv": t.MapType(t.LongType()),
}
SCOPE = Scope(COLUMNS)
NULLS = dict.fromkeys(COLUMNS)


def typed(text, scope=SCOPE, expected=None):
    """Parse what must be right."""
    diagnostics = []
    expression = parse(text, lambda at: Span("t", 1, at + 1), scope, diagnostics, expected)
    assert expression is not None, (text, diagnostics)
    return expression


def interpreted(expression, rows):
    """Return (value, failed) of each row, from the reference."""
    return [evaluate(expression, {**NULLS, **row}) for row in rows]


class Table:
    """Rows as a DuckDB table: an engine that cannot fold a constant."""

    def __init__(self, rows):
        self.rows = [{**NULLS, **row} for row in rows]
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        columns = ", ".join(f"{identifier(name)} {type_name(type_)}" for name, type_ in COLUMNS.items())
        self.connection.execute(f"CREATE TABLE rows (row_at INTEGER, {columns})")
        marks = ", ".join(["?", *(f"CAST(? AS {type_name(type_)})" for type_ in COLUMNS.values())])
        for at, row in enumerate(self.rows):
            self.connection.execute(f"INSERT INTO rows VALUES ({marks})", [at, *(_in(v) for v in row.values())])

    def run(self, expression):
        """Return (value, failed) of each row."""
        name = lambda column: identifier(column.name)  # noqa: E731
        sql = f"SELECT {render(expression, name)}, {render_error(expression, name)} FROM rows ORDER BY row_at"
        return [(out(v, expression.type), failed) for v, failed in self.connection.execute(sql).fetchall()]


def _in(value):
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return str(value) if isinstance(value, Decimal) else value


def out(value, type_):
    """Bring DuckDB's value to the reference's Python form."""
    if value is None:
        return None
    match type_:
        case t.TimestamptzType():
            return value.replace(tzinfo=dt.UTC)
        case t.UuidType():
            return str(value)
        case t.FloatType() | t.DoubleType():
            return float(value)
        case _:
            return value


def same(a, b):
    """Compare (value, failed) pairs strictly: 1 is not True, 1 is not 1.0."""
    return [(type(v), v, f) for v, f in a] == [(type(v), v, f) for v, f in b]

"""CAST in DuckDB's SQL: its own conversions round and accept more than ours, so each is narrowed before."""

from __future__ import annotations

from tacet_codegen.targets.duckdb.literals import string, type_name
from tacet_codegen.targets.duckdb.text import once
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable

_DATE = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
_DOUBLE = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_EXACT_DIGITS = 15
"""A decimal of so many digits, and its power of ten, are doubles exactly, so that one division rounds once."""


def cast_sql(sql: str, source: t.Type, target: t.Type) -> str:
    """Return SQL for the conversion; NULL for what cannot be converted."""
    name = type_name(target)
    if type_name(source) == name:
        return sql
    match source, target:
        case t.StringType(), _:
            return _from_text(sql, target)
        case ((t.DecimalType() | t.DoubleType() | t.FloatType()), t.IntType() | t.LongType()):
            return f"TRY_CAST(trunc({sql}) AS {name})"
        case t.DecimalType(precision), t.DoubleType() if precision > _EXACT_DIGITS:
            return f"CAST(CAST({sql} AS VARCHAR) AS DOUBLE)"
        case t.DoubleType(), t.FloatType():
            return f"TRY_CAST({sql} AS FLOAT)"
        case t.DecimalType(precision, scale), t.StringType() if precision == scale:
            return _below_one(sql, precision, scale)
        case _:
            return f"{'CAST' if castable(source, target) == 'always' else 'TRY_CAST'}({sql} AS {name})"


def _below_one(sql: str, precision: int, scale: int) -> str:
    """DuckDB writes `.05` for a decimal without a digit before the point."""
    if precision < 38:
        return f"CAST(CAST({sql} AS DECIMAL({precision + 1},{scale})) AS VARCHAR)"
    return rf"regexp_replace(CAST({sql} AS VARCHAR), '^(-?)\.', '\10.')"


def _from_text(sql: str, target: t.Type) -> str:
    name = type_name(target)
    match target:
        case t.BooleanType():
            return f"CASE {sql} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case t.IntType() | t.LongType():
            return _fitting(sql, "-?[0-9]+", name)
        case t.DecimalType(_, scale):
            return _fitting(sql, rf"-?[0-9]+(\.[0-9]{{1,{scale}}}0*|\.0+)?" if scale else r"-?[0-9]+(\.0+)?", name)
        case t.DateType():
            return _fitting(sql, _DATE, name)
        case t.UuidType():
            return _fitting(sql, _UUID, name)
        case _:
            checked = _fitting(sql, _DOUBLE, name)
            return once([checked], lambda x: f"CASE WHEN isfinite({x}) THEN {x} END")


def _fitting(sql: str, pattern: str, name: str) -> str:
    return once(
        [sql], lambda x: f"CASE WHEN regexp_full_match({x}, {string(pattern)}) THEN TRY_CAST({x} AS {name}) END"
    )

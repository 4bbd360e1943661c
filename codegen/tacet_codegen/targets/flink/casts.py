"""CAST in Flink SQL: even TRY_CAST wraps whole numbers and reads `1.5` as 1, so each is narrowed before."""

from __future__ import annotations

from tacet_codegen.targets.flink.functions import finite, in_range
from tacet_codegen.targets.flink.literals import string, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable

_DATE = "^(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\\z"
_DOUBLE = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\z"
_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\z"
_WHOLE = r"^-?0*[0-9]{1,19}\z"
_HEX = "TRANSLATE({0}, 'ABCDEF', 'abcdef')"
_LARGEST_FLOAT = "3.4028235677973366E38"
"""Half a step above the largest float: from here on a double rounds to infinity."""


def cast_sql(sql: str, source: t.Type, target: t.Type) -> str:
    """Return SQL for the conversion; NULL for what cannot be converted."""
    name = type_name(target)
    if type_name(source) == name and not isinstance(target, t.UuidType):
        return sql
    match source, target:
        case t.UuidType(), t.StringType():
            return sql
        case t.StringType(), _:
            return _from_text(sql, target)
        case ((t.DoubleType() | t.FloatType()), t.IntType()):
            return f"CASE WHEN {sql} > -2147483649E0 AND {sql} < 2147483648E0 THEN CAST({sql} AS INT) END"
        case ((t.DoubleType() | t.FloatType()), t.LongType()):
            return f"CASE WHEN {sql} >= -9223372036854775808E0 AND {sql} < 9223372036854775808E0 THEN CAST({sql} AS BIGINT) END"
        case t.DecimalType(), t.IntType() | t.LongType():
            return in_range(f"TRUNCATE({sql}, 0)", target)
        case t.LongType(), t.IntType():
            return in_range(sql, target)
        case t.DoubleType(), t.FloatType():
            return f"CASE WHEN {sql} > -{_LARGEST_FLOAT} AND {sql} < {_LARGEST_FLOAT} THEN CAST({sql} AS FLOAT) END"
        case t.BooleanType(), t.StringType():
            return f"CASE WHEN {sql} THEN 'true' WHEN NOT {sql} THEN 'false' END"
        case _:
            return f"{'CAST' if castable(source, target) == 'always' else 'TRY_CAST'}({sql} AS {name})"


def _from_text(sql: str, target: t.Type) -> str:
    name = type_name(target)
    match target:
        case t.BooleanType():
            return f"CASE {sql} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case t.IntType() | t.LongType():
            number = f"TRY_CAST({sql} AS DECIMAL(38, 0))"
            return f"CASE WHEN REGEXP({sql}, {string(_WHOLE)}) THEN {in_range(number, target)} END"
        case t.DecimalType(_, scale):
            pattern = rf"^-?[0-9]+(\.[0-9]{{1,{scale}}}0*|\.0+)?\z" if scale else r"^-?[0-9]+(\.0+)?\z"
            return f"CASE WHEN REGEXP({sql}, {string(pattern)}) THEN TRY_CAST({sql} AS {name}) END"
        case t.DateType():
            return f"CASE WHEN REGEXP({sql}, {string(_DATE)}) THEN TRY_CAST({sql} AS DATE) END"
        case t.UuidType():
            return f"CASE WHEN REGEXP({sql}, {string(_UUID)}) THEN {_HEX.format(sql)} END"
        case _:
            number = f"TRY_CAST({sql} AS DOUBLE)"
            return f"CASE WHEN REGEXP({sql}, {string(_DOUBLE)}) THEN {finite(number)} END"

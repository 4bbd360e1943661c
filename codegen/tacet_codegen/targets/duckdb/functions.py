"""How DuckDB says each function of `plan/functions.py`; a comment where its own would mean something else."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.literals import interval, string, type_name
from tacet_codegen.targets.duckdb.text import once
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Expression, Interval, Literal
from tacet_runtime.plan.functions import MICROS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  (UTC throughout)
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "//", "mod": "%"}


def finite(sql: str) -> str:
    """NULL for what is infinite or no number."""
    return once([sql], lambda x: f"CASE WHEN isfinite({x}) THEN {x} END")


def arithmetic(function: str, args: Sequence[str], type_: t.Type, *, can_fail: bool) -> str:
    """Whole numbers and decimals: calculated one type wider, narrowed with a check."""
    if isinstance(type_, t.DecimalType):
        sql = {"neg": "(- {0})", "abs": "abs({0})"}.get(function, f"({{0}} {_OPERATORS.get(function)} {{1}})").format(
            *args
        )
        return f"TRY({sql})" if can_fail else sql
    wide = "BIGINT" if isinstance(type_, t.IntType) else "HUGEINT"
    if function in {"neg", "abs"}:
        sign = "- " if function == "neg" else "abs"
        return f"TRY_CAST({sign}(CAST({args[0]} AS {wide})) AS {type_name(type_)})"
    if not can_fail:
        return f"({args[0]} {_OPERATORS[function]} {args[1]})"
    right = f"NULLIF({args[1]}, 0)" if function in {"div", "mod"} else args[1]
    if function in {"div", "mod"} and len(args[1]) > 160:
        right = once([args[1]], lambda x: f"NULLIF({x}, 0)")
    return f"TRY_CAST(CAST({args[0]} AS {wide}) {_OPERATORS[function]} CAST({right} AS {wide}) AS {type_name(type_)})"


def add_interval(value: str, type_: t.Type, span: Expression) -> str:
    """Guard by the last moment (or first) that can be moved without leaving the years 1 to 9999, then move."""
    if not isinstance(span, Interval):
        raise TypeError(span)
    forward = span.months > 0 or span.micros > 0
    if not span.months and not span.micros:
        return value
    kind = type_name(type_)
    limit = _limit(span, forward=forward, date=isinstance(type_, t.DateType))
    if limit is None:
        return once([value], lambda x: f"CASE WHEN {x} IS NULL THEN NULL ELSE CAST(NULL AS {kind}) END")
    test = "<=" if forward else ">="
    moved = f"CAST({{0}} + {interval(span)} AS DATE)" if kind == "DATE" else f"{{0}} + {interval(span)}"
    if kind == "DATE" and not span.months:
        days = span.micros // MICROS["day"]
        moved = f"{{0}} + ({days})"
    return once([value], lambda x: f"CASE WHEN {x} {test} {kind} '{limit}' THEN {moved.format(x)} END")


def _limit(span: Interval, *, forward: bool, date: bool) -> str | None:
    """Return the furthest moment that may be moved, or None when there is none."""
    edge = _LAST if forward else _FIRST
    try:
        if span.months:
            count = edge.year * 12 + edge.month - 1 - span.months
            year, month = count // 12, count % 12 + 1
            if not dt.MINYEAR <= year <= dt.MAXYEAR:
                return None
            day = calendar.monthrange(year, month)[1] if forward else 1
            furthest = edge.replace(year=year, month=month, day=day)
        else:
            furthest = edge - dt.timedelta(microseconds=span.micros)
    except OverflowError:
        return None
    return furthest.date().isoformat() if date else furthest.isoformat(sep=" ")


def _plain(name: str, *extra: str) -> Callable[[Call, list[str]], str]:
    return lambda _, args: f"{name}({', '.join([*args, *extra])})"


def _as_int(name: str) -> Callable[[Call, list[str]], str]:
    return lambda _, args: f"CAST({name}({', '.join(args)}) AS INTEGER)"


def _extreme(name: str) -> Callable[[Call, list[str]], str]:
    """DuckDB's leave NULLs out."""

    def sql(_: Call, args: list[str]) -> str:
        def body(*xs: str) -> str:
            return f"CASE WHEN {' AND '.join(f'{x} IS NOT NULL' for x in xs)} THEN {name}({', '.join(xs)}) END"

        return once(args, body)

    return sql


def _ascii(function: str) -> Callable[[Call, list[str]], str]:
    """ASCII text, told by its length in bytes, takes the fast way; DuckDB's own would change other letters, too."""
    old, new = (_UPPER, _UPPER.lower()) if function == "lower" else (_UPPER.lower(), _UPPER)

    def sql(_: Call, args: list[str]) -> str:
        return once(
            args,
            lambda x: (
                f"CASE WHEN strlen({x}) = length({x}) THEN {function}({x}) ELSE translate({x}, '{old}', '{new}') END"
            ),
        )

    return sql


def _rounded(name: str) -> Callable[[Call, list[str]], str]:
    return lambda call, args: f"CAST({name}({args[0]}) AS {type_name(call.type)})"


def _like(_: Call, args: list[str]) -> str:
    """Without ESCAPE a pattern has no backslash, so DuckDB's default does no harm; said all the same."""
    escape = args[2] if len(args) > 2 else string("\\")
    return f"({args[0]} LIKE {args[1]} ESCAPE {escape})"


def _unit(call: Call) -> str:
    unit = call.args[0]
    if not isinstance(unit, Literal):
        raise TypeError(unit)
    return str(unit.value)


def _extract(call: Call, args: list[str]) -> str:
    return f"CAST(date_part('{_unit(call)}', {args[1]}) AS INTEGER)"


def _date_trunc(call: Call, args: list[str]) -> str:
    return f"CAST(date_trunc('{_unit(call)}', {args[1]}) AS {type_name(call.type)})"


def _timestampdiff(call: Call, args: list[str]) -> str:
    """DuckDB's date_diff counts boundaries, not whole units."""
    return f"((epoch_us({args[2]}) - epoch_us({args[1]})) // {MICROS[_unit(call)]})"


def _cardinality(call: Call, args: list[str]) -> str:
    arg = call.args[0]
    is_list = not isinstance(arg, Interval) and isinstance(arg.type, t.ListType)
    return f"CAST({'len' if is_list else 'cardinality'}({args[0]}) AS INTEGER)"


def _array_contains(_: Call, args: list[str]) -> str:
    """DuckDB's says FALSE of an empty list and NULL."""
    return once(args, lambda a, b: f"CASE WHEN {b} IS NOT NULL THEN list_contains({a}, {b}) END")


def _nullif(_: Call, args: list[str]) -> str:
    return once(args, lambda a, b: f"CASE WHEN {a} = {b} THEN NULL ELSE {a} END")


FUNCTIONS: dict[str, Callable[[Call, list[str]], str]] = {
    "nullif": _nullif,
    "like": _like,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "sign": _as_int("sign"),
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "round": _rounded("round"),
    "lower": _ascii("lower"),
    "upper": _ascii("upper"),
    "length": _as_int("length"),
    "substring": _plain("substring"),
    "left": _plain("left"),
    "right": _plain("right"),
    # The second argument keeps it to U+0020: alone, TRIM takes other white space too.
    "trim": _plain("trim", "' '"),
    "ltrim": _plain("ltrim", "' '"),
    "rtrim": _plain("rtrim", "' '"),
    "starts_with": _plain("starts_with"),
    "ends_with": _plain("ends_with"),
    "position": lambda _, args: f"CAST(strpos({args[1]}, {args[0]}) AS INTEGER)",
    "replace": _plain("replace"),
    "regexp_like": _plain("regexp_matches"),
    "extract": _extract,
    "date_trunc": _date_trunc,
    "timestampdiff": _timestampdiff,
    "cardinality": _cardinality,
    "array_contains": _array_contains,
}

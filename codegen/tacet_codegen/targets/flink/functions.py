"""How Flink says each function of `plan/functions.py`; a comment where its own would mean something else.

Text that is not executed here but on a real Flink: each form is chosen by what was measured of Flink 2.1.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING

from tacet_codegen.targets.flink.literals import interval, string, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Expression, Interval, Literal
from tacet_runtime.plan.functions import MICROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_LIMITS = {t.IntType: ("-2147483648", "2147483647"), t.LongType: ("-9223372036854775808", "9223372036854775807")}
_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  (UTC throughout)
_LARGEST = "1.7976931348623157E308"


def in_range(sql: str, type_: t.Type) -> str:
    """Narrow an exact number to int or long; out of range is NULL, because Flink's CAST wraps."""
    low, high = _LIMITS[type(type_)]
    return f"CASE WHEN {sql} BETWEEN {low} AND {high} THEN CAST({sql} AS {type_name(type_)}) END"


def finite(sql: str) -> str:
    """NULL for what is infinite or no number: NaN compares as FALSE."""
    return f"CASE WHEN {sql} BETWEEN -{_LARGEST} AND {_LARGEST} THEN {sql} END"


def arithmetic(function: str, args: Sequence[str], type_: t.Type) -> str:
    """Calculate where nothing wraps and nothing raises."""
    match type_:
        case t.IntType() | t.LongType():
            return _whole(function, args, type_)
        case t.DecimalType():
            return _decimal(function, args, type_)
        case _ if function in {"neg", "abs"}:
            return f"(- {args[0]})" if function == "neg" else f"ABS({args[0]})"
        case _ if function == "div":
            return finite(f"({args[0]} / NULLIF({args[1]}, CAST(0 AS DOUBLE)))")
        case _:
            return finite(f"({args[0]} {_OPERATORS[function]} {args[1]})")


def _whole(function: str, args: Sequence[str], type_: t.Type) -> str:
    """Use that an int's results fit a BIGINT, a long's a DECIMAL(38, 0)."""
    wide = "BIGINT" if isinstance(type_, t.IntType) else "DECIMAL(38, 0)"
    cast = [f"CAST({a} AS {wide})" for a in args]
    match function:
        case "neg":
            return in_range(f"(- {cast[0]})", type_)
        case "abs":
            return in_range(f"ABS({cast[0]})", type_)
        case "div" if isinstance(type_, t.LongType):
            # A DECIMAL quotient is rounded, a BIGINT's is cut off, and wraps in one case.
            opposite = in_range(f"(- {cast[0]})", type_)
            return f"CASE WHEN {args[1]} = -1 THEN {opposite} ELSE {args[0]} / NULLIF({args[1]}, 0) END"
        case "div":
            return in_range(f"({cast[0]} / NULLIF({cast[1]}, 0))", type_)
        case "mod":
            return f"MOD({args[0]}, NULLIF({args[1]}, 0))"
        case _:
            return in_range(f"({cast[0]} {_OPERATORS[function]} {cast[1]})", type_)


def _decimal(function: str, args: Sequence[str], type_: t.DecimalType) -> str:
    """Flink gives NULL on overflow, and shortens the scale of a wide product: the type is said."""
    if function in {"neg", "abs"}:
        return f"(- {args[0]})" if function == "neg" else f"ABS({args[0]})"
    return f"TRY_CAST(({args[0]} {_OPERATORS[function]} {args[1]}) AS {type_name(type_)})"


def add_interval(value: str, type_: t.Type, span: Expression) -> str:
    """Guard by the last moment (or first) that can be moved without leaving the years 1 to 9999, then move."""
    if not isinstance(span, Interval):
        raise TypeError(span)
    if not span.months and not span.micros:
        return value
    forward = span.months > 0 or span.micros > 0
    date = isinstance(type_, t.DateType)
    limit = _limit(span, forward=forward)
    if limit is None:
        return f"CASE WHEN {value} IS NULL THEN CAST(NULL AS {type_name(type_)}) END"
    edge = f"DATE '{limit.date()}'" if date else f"TIMESTAMP '{limit.isoformat(sep=' ')}'"
    return f"CASE WHEN {value} {'<=' if forward else '>='} {edge} THEN {value} + {interval(span)} END"


def _limit(span: Interval, *, forward: bool) -> dt.datetime | None:
    edge = _LAST if forward else _FIRST
    try:
        if not span.months:
            return edge - dt.timedelta(microseconds=span.micros)
        year, month = divmod(edge.year * 12 + edge.month - 1 - span.months, 12)
        day = calendar.monthrange(year, month + 1)[1] if forward else 1
        return edge.replace(year=year, month=month + 1, day=day)
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        return None


def _plain(name: str) -> Callable[[Call, list[str]], str]:
    return lambda _, args: f"{name}({', '.join(args)})"


def _ascii(function: str) -> Callable[[Call, list[str]], str]:
    """Flink's own changes other letters, too."""
    old, new = (_UPPER, _UPPER.lower()) if function == "lower" else (_UPPER.lower(), _UPPER)
    return lambda _, args: f"TRANSLATE({args[0]}, '{old}', '{new}')"


def _rounded(name: str) -> Callable[[Call, list[str]], str]:
    def sql(call: Call, args: list[str]) -> str:
        inner = f"ROUND({args[0]}, 0)" if name == "ROUND" else f"{name}({args[0]})"
        return f"CAST({inner} AS {type_name(call.type)})"

    return sql


def _like(call: Call, args: list[str]) -> str:
    """In Flink's LIKE `_` is a dot that no line break matches: a pattern with one is written as a regular expression."""
    pattern, escape = (_constant(a) for a in (*call.args[1:], None)[:2])
    parts = list(_like_parts(pattern, escape))
    if "_" in parts:
        return f"REGEXP({args[0]}, {string(_as_regexp(parts))})"
    return f"({args[0]} LIKE {args[1]} ESCAPE {args[2] if len(args) > 2 else string(chr(92))})"


def _constant(argument: Expression | None) -> str:
    return str(argument.value) if isinstance(argument, Literal) else ""


def _like_parts(pattern: str, escape: str) -> Iterator[str]:
    """Yield `%`, `_`, and what stands for itself with a `=` before it."""
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            yield f"={next(characters)}"
        else:
            yield character if character in "%_" else f"={character}"


def _as_regexp(parts: Iterable[str]) -> str:
    special = {"%": ".*", "_": "."}
    plain = (special.get(p) or (p[1:] if p[1:].isalnum() or not p.isascii() else f"\\{p[1:]}") for p in parts)
    return "^(?s:" + "".join(plain) + ")\\z"


def _regexp(call: Call, args: list[str]) -> str:
    r"""In java.util.regex `$` also matches before a last newline: `\z` does not."""
    pattern = call.args[1]
    text = str(pattern.value) if isinstance(pattern, Literal) else ""
    # An empty pattern is found nowhere in Flink, and everywhere else.
    return f"REGEXP({args[0]}, {string(_ends(text) or '(?:)')})"


def _ends(pattern: str) -> str:
    out, in_class, i = "", False, 0
    while i < len(pattern):
        step = 2 if pattern[i] == "\\" else 1
        part = pattern[i : i + step]
        in_class = part == "[" or (in_class and part != "]")
        out += "\\z" if part == "$" and not in_class else part
        i += step
    return out


def _unit(call: Call) -> str:
    unit = call.args[0]
    if not isinstance(unit, Literal):
        raise TypeError(unit)
    return str(unit.value)


def _extract(call: Call, args: list[str]) -> str:
    return f"CAST(EXTRACT({_unit(call).upper()} FROM {args[1]}) AS INT)"


def _date_trunc(call: Call, args: list[str]) -> str:
    return f"CAST(FLOOR({args[1]} TO {_unit(call).upper()}) AS {type_name(call.type)})"


def _timestampdiff(call: Call, args: list[str]) -> str:
    """Flink's answer is an INT, which seconds of a century leave: days by DATE, the rest within the day."""
    days = f"CAST(TIMESTAMPDIFF(DAY, CAST({args[1]} AS DATE), CAST({args[2]} AS DATE)) AS BIGINT) * {MICROS['day']}"
    first = call.args[1]
    if not isinstance(first, Interval) and isinstance(first.type, t.DateType):
        return f"(({days}) / {MICROS[_unit(call)]})"
    return f"(({days} + {_within(args[2])} - {_within(args[1])}) / {MICROS[_unit(call)]})"


def _within(sql: str) -> str:
    """Microseconds since midnight."""
    parts = [
        f"EXTRACT({unit} FROM {sql}) * {size}"
        for unit, size in (("HOUR", MICROS["hour"]), ("MINUTE", MICROS["minute"]), ("SECOND", MICROS["second"]))
    ]
    return "(" + " + ".join([*parts, f"MOD(EXTRACT(MICROSECOND FROM {sql}), 1000000)"]) + ")"


FUNCTIONS: dict[str, Callable[[Call, list[str]], str]] = {
    "nullif": _plain("NULLIF"),
    "like": _like,
    "greatest": _plain("GREATEST"),
    "least": _plain("LEAST"),
    "sign": lambda _, args: f"CAST(SIGN({args[0]}) AS INT)",
    "floor": _rounded("FLOOR"),
    "ceil": _rounded("CEIL"),
    "round": _rounded("ROUND"),
    "lower": _ascii("lower"),
    "upper": _ascii("upper"),
    "length": _plain("CHAR_LENGTH"),
    "substring": _plain("SUBSTRING"),
    "left": _plain("LEFT"),
    "right": _plain("RIGHT"),
    "trim": lambda _, args: f"TRIM(BOTH ' ' FROM {args[0]})",
    "ltrim": lambda _, args: f"TRIM(LEADING ' ' FROM {args[0]})",
    "rtrim": lambda _, args: f"TRIM(TRAILING ' ' FROM {args[0]})",
    "starts_with": _plain("STARTSWITH"),
    "ends_with": _plain("ENDSWITH"),
    "position": lambda _, args: f"POSITION({args[0]} IN {args[1]})",
    "replace": _plain("REPLACE"),
    "regexp_like": _regexp,
    "extract": _extract,
    "date_trunc": _date_trunc,
    "timestampdiff": _timestampdiff,
    "cardinality": _plain("CARDINALITY"),
    # Flink finds NULL in a list of NULLs; a list here has none, so NULL is found nowhere: said explicitly.
    "array_contains": lambda _, args: f"CASE WHEN {args[1]} IS NOT NULL THEN ARRAY_CONTAINS({args[0]}, {args[1]}) END",
}

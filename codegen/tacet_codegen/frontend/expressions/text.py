"""A typed expression -> its canonical text: one spelling for one meaning, and readable by `parse` again."""

from __future__ import annotations

from typing import assert_never

from tacet_codegen.frontend.expressions.coerce import MAX_DIGITS, type_of
from tacet_codegen.ir.typetext import path_text
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import is_exact, spelled, whole_digits
from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Expression, Interval, Literal, PathValue

_INFIX = {
    "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "same": "IS NOT DISTINCT FROM", "differs": "IS DISTINCT FROM",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "and": "AND", "or": "OR", "concat": "||",
}  # fmt: skip
_TESTS = {"is_null": "IS NULL", "is_true": "IS TRUE", "is_false": "IS FALSE"}
_UNITS = ((86_400_000_000, "DAY"), (3_600_000_000, "HOUR"), (60_000_000, "MINUTE"), (1_000_000, "SECOND"))


def text(expression: Expression) -> str:
    """Return the canonical text; equal expressions have equal texts."""
    match expression:
        case Literal():
            return _literal(expression)
        case Interval():
            return _interval(expression)
        case Column(name):
            return name
        case PathValue(path):
            return path_text(path)
        case Cast(arg, type_):
            return f"CAST({text(arg)} AS {spelled(type_)})"
        case Case(whens, otherwise):
            branches = " ".join(f"WHEN {text(w.condition)} THEN {text(w.result)}" for w in whens)
            return f"CASE {branches} END" if otherwise is None else f"CASE {branches} ELSE {text(otherwise)} END"
        case Call():
            return _call(expression)
        case _:
            assert_never(expression)


def _call(call: Call) -> str:
    if call.function in {"add", "sub"} and isinstance(call.type, t.DecimalType):
        call = Call(call.function, _unwidened(call, call.type), call.type)
    args = [_operand(a) for a in call.args]
    match call.function:
        case "add_interval":
            return _shift(call)
        case "not":
            return f"NOT {args[0]}"
        case "neg":
            return f"- {args[0]}"
        case "between":
            return f"{args[0]} BETWEEN {args[1]} AND {args[2]}"
        case "in":
            return f"{args[0]} IN ({', '.join(text(a) for a in call.args[1:])})"
        case "like":
            return f"{args[0]} LIKE {args[1]}" + (f" ESCAPE {args[2]}" if len(args) > 2 else "")
        case "extract":
            return f"EXTRACT({_unit(call)} FROM {text(call.args[1])})"
        case "timestampdiff":
            return f"TIMESTAMPDIFF({_unit(call)}, {text(call.args[1])}, {text(call.args[2])})"
        case "position":
            return f"POSITION({args[0]} IN {text(call.args[1])})"
        case name if name in _INFIX:
            return f" {_INFIX[name]} ".join(args)
        case name if name in _TESTS:
            return f"{args[0]} {_TESTS[name]}"
        case name:
            return f"{name.upper()}({', '.join(text(a) for a in call.args)})"


def _unwidened(call: Call, type_: t.DecimalType) -> tuple[Expression, ...]:
    """Leave out the casts to the sum's type that the checker puts in, where it would put them in again."""
    bare = tuple(a.arg if isinstance(a, Cast) and a.type == type_ else a for a in call.args)
    if type_.precision < MAX_DIGITS:
        return bare
    kinds = [type_of(a) for a in bare if not isinstance(a, Literal)]
    if len(kinds) == 2 and all(is_exact(k) for k in kinds):
        scale = max(k.scale if isinstance(k, t.DecimalType) else 0 for k in kinds)
        if scale == type_.scale and max(map(whole_digits, kinds)) + scale + 1 >= MAX_DIGITS:
            return bare
    return call.args


def _operand(e: Expression) -> str:
    call_like = isinstance(e, Call) and (
        e.function in {*_INFIX, *_TESTS, "not", "neg", "between", "in", "like", "add_interval"}
    )
    return f"({text(e)})" if call_like else text(e)


def _unit(call: Call) -> str:
    unit = call.args[0]
    return str(unit.value).upper() if isinstance(unit, Literal) else ""


def _shift(call: Call) -> str:
    span = call.args[1]
    if isinstance(span, Interval) and (span.months < 0 or span.micros < 0):
        return f"{_operand(call.args[0])} - {_interval(Interval(-span.months, -span.micros))}"
    return f"{_operand(call.args[0])} + {text(span)}"


def _interval(span: Interval) -> str:
    if span.months:
        return f"INTERVAL '{span.months}' MONTH" if span.months % 12 else f"INTERVAL '{span.months // 12}' YEAR"
    for size, unit in _UNITS:
        if span.micros % size == 0:
            return f"INTERVAL '{span.micros // size}' {unit}"
    sign, micros = ("-" if span.micros < 0 else ""), abs(span.micros)
    return f"INTERVAL '{sign}{micros // 1_000_000}.{micros % 1_000_000:06d}' SECOND"


def _literal(literal: Literal) -> str:
    value = literal.value
    if value is None:
        return f"CAST(NULL AS {spelled(literal.type)})"
    match literal.type:
        case t.StringType():
            return "'" + str(value).replace("'", "''") + "'"
        case t.BooleanType():
            return "TRUE" if value else "FALSE"
        case t.DateType() | t.TimeType() | t.TimestampType() | t.TimestamptzType():
            return f"{spelled(literal.type).upper()} '{value}'"
        case t.DoubleType() | t.FloatType():
            form = repr(float(value))
            return form if "e" in form else f"{form}e0"
        case _:
            return str(value)

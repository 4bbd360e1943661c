"""Typed expressions as DuckDB SQL that never raises: a failing operation is a NULL, and `render_error` tells it.

Columns have the types of `literals.type_name`. Where nothing can fail the text is plain, vectorised SQL. A guard that
needs its operand twice writes it twice only while it is short (`_once`), so that text grows with the expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from tacet_codegen.targets.duckdb.casts import cast_sql
from tacet_codegen.targets.duckdb.functions import FUNCTIONS, add_interval, arithmetic, finite
from tacet_codegen.targets.duckdb.literals import literal, type_name
from tacet_codegen.targets.duckdb.text import balanced
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable
from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Expression, Interval, Literal, PathValue

if TYPE_CHECKING:
    from collections.abc import Callable

    Naming: TypeAlias = Callable[[Column | PathValue], str]

_INFIX = {
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "same": "IS NOT DISTINCT FROM",
    "differs": "IS DISTINCT FROM",
}
_TESTS = {"is_null": "IS NULL", "is_true": "IS TRUE", "is_false": "IS FALSE"}
_FLOATING = {"add", "sub", "mul", "div", "neg", "abs"}


def render(expression: Expression, column: Naming) -> str:
    """Return SQL for the value; `column` names columns (and paths, in `select`) in the statement it goes into."""
    return _Renderer(column).value(expression)


def render_error(expression: Expression, column: Naming) -> str:
    """Return SQL for "an operation that was evaluated failed": never NULL, and `FALSE` when none can fail."""
    return _Renderer(column).error(expression) or "FALSE"


def can_fail(expression: Expression) -> bool:
    """Tell whether this one operation, over values that are not NULL, can end in an expression error."""
    match expression:
        case Cast(arg, type_):
            return castable(_type(arg), type_) == "may_fail"
        case Call("add" | "sub" | "mul", args, type_) if isinstance(type_, t.DecimalType):
            return type_.precision == 38 and sum(_digits(a) for a in args) > 38
        case Call("neg" | "abs", _, type_):
            return isinstance(type_, t.IntType | t.LongType)
        case Call("div", (_, Literal(value=value)), t.IntType() | t.LongType()):
            return value is None or value in (0, -1)
        case Call("mod", (_, Literal(value=value))):
            return value is None or value == 0
        case Call("add" | "sub" | "mul" | "div" | "mod" | "add_interval"):
            return True
        case _:
            return False


def _type(e: Expression) -> t.Type:
    if isinstance(e, Interval):
        raise TypeError(e)
    return e.type


def _digits(e: Expression) -> int:
    type_ = _type(e)
    return type_.precision if isinstance(type_, t.DecimalType) else 0


class _Renderer:
    """One expression, with one way to name columns."""

    def __init__(self, column: Naming) -> None:
        self.column = column

    def value(self, e: Expression) -> str:
        match e:
            case Literal():
                return literal(e)
            case Interval():
                raise TypeError(e)
            case Column() | PathValue():
                return self.column(e)
            case Cast(arg, type_):
                return cast_sql(self.value(arg), _type(arg), type_)
            case Case(whens, otherwise, type_):
                branches = " ".join(f"WHEN {self.value(w.condition)} THEN {self.value(w.result)}" for w in whens)
                last = literal(Literal(type_, None)) if otherwise is None else self.value(otherwise)
                return f"CASE {branches} ELSE {last} END"
            case Call():
                return self.call(e)
            case _:
                assert_never(e)

    def call(self, e: Call) -> str:
        if e.function in _FLOATING and isinstance(e.type, t.DoubleType):
            return finite(self.floating(e)) if e.function not in {"neg", "abs"} else self.floating(e)
        if e.function == "add_interval":
            return add_interval(self.value(e.args[0]), _type(e.args[0]), e.args[1])
        args = [self.value(a) for a in e.args]
        match e.function:
            case "and" | "or":
                return balanced(args, e.function.upper())
            case "concat":
                return balanced(args, "||")
            case "not":
                return f"(NOT {args[0]})"
            case "in":
                return f"({args[0]} IN ({', '.join(args[1:])}))"
            case "between":
                return f"({args[0]} BETWEEN {args[1]} AND {args[2]})"
            case "coalesce":
                return f"COALESCE({', '.join(args)})"
            case "add" | "sub" | "mul" | "div" | "mod" | "neg" | "abs":
                return arithmetic(e.function, self.widened(e, args), e.type, can_fail=can_fail(e))
            case name if name in _INFIX:
                return f"({args[0]} {_INFIX[name]} {args[1]})"
            case name if name in _TESTS:
                return f"({args[0]} {_TESTS[name]})"
            case name:
                return FUNCTIONS[name](e, args)

    def widened(self, e: Call, args: list[str]) -> list[str]:
        """Give a decimal product its digits: DuckDB's own stops at 18 while both sides have no more."""
        left = _type(e.args[0])
        if e.function != "mul" or not isinstance(e.type, t.DecimalType) or not isinstance(left, t.DecimalType):
            return args
        return [f"CAST({args[0]} AS DECIMAL({e.type.precision},{left.scale}))", *args[1:]]

    def floating(self, e: Expression) -> str:
        """Leave inner sums unguarded: what is infinite stays so up to the guard outside, but not below a fraction line."""
        if not (isinstance(e, Call) and e.function in _FLOATING and isinstance(e.type, t.DoubleType)):
            return self.value(e)
        if e.function == "div":
            return f"({self.floating(e.args[0])} / {self.value(e.args[1])})"
        args = [self.floating(a) for a in e.args]
        if e.function in {"neg", "abs"}:
            return f"(- {self.value(e.args[0])})" if e.function == "neg" else f"abs({self.value(e.args[0])})"
        return f"({args[0]} { ({'add': '+', 'sub': '-', 'mul': '*'}[e.function]) } {args[1]})"

    def error(self, e: Expression) -> str:
        """Return SQL that is TRUE or FALSE, or nothing when no operation in it can fail."""
        match e:
            case Literal() | Interval() | Column() | PathValue():
                return ""
            case Case(whens, otherwise):
                return self.case_error(e, 0) if whens or otherwise else ""
            case Call("coalesce", args):
                return self.coalesce_error(args)
            case Cast(arg):
                return _any(self.error(arg), self.own(e, (arg,)))
            case Call(_, args):
                return _any(*(self.error(a) for a in args), self.own(e, args))
            case _:
                assert_never(e)

    def own(self, e: Expression, args: tuple[Expression, ...]) -> str:
        """Tell that the operation itself failed: all that goes in is there, what comes out is not."""
        if not can_fail(e):
            return ""
        there = [f"{self.value(a)} IS NOT NULL" for a in args if not isinstance(a, Literal | Interval)]
        return "(" + " AND ".join([*there, f"{self.value(e)} IS NULL"]) + ")"

    def case_error(self, e: Case, i: int) -> str:
        """Follow the lazy way: what stands behind a branch that is taken is not evaluated. Written without repeating a condition."""
        if i == len(e.whens):
            return "" if e.otherwise is None else self.error(e.otherwise)
        when = e.whens[i]
        taken, rest = self.error(when.result), self.case_error(e, i + 1)
        condition = self.value(when.condition)
        chosen = f"CASE WHEN {condition} THEN {taken or 'FALSE'} ELSE {rest or 'FALSE'} END" if taken or rest else ""
        return _any(self.error(when.condition), chosen)

    def coalesce_error(self, args: tuple[Expression, ...]) -> str:
        first, *others = args
        rest = self.coalesce_error(tuple(others)) if others else ""
        return _any(self.error(first), f"(({self.value(first)} IS NULL) AND {rest})" if rest else "")


def _any(*errors: str) -> str:
    return balanced(list(dict.fromkeys(e for e in errors if e)), "OR")


__all__ = ["can_fail", "render", "render_error", "type_name"]

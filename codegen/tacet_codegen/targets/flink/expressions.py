"""Typed expressions as Flink SQL that never ends a job: a failing operation is a NULL, `render_error` tells it.

Flink wraps integers silently, raises on division by zero, and folds constants in another way than columns: so whole
numbers are calculated as DECIMAL(38, 0), which cannot overflow here, and narrowed behind a range check.
Instants are TIMESTAMP(6) in UTC inside a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from tacet_codegen.targets.flink.casts import cast_sql
from tacet_codegen.targets.flink.functions import FUNCTIONS, add_interval, arithmetic
from tacet_codegen.targets.flink.literals import literal
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable
from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Expression, Interval, Literal, PathValue

if TYPE_CHECKING:
    from collections.abc import Callable

    Naming: TypeAlias = Callable[[Column | PathValue], str]

_INFIX = {
    "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "same": "IS NOT DISTINCT FROM", "differs": "IS DISTINCT FROM",
    "and": "AND", "or": "OR", "concat": "||",
}  # fmt: skip
_TESTS = {"is_null": "IS NULL", "is_true": "IS TRUE", "is_false": "IS FALSE"}
_ARITHMETIC = {"add", "sub", "mul", "div", "mod", "neg", "abs"}


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
        case Call("neg" | "abs", _, type_):
            return isinstance(type_, t.IntType | t.LongType)
        case Call("add" | "sub" | "mul", _, t.DecimalType(precision)):
            return precision == 38
        case Call(name):
            return name in _ARITHMETIC or name == "add_interval"
        case _:
            return False


def _type(e: Expression) -> t.Type:
    if isinstance(e, Interval):
        raise TypeError(e)
    return e.type


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
        if e.function == "add_interval":
            return add_interval(self.value(e.args[0]), _type(e.args[0]), e.args[1])
        args = [self.value(a) for a in e.args]
        match e.function:
            case "not":
                return f"(NOT {args[0]})"
            case "in":
                return f"({args[0]} IN ({', '.join(args[1:])}))"
            case "between":
                return f"({args[0]} BETWEEN {args[1]} AND {args[2]})"
            case "coalesce":
                return f"COALESCE({', '.join(args)})"
            case name if name in _ARITHMETIC:
                return arithmetic(name, args, e.type)
            case name if name in _INFIX:
                return "(" + f" {_INFIX[name]} ".join(args) + ")"
            case name if name in _TESTS:
                return f"({args[0]} {_TESTS[name]})"
            case name:
                return FUNCTIONS[name](e, args)

    def error(self, e: Expression) -> str:
        """Return SQL that is TRUE or FALSE, or nothing when no operation in it can fail."""
        match e:
            case Literal() | Interval() | Column() | PathValue():
                return ""
            case Case():
                return self.case_error(e, 0)
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
        """Lazy: what stands behind a branch that is taken is not evaluated."""
        if i == len(e.whens):
            return "" if e.otherwise is None else self.error(e.otherwise)
        when = e.whens[i]
        taken, rest = self.error(when.result), self.case_error(e, i + 1)
        chosen = (
            f"CASE WHEN {self.value(when.condition)} THEN {taken or 'FALSE'} ELSE {rest or 'FALSE'} END"
            if taken or rest
            else ""
        )
        return _any(self.error(when.condition), chosen)

    def coalesce_error(self, args: tuple[Expression, ...]) -> str:
        first, *others = args
        rest = self.coalesce_error(tuple(others)) if others else ""
        return _any(self.error(first), f"(({self.value(first)} IS NULL) AND {rest})" if rest else "")


def _any(*errors: str) -> str:
    known = list(dict.fromkeys(e for e in errors if e))
    return known[0] if len(known) == 1 else "(" + " OR ".join(known) + ")" if known else ""

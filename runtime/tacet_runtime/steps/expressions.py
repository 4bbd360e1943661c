"""What an expression means: the interpreter, one row at a time, plain. Every engine agrees with this.

Values are Python's: bool, int, float, Decimal (quantised to the type's scale), date, time, naive datetime (timestamp),
aware UTC datetime (timestamptz), str (a uuid too, lower case), bytes, list, dict. No float is NaN or infinite.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Expression, Interval, Literal, PathValue
from tacet_runtime.steps.expressions_cast import cast
from tacet_runtime.steps.expressions_functions import FUNCTIONS, Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = Any
"""A value as above; None is NULL."""


def evaluate(
    expression: Expression,
    row: Mapping[str, Value],
    path: Callable[[PathValue], Value] | None = None,
) -> tuple[Value, bool]:
    """Return the value, and whether an operation that was evaluated failed (each failure is a NULL where it happens).

    `row` has every column the expression names (`quantity`, `market.currency`); `path` reads a value of the message.
    """
    evaluation = _Evaluation(row, path)
    value = evaluation.value(expression)
    return value, evaluation.failed


def constant(literal: Literal) -> Value:
    """Return a literal's value."""
    value = literal.value
    if value is None:
        return None
    match literal.type:
        case t.DecimalType():
            return Decimal(str(value))
        case t.DateType():
            return dt.date.fromisoformat(str(value))
        case t.TimeType():
            return dt.time.fromisoformat(str(value))
        case t.TimestampType() | t.TimestamptzType():
            return dt.datetime.fromisoformat(str(value))
        case t.FloatType() | t.DoubleType():
            return float(value)
        case _:
            return value


class _Evaluation:
    """One expression over one row."""

    def __init__(self, row: Mapping[str, Value], path: Callable[[PathValue], Value] | None) -> None:
        self.row = row
        self.path = path
        self.failed = False

    def value(self, e: Expression) -> Value:
        match e:
            case Literal():
                return constant(e)
            case Interval():
                return e
            case Column(name):
                return self.row[name]
            case PathValue():
                return self.path(e) if self.path else None
            case Cast(arg, type_):
                return self.guarded(lambda v: cast(v, _type(arg), type_), [self.value(arg)])
            case Case():
                return self.case(e)
            case Call():
                return self.call(e)
            case _:
                assert_never(e)

    def case(self, e: Case) -> Value:
        for when in e.whens:
            if self.value(when.condition) is True:
                return self.value(when.result)
        return None if e.otherwise is None else self.value(e.otherwise)

    def call(self, e: Call) -> Value:
        match e.function:
            case "coalesce":
                return next((v for v in map(self.value, e.args) if v is not None), None)
            case "and" | "or":
                return _junction([self.value(a) for a in e.args], decisive=e.function == "or")
            case "is_null" | "is_true" | "is_false":
                return self.value(e.args[0]) is {"is_null": None, "is_true": True, "is_false": False}[e.function]
            case "same" | "differs":
                a, b = (self.value(x) for x in e.args)
                return (a == b) is (e.function == "same")
            case "in":
                first, *others = [self.value(a) for a in e.args]
                return _junction([None if first is None or o is None else first == o for o in others], decisive=True)
            case "between":
                v, low, high = (self.value(a) for a in e.args)
                return _junction([_at_most(low, v), _at_most(v, high)], decisive=False)
            case "nullif":
                a, b = (self.value(x) for x in e.args)
                return None if a is not None and a == b else a
            case name:
                return self.guarded(lambda *args: FUNCTIONS[name](e.type, *args), [self.value(a) for a in e.args])

    def guarded(self, function: Callable[..., Value], args: list[Value]) -> Value:
        """NULL of NULL; a failure is NULL, and noted."""
        if any(a is None for a in args):
            return None
        try:
            return function(*args)
        except Failed:
            self.failed = True
            return None


def _type(e: Expression) -> t.Type:
    if isinstance(e, Interval):
        raise TypeError(e)
    return e.type


def _junction(values: list[bool | None], *, decisive: bool) -> bool | None:
    """Return `decisive` if one of the values is, else NULL if one is, else the opposite."""
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def _at_most(a: Value, b: Value) -> bool | None:
    return None if a is None or b is None else a <= b

"""What can be told of a typed expression: its type, the columns it reads, all of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Interval, Literal, PathValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.types import Type


def type_of(expression: Expression) -> Type | None:
    """Return the type; None for an interval, which is no value of a row."""
    return None if isinstance(expression, Interval) else expression.type


def parts(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and everything below it, in the order written; deep chains do not recurse."""
    stack = [expression]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(_children(top)))


def _children(expression: Expression) -> list[Expression]:
    match expression:
        case Call():
            return list(expression.args)
        case Cast():
            return [expression.arg]
        case Case():
            branches = [e for when in expression.whens for e in (when.condition, when.result)]
            return branches + ([expression.otherwise] if expression.otherwise is not None else [])
        case Literal() | Interval() | Column() | PathValue():
            return []
        case _:
            assert_never(expression)


def inputs(expression: Expression) -> tuple[str, ...]:
    """Return the names of the columns it reads, each once, in the order written."""
    return tuple(dict.fromkeys(part.name for part in parts(expression) if isinstance(part, Column)))

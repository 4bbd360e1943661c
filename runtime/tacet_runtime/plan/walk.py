"""Walking over expressions: their parts, the columns and the paths they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Expression, Interval, Literal, PathValue

if TYPE_CHECKING:
    from collections.abc import Iterator


def parts(expression: Expression) -> tuple[Expression, ...]:
    """Return the direct sub-expressions, in the order they are written."""
    match expression:
        case Call(_, args):
            return args
        case Cast(arg):
            return (arg,)
        case Case(whens, otherwise):
            branches = tuple(e for w in whens for e in (w.condition, w.result))
            return branches if otherwise is None else (*branches, otherwise)
        case Literal() | Interval() | Column() | PathValue():
            return ()
        case _:
            assert_never(expression)


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and all below it, in the order they are written."""
    pending = [expression]
    while pending:
        top = pending.pop()
        yield top
        pending.extend(reversed(parts(top)))


def columns(expression: Expression) -> tuple[str, ...]:
    """Return the columns that are read, each once, in the order they are written."""
    return tuple(dict.fromkeys(e.name for e in walk(expression) if isinstance(e, Column)))


def path_values(expression: Expression | None) -> tuple[PathValue, ...]:
    """Return the paths of the message that a condition reads, each once, in the order they are written; () for none."""
    if expression is None:
        return ()
    return tuple(dict.fromkeys(e for e in walk(expression) if isinstance(e, PathValue)))

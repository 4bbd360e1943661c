"""What `select` asks of a message in so many words: `$.type = 'order'`, `$.schema IN (2, 3)`, joined by AND.

A message without them is no message of this event, so who sends one has to write them, field or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Literal, PathValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tacet_codegen.ir.model import RawEvent
    from tacet_runtime.plan.expressions import Expression, Path


_SENT = (t.StringType, t.IntType, t.LongType)
"""What a path may be compared with so that the value is also the form in which it is sent, and a class can hold it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A path that must hold one of these values: texts or whole numbers."""

    path: Path
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What can be written down for senders; `whole`: and nothing else is asked, nor of a place that fields read."""

    asked: tuple[Asked, ...]
    whole: bool


def answer(event: RawEvent) -> Answer:
    """Return what an event's `select` asks for."""
    if event.source.select is None:
        return Answer((), whole=True)
    parts = [_asked(part) for part in _conjuncts(event.source.select)]
    asked = tuple(part for part in parts if part is not None)
    read = [field.path.steps for field in event.fields if field.path.root == "$"]
    if event.source.explode is not None:
        read.append(event.source.explode.steps)
    places = [one.path.steps for one in asked]
    others = [*read, *places]
    alone = all(sum(_meet(place, other) for other in others) == 1 for place in places)
    return Answer(asked, whole=alone and len(asked) == len(parts))


def _conjuncts(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Call) and expression.function == "and":
        for arg in expression.args:
            yield from _conjuncts(arg)
    else:
        yield expression


def _asked(part: Expression) -> Asked | None:
    match part:
        case Call("eq" | "same", (PathValue(path), other)) | Call("eq" | "same", (other, PathValue(path))):
            return _one_of(path, (other,))
        case Call("in", (PathValue(path), *others)):
            return _one_of(path, others)
        case _:
            return None


def _one_of(path: Path, others: Sequence[Expression]) -> Asked | None:
    values = [one.value for one in others if isinstance(one, Literal) and isinstance(one.type, _SENT)]
    named = [value for value in values if isinstance(value, str | int)]
    return Asked(path, tuple(dict.fromkeys(named))) if path.root == "$" and len(named) == len(others) else None


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Tell whether two paths are one, or one leads through the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]

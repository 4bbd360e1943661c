"""KNOWN: the keys of a message that a raw event names, as a tree: in its fields, and around what it explodes and selects by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tacet_runtime.plan import types as t
from tacet_runtime.plan.walk import path_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tacet_runtime.plan.expressions import Expression, Path
    from tacet_runtime.plan.types import Type


class Placed(Protocol):
    """A field, of a plan or of a contract."""

    @property
    def path(self) -> Path:
        """Where its value stands."""

    @property
    def type(self) -> Type:
        """What its value is."""


@dataclass(slots=True)
class Known:
    """The known keys of one object; `whole`: everything below is a value of some field."""

    keys: dict[str, Known] = field(default_factory=dict)
    elements: Known | None = None
    whole: bool = False

    def child(self, key: str) -> Known:
        """Return the entry for a key, made if need be."""
        return self.keys.setdefault(key, Known())


def known_keys(fields: Iterable[Placed], explode: Path | None, select: Expression | None) -> tuple[Known, Known]:
    """Return what is known below `$` and below `$item`."""
    roots = {"$": Known(), "$item": Known()}
    for path, type_ in _paths(fields, explode, select):
        if path.root not in roots:
            continue
        node = roots[path.root]
        for step in path.steps:
            node = node.child(step)
        _mark(node, type_)
    if explode is not None:
        _share(roots["$"], roots["$item"], explode)
    return roots["$"], roots["$item"]


def _share(message: Known, item: Known, exploded: Path) -> None:
    """Let `$item` know, and tell, what a field of the message names in the elements of the exploded list."""
    node = message
    for step in exploded.steps:
        node = node.child(step)
    if node.elements is not None:
        _unite(item, node.elements)
        node.elements = None


def _unite(known: Known, other: Known) -> None:
    known.whole |= other.whole
    for key, below in other.keys.items():
        _unite(known.child(key), below)
    if other.elements is not None:
        known.elements = known.elements or Known()
        _unite(known.elements, other.elements)


def _paths(
    fields: Iterable[Placed], explode: Path | None, select: Expression | None
) -> Iterator[tuple[Path, Type | None]]:
    for one in fields:
        yield one.path, one.type
    if explode is not None:
        yield explode, None
    for value in path_values(select):
        yield value.path, None


def _mark(node: Known, type_: Type | None) -> None:
    match type_:
        case t.StructType(members):
            for member in members:
                _mark(node.child(member.name), member.type)
        case t.ListType(element):
            node.elements = node.elements or Known()
            _mark(node.elements, element)
        case _:
            node.whole = True

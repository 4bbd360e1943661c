"""Keys that no contract names: which they are, as paths (`$.device.colour`, `$item.badge`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk
from tacet_runtime.steps.paths import below as path_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Source
    from tacet_runtime.plan.types import Type


@dataclass(slots=True)
class Known:
    """The known keys of one object; `whole`: everything below is a value of some field."""

    keys: dict[str, Known] = field(default_factory=dict)
    elements: Known | None = None
    whole: bool = False

    def child(self, key: str) -> Known:
        """Return the entry for a key, made if need be."""
        return self.keys.setdefault(key, Known())


def known_keys(source: Source) -> tuple[Known, Known]:
    """Return what is known below `$` and below `$item`."""
    roots = {"$": Known(), "$item": Known()}
    for path, type_ in _paths(source):
        if path.root not in roots:
            continue
        node = roots[path.root]
        for step in path.steps:
            node = node.child(step)
        _mark(node, type_)
    return roots["$"], roots["$item"]


def _paths(source: Source) -> Iterator[tuple[Path, Type | None]]:
    for one in source.fields:
        yield one.path, one.type
    if source.explode is not None:
        yield source.explode, None
    if source.select is not None:
        for part in walk(source.select):
            if isinstance(part, PathValue):
                yield part.path, None


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


def unknown(value: Any, known: Known, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every key below that is not known."""
    if isinstance(value, dict) and known.keys:
        for key, inner in value.items():
            below = known.keys.get(key)
            text = path_below(path, key)
            if below is None:
                if not known.whole:
                    yield text, inner
            else:
                yield from unknown(inner, below, text)
    elif isinstance(value, list) and known.elements is not None:
        for inner in value:
            yield from unknown(inner, known.elements, f"{path}[]")

"""Keys that no contract names: which they are, as paths (`$.device.colour`, `$item.badge`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk
from tacet_runtime.steps.paths import below as path_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Source
    from tacet_runtime.plan.types import Type

ROW_NAMES, BATCH_NAMES = 32, 1_000
"""So many unknown keys are counted by name, of a row and of a batch: a client that makes keys up must not fill the memory."""
OTHERS = "$.*"
"""What rows are counted under that have more unknown keys than that. A key that is a star is written `$."*"`."""


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
    if source.explode is not None:
        _share(roots["$"], roots["$item"], source.explode)
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


def named(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that a row is counted under: the first in order, and OTHERS for those behind."""
    found = sorted(set(paths) - {OTHERS})
    more = len(found) > ROW_NAMES or OTHERS in paths
    return (*found[:ROW_NAMES], *((OTHERS,) if more else ()))


def told(rows: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """Return the paths that a batch tells by name, of what `named` gave for its rows: the first in order."""
    found = {path for row in rows for path in row}
    return frozenset(sorted(found - {OTHERS})[:BATCH_NAMES])


def within(row: tuple[str, ...], names: frozenset[str]) -> tuple[str, ...]:
    """Return what `named` gave for a row, with OTHERS for those that are not told."""
    kept = tuple(path for path in row if path in names)
    return kept if len(kept) == len(row) else (*kept, OTHERS)

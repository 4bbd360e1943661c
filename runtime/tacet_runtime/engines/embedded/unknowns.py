"""Unknown keys, by distinct list of keys: the reference's question, asked once for each list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk
from tacet_runtime.steps.unknown import known_keys, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.plan.model import Source


class Unknowns:
    """Finds the unknown keys below one root (`$`, `$item`)."""

    def __init__(self, source: Source, root: str) -> None:
        message, item = known_keys(source)
        self._root = root
        self._known = message if root == "$" else item
        self._objects = _objects(source, root)

    def of(self, keys: Sequence[Sequence[str] | None] | None) -> set[str]:
        """Return the unknown paths of a message or an element with these keys, object by object."""
        value: dict[str, object] = {}
        for steps, names in zip(self._objects, keys or [None] * len(self._objects), strict=True):
            place = value
            for step in steps:
                inner = place.setdefault(step, {})
                if not isinstance(inner, dict):
                    inner = place[step] = {}
                place = inner
            for name in names or ():
                place.setdefault(name, None)
        return {path for path, _ in unknown(value, self._known, self._root)}


def _objects(source: Source, root: str) -> list[tuple[str, ...]]:
    """Return the objects whose keys `targets/duckdb` asks for: those on the way to a path, sorted."""
    paths = [field.path for field in source.fields]
    paths += [part.path for part in walk(source.select) if isinstance(part, PathValue)] if source.select else []
    paths += [source.explode] if source.explode is not None else []
    found = {path.steps[:end] for path in paths if path.root == root for end in range(len(path.steps))}
    return sorted(found) or [()]

"""Where a value stands in a decoded message: exact keys, and `ABSENT` where there is none."""

from __future__ import annotations

import json
import re
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Path


class Absent:
    """There is no such key; JSON's null is something else, and is kept apart."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def find(steps: tuple[str, ...], root: Any) -> Any | Absent:
    """Follow keys from a value; what is no object on the way has no keys."""
    value = root
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return ABSENT
        value = value[step]
    return value


def at(path: Path, message: Any, item: Any, index: int) -> Any | Absent:
    """Return what a path of the plan names, for one row; `$index` is the element's position."""
    match path.root:
        case "$index":
            return index
        case "$item":
            return find(path.steps, item)
        case _:
            return find(path.steps, message)


def in_the_way(path: Path, message: Any, item: Any) -> tuple[str, Any] | None:
    """Return (path, value) of the parent of a place that is neither an object nor null; None where there is none.

    An element of the exploded list is the parent of what is below it. A message that is no object has no keys.
    """
    if path.root == "$index":
        return None
    value = item if path.root == "$item" else message
    for count, step in enumerate(path.steps):
        if not isinstance(value, dict):
            of_message = path.root == "$" and not count
            return None if value is None or of_message else (reduce(below, path.steps[:count], path.root), value)
        if step not in value:
            return None
        value = value[step]
    return None


def below(path: str, key: str) -> str:
    """Return a path with one more key, as contracts spell it: `$.device.colour`, `$."a b"`."""
    return f"{path}.{key if _PLAIN.fullmatch(key) else json.dumps(key)}"

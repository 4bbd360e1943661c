"""Where a value stands in a decoded message: exact keys, and `ABSENT` where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Path


class Absent:
    """There is no such key; JSON's null is something else, and is kept apart."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


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

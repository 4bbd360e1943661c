"""Pieces of SQL text put together so that DuckDB's parser and the file stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHORT = 160
_FLAT = 8


def balanced(operands: Sequence[str], operator: str) -> str:
    """Join with an associative operator; long chains as a balanced tree, because parsers recurse to the left."""
    if not operands:
        return ""
    if len(operands) == 1:
        return operands[0]
    if len(operands) <= _FLAT:
        return "(" + f" {operator} ".join(operands) + ")"
    half = len(operands) // 2
    return f"({balanced(operands[:half], operator)} {operator} {balanced(operands[half:], operator)})"


def once(operands: Sequence[str], body: Callable[..., str]) -> str:
    """Write `body(*operands)` where the body repeats its operands: as it is when they are short, else through a lambda."""
    if all(len(o) <= _SHORT for o in operands):
        return body(*operands)
    members = ", ".join(f"'x{i}': {o}" for i, o in enumerate(operands))
    inside = body(*(f"it.x{i}" for i in range(len(operands))))
    return f"list_transform([{{{members}}}], lambda it: {inside})[1]"

"""Keys that no contract names: which they are, as paths (`$.device.colour`, `$item.badge`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tacet_runtime.steps.paths import below as path_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tacet_runtime.plan.known import Known

ROW_NAMES, BATCH_NAMES = 32, 1_000
"""So many unknown keys are counted by name, of a row and of a batch: a client that makes keys up must not fill the memory."""
OTHERS = "$.*"
"""What rows are counted under that have more unknown keys than that. A key that is a star is written `$."*"`."""


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

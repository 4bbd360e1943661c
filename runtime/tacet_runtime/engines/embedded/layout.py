"""The paths of a source as arrays that the scanner follows: objects, their known keys, and where each value is noted.

Every object or value on the way to a path is a *node*. Nodes of the message come first (0 is the message itself), then
those of an element of the exploded list. A node is also a column of the scanner's matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tacet_runtime.plan.walk import path_values
from tacet_runtime.steps.unknown import Known, known_keys

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Source

_SEED, _PRIME, _WORD = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
"""FNV-1a's constants (G. Fowler, L. C. Noll, P. Vo), begun for each node with a step of its own."""
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes, and a hash table (open, linear) from (node, key) to node.

    `seeds` (uint64, by node): where the hash of a key begins. `reports` (uint8, by node): its unknown keys are told.
    `table` (int32, a power of two long): number of a key or -1; by that number: `parents`, `children` (int32, nodes),
    `starts` and `lengths` (int32) of its bytes in `keys` (uint8).
    """

    of_message: int
    """How many nodes are the message's."""
    of_item: int
    exploded: int
    """The node of the exploded list, or -1."""
    places: dict[Path, int]
    """Path -> column of its root's matrices."""
    seeds: np.ndarray
    reports: np.ndarray
    table: np.ndarray
    parents: np.ndarray
    children: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    keys: np.ndarray


def lay_out(source: Source) -> Layout:
    """Return the layout of a source's fields, `select` and `explode`."""
    edges: dict[tuple[int, str], int] = {}
    message, places = _grow(_paths(source, "$"), edges, 0)
    item, own = _grow(_paths(source, "$item"), edges, message) if source.explode is not None else (0, {})
    known, known_item = known_keys(source)
    reports = np.zeros(message + item, dtype=np.uint8)
    _mark(known, 0, edges, reports)
    if item:
        _mark(known_item, message, edges, reports)
    seeds = np.array([_seed(node) for node in range(message + item)], dtype=np.uint64)
    exploded = places[source.explode] if source.explode is not None else NOTHING
    return Layout(message, item, exploded, {**places, **own}, seeds, reports, *_hashed(edges))


def _paths(source: Source, root: str) -> list[Path]:
    paths = [field.path for field in source.fields]
    paths += [part.path for part in path_values(source.select)]
    paths += [source.explode] if source.explode is not None else []
    return list(dict.fromkeys(path for path in paths if path.root == root))


def _grow(paths: list[Path], edges: dict[tuple[int, str], int], first: int) -> tuple[int, dict[Path, int]]:
    """Add the nodes of one root; return (how many, path -> its column)."""
    count, places = 1, {}
    for path in paths:
        node = first
        for step in path.steps:
            if (node, step) not in edges:
                edges[node, step] = first + count
                count += 1
            node = edges[node, step]
        places[path] = node - first
    return count, places


def _mark(known: Known, node: int, edges: dict[tuple[int, str], int], reports: np.ndarray) -> None:
    """Mark the objects whose unknown keys are told; what lies inside a field's own value is the strict path's."""
    reports[node] = bool(known.keys) and not known.whole
    for key, below in known.keys.items():
        if (node, key) in edges:
            _mark(below, edges[node, key], edges, reports)


def _seed(node: int) -> int:
    return _SEED ^ ((node + 1) * _STEP & _WORD)


def _hash(node: int, key: bytes) -> int:
    found = _seed(node)
    for byte in key:
        found = (found ^ byte) * _PRIME & _WORD
    return found


def slot(hashed: int, size: int) -> int:
    """Return where the search for a hash begins in a table: the high bits, which all of the key has reached."""
    return (hashed >> 32) & (size - 1)


def _hashed(edges: dict[tuple[int, str], int]) -> tuple[np.ndarray, ...]:
    entries = [(node, key.encode("utf-8", "surrogatepass"), child) for (node, key), child in edges.items()]
    size = 1 << max(4, (4 * len(entries)).bit_length())
    table = np.full(size, NOTHING, dtype=np.int32)
    for number, (node, key, _) in enumerate(entries):
        at = slot(_hash(node, key), size)
        while table[at] != NOTHING:
            at = (at + 1) % size
        table[at] = number
    lengths = np.array([len(key) for _, key, _ in entries], dtype=np.int32)
    return (
        table,
        np.array([node for node, _, _ in entries], dtype=np.int32),
        np.array([child for _, _, child in entries], dtype=np.int32),
        (np.cumsum(lengths) - lengths).astype(np.int32),
        lengths,
        np.frombuffer(b"".join(key for _, key, _ in entries) or b"\0", dtype=np.uint8),
    )

"""The paths of a source as arrays that the scanner follows: objects, their known keys, and where each value is noted.

Every object or value on the way to a path is a *node*. Nodes of the message come first (0 is the message itself), then
those of an element of the exploded list. A node is also a column of the scanner's matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tacet_runtime.plan.known import Known, known_keys
from tacet_runtime.plan.walk import path_values

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Source

_MIX, _WORD, _WORD_BYTES = 0xFF51AFD7ED558CCD, (1 << 64) - 1, 8
"""The multiplier of MurmurHash3's finish (A. Appleby), applied to eight bytes at a time."""
_STEP = 0x9E3779B97F4A7C15
"""Each node begins its hashes elsewhere: steps of the golden ratio of 2^64."""
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes, and a hash table (open, linear) from (node, key) to node.

    `seeds` (uint64, by node): where the hash of a key begins. `reports` (uint8, by node): its unknown keys are told.
    `table` (int32, a power of two long): number of a key or -1; by that number: `parents`, `children` (int32, nodes),
    `starts` in `keys` and `lengths` (int32, in bytes) of its text. `keys` (uint64): eight bytes each, the first lowest.
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

    def above(self, path: Path) -> tuple[int, ...]:
        """Return the columns of a path's parents. The message itself is none: without keys it has nothing."""
        first = self.of_message if path.root == "$item" else 0
        parents = dict(zip(self.children.tolist(), self.parents.tolist(), strict=True))
        found, node = [], first + self.places[path]
        while node in parents:
            node = parents[node]
            found.append(node - first)
        return tuple(place for place in found if place or first)


def lay_out(source: Source) -> Layout:
    """Return the layout of a source's fields, `select` and `explode`."""
    edges: dict[tuple[int, str], int] = {}
    message, places = _grow(_paths(source, "$"), edges, 0)
    item, own = _grow(_paths(source, "$item"), edges, message) if source.explode is not None else (0, {})
    known, known_item = known_keys(source.fields, source.explode, source.select)
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
    return (node + 1) * _STEP & _WORD


def _words(key: bytes) -> list[int]:
    return [int.from_bytes(key[at : at + _WORD_BYTES], "little") for at in range(0, len(key), _WORD_BYTES)]


def _hash(node: int, key: bytes) -> int:
    found = _seed(node)
    for eight in _words(key):
        found = (found ^ eight) * _MIX & _WORD
        found ^= found >> 32
    return found


def _hashed(edges: dict[tuple[int, str], int]) -> tuple[np.ndarray, ...]:
    entries = [(node, key.encode("utf-8", "surrogatepass"), child) for (node, key), child in edges.items()]
    size = 1 << max(4, (4 * len(entries)).bit_length())
    table = np.full(size, NOTHING, dtype=np.int32)
    for number, (node, key, _) in enumerate(entries):
        at = _hash(node, key) & (size - 1)
        while table[at] != NOTHING:
            at = (at + 1) % size
        table[at] = number
    words = [_words(key) for _, key, _ in entries]
    sizes = np.array([len(key) for key in words], dtype=np.int32)
    return (
        table,
        np.array([node for node, _, _ in entries], dtype=np.int32),
        np.array([child for _, _, child in entries], dtype=np.int32),
        (np.cumsum(sizes) - sizes).astype(np.int32),
        np.array([len(key) for _, key, _ in entries], dtype=np.int32),
        np.array([eight for key in words for eight in key] or [0], dtype=np.uint64),
    )

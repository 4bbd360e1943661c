"""Unknown keys, by distinct list of keys: the reference's question, asked once for each list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk
from tacet_runtime.steps.unknown import known_keys, unknown

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Source


class Unknowns:
    """Finds the unknown keys of rows; remembers what each list of keys came to."""

    def __init__(self, source: Source) -> None:
        message, item = known_keys(source)
        self._roots = (
            ("$", message, _objects(source, "$")),
            ("$item", item, _objects(source, "$item")),
        )
        self._remembered: dict[tuple[int, str], tuple[str, ...]] = {}

    def of(self, rows: pa.Table) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """Return (id of each row, unknown paths of each id, sorted)."""
        parts = [_encoded(rows.column(name)) for name in (":mkeys", ":ikeys")]
        found = [
            [self._paths(number, text) for text in dictionary.to_pylist()]
            for number, (_, dictionary) in enumerate(parts)
        ]
        width = len(found[1])
        both = parts[0][0].astype(np.int64) * width + parts[1][0]
        values, ids = np.unique(both, return_inverse=True)
        paths = [tuple(sorted({*found[0][value // width], *found[1][value % width]})) for value in values.tolist()]
        return ids, paths

    def _paths(self, number: int, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
        key = (number, text)
        if key not in self._remembered:
            if len(self._remembered) > 100_000:
                self._remembered.clear()
            self._remembered[key] = self._search(number, text)
        return self._remembered[key]

    def _search(self, number: int, text: str) -> tuple[str, ...]:
        root, known, objects = self._roots[number]
        value: dict[str, object] = {}
        for steps, keys in zip(objects, json.loads(text), strict=True):
            place = value
            for step in steps:
                inner = place.setdefault(step, {})
                if not isinstance(inner, dict):
                    inner = place[step] = {}
                place = inner
            for name in keys or ():
                place.setdefault(name, None)
        return tuple(path for path, _ in unknown(value, known, root))


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    encoded = column.combine_chunks().dictionary_encode()
    ids = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
    return ids, pa.concat_arrays([encoded.dictionary, pa.nulls(1, encoded.dictionary.type)])


def _objects(source: Source, root: str) -> list[tuple[str, ...]]:
    """Return the objects whose keys `targets/duckdb` asks for: those on the way to a path, sorted."""
    paths = [field.path for field in source.fields]
    paths += [part.path for part in walk(source.select) if isinstance(part, PathValue)] if source.select else []
    paths += [source.explode] if source.explode is not None else []
    found = {path.steps[:end] for path in paths if path.root == root for end in range(len(path.steps))}
    return sorted(found) or [()]

"""The distinct producers and versions of a batch: who they are, and what they registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tacet_runtime.connectors.arrow import python_values

if TYPE_CHECKING:
    import pyarrow as pa

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.judge import Producers, Registered


class ProducerIds:
    """`ids`: each row's position in `pairs` (producer, version). `registered_ids`: each row's registration, or -1."""

    def __init__(self, rows: pa.Table, plan: Plan, producers: Producers) -> None:
        names = rows.column(plan.source.producer_name).combine_chunks().dictionary_encode()
        versions = rows.column(plan.source.producer_version).combine_chunks().dictionary_encode()
        types = {f.name: f.type for f in plan.source.fields}
        width = len(versions.dictionary) + 1
        both = _ids(names).astype(np.int64) * width + _ids(versions)
        pairs, self.ids = np.unique(both, return_inverse=True)
        name_values = [*names.dictionary.to_pylist(), None]
        version_values = python_values(versions.dictionary, types[plan.source.producer_version])
        texts = [*(str(v) for v in version_values), None]
        self.pairs: list[tuple[str | None, str | None]] = [
            (name_values[pair // width], texts[pair % width]) for pair in pairs.tolist()
        ]
        self._registered: list[Registered | None] = [producers.find(name, version) for name, version in self.pairs]
        numbers = np.array([-1 if r is None else producers.number(r) for r in self._registered], dtype=np.int32)
        self.registered_ids = numbers[self.ids]

    def registered(self, at: int) -> Registered | None:
        """Return what a row's producer registered."""
        return self._registered[int(self.ids[at])]


def _ids(encoded: pa.DictionaryArray) -> np.ndarray:
    """Return dictionary ids; NULL is the one after the last."""
    return np.asarray(encoded.indices.fill_null(len(encoded.dictionary)).to_numpy())

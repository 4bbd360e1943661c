"""A run gives small batches to the reference and large ones to the engine."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tacet_runtime.batch import Batch
from tacet_runtime.engines.processors import FEW, Sized


class _Named:
    def __init__(self, name):
        self._name = name

    def process(self, _batch):
        return self._name


@pytest.mark.parametrize(("messages", "taken"), [(1, "few"), (FEW - 1, "few"), (FEW, "many")])
def test_the_size_of_a_batch_says_who_computes_it(messages, taken):
    batch = Batch("a", 0, pa.array(range(messages), pa.int64()), pa.array([b"{}"] * messages, pa.large_binary()))
    assert Sized(many=_Named("many"), few=_Named("few")).process(batch) == taken

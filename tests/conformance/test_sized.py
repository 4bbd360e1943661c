"""A run gives small batches to the reference and large ones to the engine."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tacet_runtime.batch import Batch, TooManyRows
from tacet_runtime.engines.processors import FEW, Sized
from tests.support import small


class _Named:
    """An engine that says its name; its messages explode to so many rows each."""

    def __init__(self, name, each):
        self._name = name
        self._each = each

    def together(self, batches, most=None):
        if most is not None and sum(len(batch.offsets) for batch in batches) * self._each > most:
            raise TooManyRows(1)
        return self

    def only(self):
        return self._name


@pytest.mark.parametrize(
    ("messages", "each", "taken"), [(1, 1, "few"), (FEW - 1, 1, "few"), (FEW, 1, "many"), (FEW - 1, 10, "many")]
)
def test_the_size_of_a_batch_says_who_computes_it(messages, each, taken):
    batch = Batch("a", 0, pa.array(range(messages), pa.int64()), pa.array([b"{}"] * messages, pa.large_binary()))
    assert Sized(many=_Named("many", each), few=_Named("few", each)).process(batch) == taken


def test_a_batch_without_a_row_gives_empty_tables_whatever_their_types(tmp_path):
    fields = 'ids: {type: list<uuid>, path: $.ids, presence: optional}\nof: {type: "map<string, struct{u: uuid}>", path: $.of, presence: optional}'
    plan = small.compiled(tmp_path, {"ping/1.0.0.yaml": small.raw(fields)})
    small.run(plan, [b"{}"] * 3)
    small.run(plan, [b"no JSON"] * 3)

"""Encoded columns say the same as plain ones: joined, cut, written and read again, with the sink's ids."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacet_runtime.connectors.encoded import dictionary, fitted, joined, plain, storable, view


def _field(name: str, form: pa.DataType, number: int) -> pa.Field:
    return pa.field(name, form, nullable=False, metadata={"PARQUET:field_id": str(number)})


TEXT = pa.string()
SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64(), metadata={"PARQUET:field_id": "1"}),
        pa.field("word", TEXT, metadata={"PARQUET:field_id": "2"}),
        pa.field("words", pa.list_(_field("element", TEXT, 7)), metadata={"PARQUET:field_id": "3"}),
        pa.field(
            "pairs", pa.map_(_field("key", TEXT, 8), _field("value", TEXT, 9)), metadata={"PARQUET:field_id": "4"}
        ),
        pa.field("bytes", pa.binary(), metadata={"PARQUET:field_id": "5"}),
    ]
)


@pytest.fixture
def table() -> pa.Table:
    numbers, size = np.random.default_rng(5), 200
    words = pa.array(["a", "", "long enough for a text of its own", "unused"])
    lists = pa.array([["x", "y"], [], ["z"]], pa.list_(TEXT))
    maps = pa.array([[("k", "v")], [], [("k", "w"), ("l", "v")], [("never", "used")]], pa.map_(TEXT, TEXT))
    data = bytes(range(256)) * 40
    starts = numbers.integers(0, 10_000, size)
    ends = starts + numbers.choice([0, 1, 4, 11, 12, 13, 200], size)
    columns = [
        pa.array(range(size)),
        dictionary(numbers.integers(-1, 3, size), words),
        dictionary(numbers.integers(-1, 3, size), lists),
        dictionary(numbers.integers(-1, 3, size), maps),
        view(pa.py_buffer(data), starts, ends, numbers.random(size) < 0.8),
    ]
    for column in columns:
        column.validate(full=True)
    return fitted([pa.chunked_array([column]) for column in columns], SCHEMA)


def test_encoded_and_plain_rows_join_in_any_mixture(table):
    drawn = random.Random(3)
    for _ in range(20):
        parts = [table.slice(drawn.randrange(150), drawn.randrange(60)) for _ in range(drawn.randrange(1, 5))]
        mixed = [plain(part) if drawn.random() < 0.5 else part for part in parts]
        assert plain(joined(mixed)).to_pylist() == [row for part in parts for row in plain(part).to_pylist()]


def test_what_is_written_encoded_is_read_as_the_plain_rows_with_every_id(table, tmp_path):
    spelt = tmp_path / "plain.parquet"
    pq.write_table(SCHEMA.empty_table(), spelt, store_schema=False)
    for rows in (table, plain(table), joined([table, plain(table), table.slice(3, 90)]), table.slice(7, 1), table[:0]):
        stored, paths, bounded = storable(rows, SCHEMA)
        stored.validate(full=True)
        file = tmp_path / "rows.parquet"
        pq.write_table(stored, file, use_dictionary=paths, write_statistics=bounded, store_schema=False)
        assert pq.read_table(file).to_pylist() == plain(rows).to_pylist()
        assert pq.read_schema(file).equals(pq.read_schema(spelt), check_metadata=True)
        assert bounded == ["number", "word"]

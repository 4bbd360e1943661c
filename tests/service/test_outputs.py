"""What rows are as messages: keys of every type as `explain` shows them, positions, one message a parent as it came."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from types import SimpleNamespace

import pytest

from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import SinkColumn, SinkTable, SinkTopic
from tests.support.optional import require

try:
    from tacet_runtime.service.outputs import Outputs
except ModuleNotFoundError:
    require("the extra [kafka] is not installed")

PLACE = {"_source": t.StringType(), "_partition": t.IntType(), "_offset": t.LongType(), "_index": t.IntType()}
KEYS = {
    "boolean": (t.BooleanType(), True, b"true"),
    "int": (t.IntType(), -7, b"-7"),
    "long": (t.LongType(), 2**63 - 1, b"9223372036854775807"),
    "double": (t.DoubleType(), 0.5, b"0.5"),
    "decimal": (t.DecimalType(9, 2), Decimal("1.50"), b"1.50"),
    "date": (t.DateType(), dt.date(2026, 11, 25), b"2026-11-25"),
    "time": (t.TimeType(), dt.time(1, 2, 3), b"01:02:03.000000"),
    "timestamptz": (t.TimestamptzType(), dt.datetime(2026, 11, 25, tzinfo=dt.UTC), b"2026-11-25T00:00:00.000000Z"),
    "string": (t.StringType(), "\u00e9\x00", "\u00e9\x00".encode()),
    "uuid": (t.UuidType(), str(uuid.UUID(int=5)), b"00000000-0000-0000-0000-000000000005"),
    "binary": (t.BinaryType(), b"\xff", b"/w=="),
}


def sent(types, rows, key):
    """Return the messages of rows of these types; every source message came with a key and a header of its own."""
    columns = {**PLACE, "_contract": t.StringType(), **types}
    table = SinkTable(
        "raw", "a.b", tuple(SinkColumn(name, at, type_, False, ()) for at, (name, type_) in enumerate(columns.items()))
    )
    plan = SimpleNamespace(tables=(table,), topics=(SinkTopic("raw", "out", tuple(key), "source", None),))
    whole = [{"_source": "in", "_partition": 3, "_contract": "a.b@1.0.0", **row} for row in rows]
    data = arrow_table({name: [row.get(name) for row in whole] for name in columns}, table)
    came = {}
    for row in whole:
        came.setdefault(row["_partition"], {})[row["_offset"]] = Came(row["_offset"])
    return list(Outputs(plan, {}).messages({"raw": data}, came))


class Came:
    def __init__(self, offset):
        self._offset = offset

    def headers(self):
        return [("trace", b"x")] if self._offset else None

    def key(self):
        return b"own"

    def value(self):
        return b"v%d" % self._offset


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_its_value_as_explain_shows_it_and_null_is_no_key(name):
    type_, value, text = KEYS[name]
    rows = [{"_offset": 0, "_index": 0, "k": value}, {"_offset": 1, "_index": 0, "k": None}]
    assert [key for _, key, _, _ in sent({"k": type_}, rows, ["k"])] == [text, None]


def test_several_columns_are_an_array_of_texts_and_nulls_alone_are_no_key():
    types = {"a": t.LongType(), "b": t.UuidType()}
    rows = [
        {"_offset": 0, "_index": 0, "a": 1, "b": str(uuid.UUID(int=1))},
        {"_offset": 1, "_index": 0, "a": None, "b": str(uuid.UUID(int=1))},
        {"_offset": 2, "_index": 0, "a": None, "b": None},
    ]
    keys = [key for _, key, _, _ in sent(types, rows, ["a", "b"])]
    one = b'"00000000-0000-0000-0000-000000000001"]'
    assert keys == [b'["1",' + one, b"[null," + one, None]


def test_a_message_of_several_rows_goes_out_once_as_it_came_in_the_order_of_the_topic():
    rows = [{"_offset": at, "_index": index} for at, index in ((5, 0), (5, 1), (7, 0), (0, 0), (0, 1))]
    found = sent({}, rows, [])
    own = [("tacet.contract", b"a.b@1.0.0")]
    assert [(topic, key, value) for topic, key, value, _ in found] == [
        ("out", b"own", b"v0"),
        ("out", b"own", b"v5"),
        ("out", b"own", b"v7"),
    ]
    assert found[0][3] == [*own, ("tacet.position", b"in/3/0")]
    assert found[1][3] == [("trace", b"x"), *own, ("tacet.position", b"in/3/5")]


def test_messages_of_several_partitions_are_never_taken_for_one_another():
    places = ((0, 5, 0), (0, 7, 0), (2, 7, 0), (2, 7, 1), (1, 7, 0))
    found = sent({}, [{"_partition": p, "_offset": at, "_index": index} for p, at, index in places], [])
    assert [(value, headers[-1][1]) for _, _, value, headers in found] == [
        (b"v5", b"in/0/5"),
        (b"v7", b"in/0/7"),
        (b"v7", b"in/1/7"),
        (b"v7", b"in/2/7"),
    ]

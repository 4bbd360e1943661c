"""Messages in Avro: the same bytes as fastavro's for every type, and a NULL where none may be is an error."""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
from decimal import Decimal

import fastavro
import pytest

from tacet_codegen.targets.avro import avro_type
from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.connectors.avro import AvroError, Encoder
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import SinkColumn, SinkTable
from tests.support.optional import require

try:
    import pyruhvro  # noqa: F401
except ModuleNotFoundError:
    require("the extra [kafka] is not installed")

MEMBERS = t.StructType((t.Member("a", t.LongType()), t.Member("b", t.StringType())))
CASES = {
    "boolean": (t.BooleanType(), [True, False]),
    "int": (t.IntType(), [0, 2**31 - 1, -(2**31)]),
    "long": (t.LongType(), [0, 2**63 - 1, -(2**63)]),
    "float": (t.FloatType(), [1.5, -0.0, float("inf")]),
    "double": (t.DoubleType(), [0.1, 5e-324, -1.7e308]),
    "decimal": (t.DecimalType(38, 10), [Decimal("1.25"), Decimal("-0.0000000001"), Decimal(10) ** 27]),
    "date": (t.DateType(), [dt.date(1970, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "time": (t.TimeType(), [dt.time(0), dt.time(23, 59, 59, 999_999)]),
    "timestamp": (t.TimestampType(), [dt.datetime(1969, 12, 31, 23, 59), dt.datetime(9999, 1, 1)]),  # noqa: DTZ001
    "timestamptz": (t.TimestamptzType(), [dt.datetime(2026, 11, 25, 1, 2, 3, 4, dt.UTC)]),
    "string": (t.StringType(), ["", "é\x00", "\U0001f3b5"]),
    "uuid": (t.UuidType(), [str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))]),
    "binary": (t.BinaryType(), [b"", b"\xff\x00\xfe"]),
    "list": (t.ListType(t.StringType()), [[], ["a", ""]]),
    "list of uuid": (t.ListType(t.UuidType()), [[], [str(uuid.UUID(int=7))]]),
    "map": (t.MapType(t.LongType()), [{}, {"a": 1, "b": -1}]),
    "map of binary": (t.MapType(t.BinaryType()), [{"a": b"\xff"}]),
    "struct": (MEMBERS, [{"a": 1, "b": "x"}, {"a": None, "b": None}]),
    "list of struct": (t.ListType(MEMBERS), [[{"a": 1, "b": None}]]),
}


def table_of(type_: t.Type, *, required: bool) -> SinkTable:
    return SinkTable("derived", "a.b", (SinkColumn("v", 1, type_, required, tuple(range(2, 9))),))


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_a_value_of_every_type_is_the_bytes_that_fastavro_writes(name, required):
    type_, values = CASES[name]
    values = values if required else [None, *values]
    form = avro_type(type_, "v")
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": form if required else ["null", form]}]}
    table = table_of(type_, required=required)
    messages = Encoder(json.dumps(schema), table, 258).encode(arrow_table({"v": values}, table))
    parsed = fastavro.parse_schema(schema)
    for value, message in zip(values, messages, strict=True):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, {"v": value})
        assert message == b"\0\0\0\1\2" + out.getvalue()


def test_a_null_in_a_required_column_is_an_error_and_no_empty_text():
    table = table_of(t.StringType(), required=True)
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": "string"}]}
    rows = arrow_table({"v": ["a", None]}, table_of(t.StringType(), required=False))
    with pytest.raises(AvroError, match="required and NULL"):
        Encoder(json.dumps(schema), table, 1).encode(rows)

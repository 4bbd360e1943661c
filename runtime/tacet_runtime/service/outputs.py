"""What a batch's rows are as messages: enriched rows in Avro, and raw messages as they came, once a parent.

Key: one column as its text, several as a JSON array of theirs, none (or only NULLs): no key; a raw message without key
columns keeps its own. Headers: `tacet.contract`, and `tacet.position` as `topic/partition/offset` with `/index` for a row;
a raw message has its own before them, or `tacet.headers` instead, when a name that is not UTF-8 makes them unreadable.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from itertools import chain, repeat
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.connectors.arrow import python_value
from tacet_runtime.connectors.avro import Encoder, uuid_texts
from tacet_runtime.connectors.encoded import plain
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tacet_runtime.batch import Role
    from tacet_runtime.connectors.kafka import Headers, Message
    from tacet_runtime.plan.model import Plan, SinkTable, SinkTopic
    from tacet_runtime.plan.types import Type

CONTRACT, POSITION, HEADERS = "tacet.contract", "tacet.position", "tacet.headers"
_HEADERS_OF = methodcaller("headers")
"""`message.headers()`, whose exception stays pending beside a result: a call from Python code would raise it anywhere later on."""


class Outputs:
    """Turns outcomes into messages for the plan's topics."""

    def __init__(self, plan: Plan, schema_ids: Mapping[str, int]) -> None:
        """`schema_ids`: topic -> the id of its schema in the registry, for every topic in Avro."""
        tables: Mapping[str, SinkTable] = {table.role: table for table in plan.tables}
        self._sinks = [(sink, tables[sink.role]) for sink in plan.topics]
        self._encoders = {
            sink.topic: Encoder(sink.avro_schema, tables[sink.role], schema_ids[sink.topic])
            for sink in plan.topics
            if sink.avro_schema is not None
        }

    def messages(self, tables: Mapping[Role, pa.Table], sent: Mapping[int, Mapping[int, Any]]) -> Iterator[Message]:
        """Return the messages of a batch's rows, which may be encoded; `sent`: partition -> the source's messages by offset."""
        return chain.from_iterable(
            self._of(sink, table, tables[sink.role], sent) for sink, table in self._sinks if tables[sink.role].num_rows
        )

    def _of(
        self, sink: SinkTopic, table: SinkTable, rows: pa.Table, sent: Mapping[int, Mapping[int, Any]]
    ) -> Iterator[Message]:
        if sink.format == "source":
            few = {"_source", "_partition", "_offset", "_index", "_contract", *sink.key}
            return self._as_it_came(sink, table, _in_order(plain(rows.select(sorted(few)))), sent)
        return self._avro(sink, table, _in_order(plain(rows)))

    def _avro(self, sink: SinkTopic, table: SinkTable, rows: pa.Table) -> Iterator[Message]:
        values = self._encoders[sink.topic].encode(rows)
        places = _places(rows, "_offset", "_index")
        together = zip(_keys(rows, sink, table), values, _contracts(rows), places, strict=True)
        for key, value, contract, place in together:
            yield sink.topic, key, value, [(CONTRACT, contract), (POSITION, place)]

    def _as_it_came(
        self, sink: SinkTopic, table: SinkTable, rows: pa.Table, sent: Mapping[int, Mapping[int, Any]]
    ) -> Iterator[Message]:
        partitions, offsets = _positions(rows)
        first = (np.diff(partitions, prepend=-1) != 0) | (np.diff(offsets, prepend=-1) != 0)
        rows = rows.filter(pa.array(first))  # the first row of each message
        keys = _keys(rows, sink, table) if sink.key else repeat(None, rows.num_rows)
        came = zip(partitions[first].tolist(), offsets[first].tolist(), strict=True)
        together = zip(keys, came, _contracts(rows), _places(rows, "_offset"), strict=True)
        for key, (partition, offset), contract, place in together:
            message = sent[partition][offset]
            headers = [*_own_headers(message), (CONTRACT, contract), (POSITION, place)]
            yield sink.topic, key if sink.key else message.key(), message.value(), headers


def _own_headers(message: Any) -> Headers:
    try:
        return _HEADERS_OF(message) or []
    except (UnicodeDecodeError, SystemError):  # of one name, and confluent-kafka gives none of them
        return [(HEADERS, b"unreadable")]


def _in_order(rows: pa.Table) -> pa.Table:
    """Return rows in the order of their messages: an engine may put those that took its strict path last."""
    partitions, offsets = _positions(rows)
    same, later = partitions[1:] == partitions[:-1], partitions[1:] > partitions[:-1]
    if (later | (same & (offsets[1:] >= offsets[:-1]))).all():
        return rows
    return rows.sort_by([("_partition", "ascending"), ("_offset", "ascending"), ("_index", "ascending")])


def _positions(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return rows.column("_partition").to_numpy(), rows.column("_offset").to_numpy()


def _contracts(rows: pa.Table) -> list[bytes]:
    return _bytes(rows.column("_contract"))


def _places(rows: pa.Table, *columns: str) -> list[bytes]:
    """Return `topic/partition/`, and what the columns say: one for each row, all of one topic."""
    numbers = [rows.column(name).cast(pa.string()) for name in ("_partition", *columns)]
    return _bytes(pc.binary_join_element_wise(rows.column("_source")[0], *numbers, "/"))


def _bytes(texts: pa.ChunkedArray) -> list[Any]:
    return list(texts.cast(pa.binary()).to_pylist())


def _keys(rows: pa.Table, sink: SinkTopic, table: SinkTable) -> list[bytes | None]:
    types = {column.name: column.type for column in table.columns}
    match sink.key:
        case ():
            return [None] * rows.num_rows
        case (name,):
            return _bytes(_texts(rows.column(name), types[name]))
        case names:
            together = zip(*(_texts(rows.column(name), types[name]).to_pylist() for name in names), strict=True)
            return [None if all(v is None for v in values) else _array(values) for values in together]


def _texts(column: pa.ChunkedArray, type_: Type) -> pa.ChunkedArray:
    """Return a column as a key has it: what `explain` shows, without quotes."""
    match type_:
        case t.IntType() | t.LongType() | t.StringType():
            return column.cast(pa.string())
        case t.UuidType():
            return pa.chunked_array([uuid_texts(chunk) for chunk in column.chunks], pa.string())
        case _:
            return pa.chunked_array([[_text(value, type_) for value in column.to_pylist()]], pa.string())


def _array(values: Sequence[str | None]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any, type_: Type) -> str | None:
    match python_value(value, type_):
        case None:
            return None
        case bool() as truth:
            return "true" if truth else "false"
        case bytes() as data:
            return base64.b64encode(data).decode("ascii")
        case dt.datetime() as moment:
            return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if moment.tzinfo else "")
        case dt.time() as moment:
            return moment.isoformat(timespec="microseconds")
        case other:
            return str(other)

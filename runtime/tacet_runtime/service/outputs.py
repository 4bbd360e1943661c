"""What a batch's rows are as messages: enriched rows in Avro, and raw messages as they came, once a parent.

Key: one column as its text, several as a JSON array of theirs, none (or only NULLs): no key; a raw message without key
columns keeps its own. Headers: `tacet.contract`, and `tacet.position` as `topic/partition/offset` with `/index` for a row.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tacet_runtime.connectors.arrow import python_value
from tacet_runtime.connectors.avro import Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from tacet_runtime.batch import Outcome
    from tacet_runtime.plan.model import Plan, SinkTable, SinkTopic
    from tacet_runtime.plan.types import Type

Headers = list[tuple[str, str | bytes | None]]
CONTRACT, POSITION = "tacet.contract", "tacet.position"


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


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

    def messages(self, outcome: Outcome, sent: Mapping[int, Any]) -> Iterator[Message]:
        """Yield the messages of one partition's outcome; `sent` has the source's messages by offset."""
        for sink, table in self._sinks:
            rows = _in_order(outcome.tables[sink.role])
            if rows.num_rows == 0:
                continue
            if sink.format == "source":
                yield from self._as_it_came(sink, table, rows, sent)
            else:
                yield from self._avro(sink, table, rows)

    def _avro(self, sink: SinkTopic, table: SinkTable, rows: pa.Table) -> Iterator[Message]:
        values = self._encoders[sink.topic].encode(rows)
        keys = _keys(rows, sink, table)
        contracts = _contracts(rows)
        indexes = rows.column("_index").to_pylist()
        for at, place in enumerate(_places(rows)):
            headers: Headers = [(CONTRACT, contracts[at]), (POSITION, b"%s/%d" % (place, indexes[at]))]
            yield Message(sink.topic, keys[at], values[at], headers)

    def _as_it_came(
        self, sink: SinkTopic, table: SinkTable, rows: pa.Table, sent: Mapping[int, Any]
    ) -> Iterator[Message]:
        keys = _keys(rows, sink, table) if sink.key else None
        contracts = _contracts(rows)
        places = _places(rows)
        before = None
        for at, offset in enumerate(rows.column("_offset").to_pylist()):
            if offset == before:
                continue
            before = offset
            message = sent[offset]
            headers: Headers = [*(message.headers() or []), (CONTRACT, contracts[at]), (POSITION, places[at])]
            yield Message(sink.topic, keys[at] if keys else message.key(), message.value(), headers)


def _in_order(rows: pa.Table) -> pa.Table:
    """Return rows in the order of their messages: an engine may put those that took its strict path last."""
    offsets = rows.column("_offset").to_numpy()
    if (offsets[1:] >= offsets[:-1]).all():
        return rows
    return rows.sort_by([("_offset", "ascending"), ("_index", "ascending")])


def _contracts(rows: pa.Table) -> list[bytes]:
    return [text.encode() for text in rows.column("_contract").to_pylist()]


def _places(rows: pa.Table) -> list[bytes]:
    source = rows.column("_source")[0].as_py()
    partition = rows.column("_partition")[0].as_py()
    return [f"{source}/{partition}/{offset}".encode() for offset in rows.column("_offset").to_pylist()]


def _keys(rows: pa.Table, sink: SinkTopic, table: SinkTable) -> list[bytes | None]:
    types = {column.name: column.type for column in table.columns}
    columns = [[_text(v, types[name]) for v in rows.column(name).to_pylist()] for name in sink.key]
    if not columns:
        return [None] * rows.num_rows
    if len(columns) == 1:
        return [None if value is None else value.encode() for value in columns[0]]
    together = zip(*columns, strict=True)
    return [None if all(v is None for v in values) else _array(values) for values in together]


def _array(values: tuple[str | None, ...]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any, type_: Type) -> str | None:
    """Return a value as a key has it: what `explain` shows, without quotes."""
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

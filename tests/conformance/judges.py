"""What each target says of a message: valid or not, and with which value. The reference's answer is what is compared with."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import math
import uuid
import warnings
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import avro.errors
import avro.io
import avro.schema
import fastavro
import jsonschema
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tacet_runtime.connectors.arrow import python_value
from tacet_runtime.connectors.iceberg import data_file, ensure_table, open_catalog, replace_files
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.plan import types as t
from tests.conformance.cases import message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tacet_runtime.batch import Outcome
    from tacet_runtime.plan.types import Type
    from tests.conformance.cases import Compiled

MISSING = object()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a message is valid, and what `v` is in it: MISSING for null and absent."""

    valid: bool
    value: Any = MISSING


def reference(one: Compiled, outcome: Outcome, texts: Sequence[Sequence[str | None]]) -> dict[str | None, Answer]:
    """Read the reference's answers from what it made of messages, each with some texts: offset is the message's place.

    Wrong is what is malformed, or invalid, or an identity that is missing.
    """
    rows = outcome.tables["raw"]
    at = {offset: place for place, offset in enumerate(rows.column("_offset").to_pylist())}
    absences = [dict(pairs) for pairs in rows.column("_absences").to_pylist()]
    columns = [
        [python_value(v, one.field.type) for v in rows.column(f"v{number}").to_pylist()]
        for number in range(one.case.width)
    ]
    found: dict[str | None, Answer] = {}
    for offset, together in enumerate(texts):
        place = at.get(offset)
        for number, text in enumerate(together):
            if place is None or absences[place].get(f"v{number}", "").startswith("invalid:"):
                found[text] = Answer(valid=False)
            else:
                value = columns[number][place]
                found[text] = Answer(True, MISSING if value is None else value)
    return found


def model(one: Compiled, text: str | None) -> Answer:
    """Answer as the generated model does."""
    try:
        value = one.model.decode(message(text)).v0
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Answer(valid=False)
    return Answer(True, MISSING if value is None or value is msgspec.UNSET else value)


def schema_validator(one: Compiled) -> Any:
    """Return the jsonschema library's validator of messages, with formats asserted."""
    kind = jsonschema.Draft202012Validator
    kind.check_schema(one.schema)
    schema = {**one.schema, "properties": {"v0": one.schema["properties"]["v0"]}}
    schema["required"] = [name for name in one.schema["required"] if name == "v0"]
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def json_schema(validator: Any, text: str | None) -> Answer:
    """Answer as the jsonschema library does, on what the standard library's parser gives, with nothing rounded."""
    try:
        instance = {} if text is None else {"v0": _parsed(text)}
    except (ValueError, RecursionError):
        return Answer(valid=False)
    return Answer(bool(validator.is_valid(instance)))


def _parsed(text: str) -> Any:
    text.encode()
    return json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_whole, object_pairs_hook=_first)


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _number(text: str) -> Any:
    """Return what does not lose digits: JSON Schema is about numbers, not about doubles."""
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return number
    return number if Decimal(number) == exact or not math.isfinite(number) else exact


def _whole(text: str) -> Any:
    return int(text) if len(text) < 4_000 else Decimal(text)


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def same(value: Any, other: Any, type_: Type, encoding: str) -> bool:
    """Tell whether a model's value is the reference's: models keep the form in which producers send."""
    if other is MISSING or value is MISSING:
        return other is value
    return bool(_sent(value, type_, encoding) == _sent(other, type_, encoding))


def _sent(value: Any, type_: Type, encoding: str) -> Any:
    """Bring a value to one form, from the typed one or from the sent one."""
    if value is None or value is msgspec.UNSET:
        return None
    match type_:
        case t.TimestampType() | t.TimestamptzType() if encoding.startswith("epoch"):
            unit = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000}.get(encoding, 1)
            return value * unit if isinstance(value, int) else _micros(value)
        case t.TimestampType() | t.TimestamptzType():
            return _micros(dt.datetime.fromisoformat(value) if isinstance(value, str) else value)
        case t.DateType():
            return dt.date.fromisoformat(value) if isinstance(value, str) else value
        case t.TimeType():
            return dt.time.fromisoformat(value) if isinstance(value, str) else value
        case t.UuidType():
            return str(value).lower()
        case t.BinaryType():
            return base64.b64decode(value) if isinstance(value, str) else value
        case t.BooleanType():
            return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        case t.FloatType() | t.DoubleType():
            return pa.scalar(float(value), pa.float32() if isinstance(type_, t.FloatType) else pa.float64()).as_py()
        case t.IntType() | t.LongType():
            return int(value)
        case t.DecimalType():
            return Decimal(str(value))
        case t.ListType(element):
            return [_sent(v, element, encoding) for v in value]
        case t.MapType(of):
            return {k: _sent(v, of, encoding) for k, v in value.items()}
        case t.StructType(members):
            get = value.get if isinstance(value, dict) else lambda name: getattr(value, name)
            return {m.name: _sent(get(m.name), m.type, encoding) for m in members}
        case _:
            return value


def _micros(moment: dt.datetime) -> int:
    whole = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (whole - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def with_fastavro(one: Compiled, rows: pa.Table) -> list[Any]:
    """Write rows in one go and read them back with fastavro; return what became of `v0`."""
    schema = fastavro.parse_schema(one.avro)
    out = io.BytesIO()
    fastavro.writer(out, schema, _records(one, rows))
    out.seek(0)
    return [avro_value(record["v0"], one.field.type) for record in fastavro.reader(out)]


def with_avro(one: Compiled, rows: pa.Table) -> list[Any]:
    """Write and read back with Apache's own library, which knows no `local-timestamp-micros`: a number to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
        schema = avro.schema.parse(json.dumps(one.avro))
    found = []
    for record in _records(one, rows):
        out = io.BytesIO()
        sent = {name: _local_micros(value) for name, value in record.items()}
        avro.io.DatumWriter(schema).write(sent, avro.io.BinaryEncoder(out))
        out.seek(0)
        found.append(avro_value(avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(out))["v0"], one.field.type))
    return found


def _local_micros(value: Any) -> Any:
    return _micros(value) if isinstance(value, dt.datetime) and value.tzinfo is None else value


def avro_value(value: Any, type_: Type) -> Any:
    """Bring what a library reads to the reference's form."""
    match value, type_:
        case None, _:
            return None
        case uuid.UUID(), _:
            return str(value)
        case dt.datetime(), t.TimestamptzType():
            return value.astimezone(dt.UTC)
        case list(), t.ListType(element):
            return [avro_value(v, element) for v in value]
        case dict(), t.MapType(of):
            return {k: avro_value(v, of) for k, v in value.items()}
        case dict(), t.StructType(members):
            return {m.name: avro_value(value[m.name], m.type) for m in members}
        case _:
            return value


def _records(one: Compiled, rows: pa.Table) -> list[dict[str, Any]]:
    [table] = [sink for sink in one.plan.tables if sink.role == "raw"]
    columns = {c.name: [python_value(v, c.type) for v in rows.column(c.name).to_pylist()] for c in table.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def through_iceberg(one: Compiled, rows: pa.Table, warehouse: Path) -> Iterator[tuple[str, pa.Table]]:
    """Write rows as the job does, into a table as the plan has it; yield them as files and as pyiceberg's scan have them."""
    [sink] = [sink for sink in one.plan.tables if sink.role == "raw"]
    table = ensure_table(open_catalog(warehouse), sink)
    folder = warehouse / "own"
    folder.mkdir(parents=True, exist_ok=True)
    finished = write_files(rows, sink, folder, one.case.event)
    replace_files(table, [data_file(table, Path(f.path), f.partition) for f in finished], [], {}, {})
    yield "parquet", pa.concat_tables([pq.read_table(f.path) for f in finished])
    yield "iceberg", table.refresh().scan().to_arrow()

"""The two programs that a team would write instead, by hand, for the reference application; both written fairly.

`naive` is what most have: json, jsonschema, fastavro, a row at a time, pyiceberg's append. `good` is what a careful
team has: msgspec structs, columns instead of rows, Arrow straight into Iceberg. Both do the job's plain work (select,
explode, type, filter, correct, look up, derive, write raw and enriched, Avro for the topic) and keep what fails;
neither judges why a value is missing, keeps accounts, or survives a kill.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import fastavro
import jsonschema
import msgspec
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

DAY_MS = 86_400_000
UTC = dt.UTC
Titles = dict[int, tuple[str, str, dt.date | None]]

COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "event_id": (pa.string(), {"type": "string", "logicalType": "uuid"}),
    "item": (pa.int32(), "int"),
    "profile_id": (pa.int64(), "long"),
    "country": (pa.string(), "string"),
    "title_id": (pa.int64(), "long"),
    "title_name": (pa.string(), ["null", "string"]),
    "title_kind": (pa.string(), ["null", "string"]),
    "artwork_id": (pa.string(), ["null", "string"]),
    "request_id": (pa.string(), ["null", "string"]),
    "platform": (pa.string(), ["null", "string"]),
    "app_version": (pa.string(), ["null", "string"]),
    "device_model": (pa.string(), ["null", "string"]),
    "session_id": (pa.string(), ["null", "string"]),
    "client_ts": (pa.timestamp("us", "UTC"), ["null", {"type": "long", "logicalType": "timestamp-micros"}]),
    "server_ts": (pa.timestamp("us", "UTC"), ["null", {"type": "long", "logicalType": "timestamp-micros"}]),
    "event_date": (pa.date32(), ["null", {"type": "int", "logicalType": "date"}]),
    "is_new_title": (pa.bool_(), ["null", "boolean"]),
    "page": (pa.string(), ["null", "string"]),
    "row_index": (pa.int32(), ["null", "int"]),
    "row_kind": (pa.string(), ["null", "string"]),
    "rank": (pa.int32(), ["null", "int"]),
    "view_ms": (pa.int64(), ["null", "long"]),
    "viewed": (pa.bool_(), ["null", "boolean"]),
}
ARROW = pa.schema([(name, form[0]) for name, form in COLUMNS.items()])
AVRO = fastavro.parse_schema(
    {
        "type": "record",
        "name": "enriched_impression",
        "fields": [{"name": name, "type": form[1]} for name, form in COLUMNS.items()],
    }
)
RAW_ARROW = pa.schema([("payload", pa.binary()), ("server_ts", pa.timestamp("us", "UTC")), ("platform", pa.string())])

_INT = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_STRING = {"type": "string"}
_UUID = {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"}
JSON_SCHEMA = {
    "type": "object",
    "required": ["id", "profile", "device", "ts", "receivedAt", "items"],
    "properties": {
        "id": _UUID,
        "ts": _INT,
        "receivedAt": _INT,
        "surface": {"enum": ["ROW", "BILLBOARD", "SEARCH", None]},
        "page": {"type": ["string", "null"]},
        "profile": {"type": "object", "required": ["id"], "properties": {"id": _INT, "country": _STRING}},
        "device": {
            "type": "object",
            "properties": {"platform": {"enum": ["ios", "android", "web", "tvos"]}, "appVersion": _STRING},
        },
        "items": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": _INT,
                    "row": {"type": ["integer", "null"], "minimum": 0, "maximum": 10000},
                    "rank": {"type": ["integer", "null"], "minimum": 0, "maximum": 10000},
                    "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                    "viewMs": {"type": ["integer", "null"], "minimum": 0, "maximum": DAY_MS},
                },
            },
        },
    },
}


def naive(messages: Iterable[bytes], titles: Titles, warehouse: Path, *, rows_a_commit: int = 20_000) -> int:
    """Run the loop most teams have; return the rows written."""
    validator = jsonschema.Draft202012Validator(JSON_SCHEMA)
    out = _Tables(warehouse, rows_a_commit)
    for data in messages:
        try:
            message = json.loads(data)
            if message.get("type") != "impression":
                continue
            validator.validate(message)
        except (ValueError, AttributeError, jsonschema.ValidationError):
            out.failed.append(data)
            continue
        rows = [row for index, item in enumerate(message["items"]) if (row := _row(message, item, index, titles))]
        for row in rows:
            _avro(row)
        out.add(data, message["receivedAt"], message["device"].get("platform"), rows)
    return out.close()


def _row(message: dict[str, Any], item: dict[str, Any], index: int, titles: Titles) -> dict[str, Any] | None:
    if (message.get("flags") or {}).get("internal"):
        return None
    client_ms, server_ms = message["ts"], message["receivedAt"]
    if client_ms > server_ms + DAY_MS:
        return None
    client, server = _moment(min(client_ms, server_ms)), _moment(server_ms)
    name, kind, release = titles.get(item["title"], (None, None, None))
    surface = message.get("surface")
    view_ms = item.get("viewMs")
    device = message["device"]
    return {
        "event_id": str(uuid.UUID(message["id"])),
        "item": index,
        "profile_id": message["profile"]["id"],
        "country": message["profile"].get("country") or "",
        "title_id": item["title"],
        "title_name": name,
        "title_kind": kind,
        "artwork_id": (item.get("artwork") or {}).get("id"),
        "request_id": item.get("requestId"),
        "platform": device.get("platform"),
        "app_version": device.get("appVersion"),
        "device_model": device.get("model"),
        "session_id": (message.get("session") or {}).get("id"),
        "client_ts": client,
        "server_ts": server,
        "event_date": client.date(),
        "is_new_title": None if release is None else release >= client.date() - dt.timedelta(days=28),
        "page": None if surface is None else "home" if surface == "ROW" else surface.lower(),
        "row_index": item.get("row"),
        "row_kind": item.get("rowKind"),
        "rank": item.get("rank"),
        "view_ms": view_ms,
        "viewed": None if view_ms is None else view_ms >= 1000,
    }


def _moment(millis: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(millis / 1000, UTC)


def _avro(row: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, AVRO, row)
    return buffer.getvalue()


class _Tables:
    """The tables of the loops: buffered rows, appended with pyiceberg."""

    def __init__(self, warehouse: Path, rows_a_commit: int) -> None:
        warehouse.mkdir(parents=True)
        catalog = SqlCatalog("bench", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
        catalog.create_namespace("bench")
        self._enriched = catalog.create_table("bench.enriched", ARROW)
        self._raw = catalog.create_table("bench.raw", RAW_ARROW)
        self._rejects = catalog.create_table("bench.rejects", pa.schema([("payload", pa.binary())]))
        self._limit = rows_a_commit
        self._rows: list[dict[str, Any]] = []
        self._payloads: list[dict[str, Any]] = []
        self.failed: list[bytes] = []
        self._written = 0

    def add(self, data: bytes, received_ms: int, platform: str | None, rows: list[dict[str, Any]]) -> None:
        self._payloads.append({"payload": data, "server_ts": _moment(received_ms), "platform": platform})
        self._rows += rows
        if len(self._rows) >= self._limit:
            self._flush()

    def columns(self, raw: pa.Table, enriched: pa.Table) -> None:
        self._raw.append(raw)
        self._enriched.append(enriched)
        self._written += enriched.num_rows

    def _flush(self) -> None:
        self.columns(
            pa.Table.from_pylist(self._payloads, schema=RAW_ARROW), pa.Table.from_pylist(self._rows, schema=ARROW)
        )
        self._rows, self._payloads = [], []

    def close(self) -> int:
        if self._rows:
            self._flush()
        self._rejects.append(pa.table({"payload": pa.array(self.failed, pa.binary())}))
        return self._written


class Artwork(msgspec.Struct, gc=False):
    """Part of an item."""

    id: str | None = None


class Item(msgspec.Struct, rename={"row_kind": "rowKind", "view_ms": "viewMs", "request_id": "requestId"}, gc=False):
    """One element of a message."""

    title: int
    artwork: Artwork | None = None
    request_id: uuid.UUID | None = None
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    row: Annotated[int, msgspec.Meta(ge=0, le=10000)] | None = None
    row_kind: str | None = None
    rank: Annotated[int, msgspec.Meta(ge=0, le=10000)] | None = None
    view_ms: Annotated[int, msgspec.Meta(ge=0, le=DAY_MS)] | None = None


class Profile(msgspec.Struct, gc=False):
    """Who saw it."""

    id: int
    country: str | None = None


class Device(msgspec.Struct, rename={"app_version": "appVersion"}, gc=False):
    """On what."""

    platform: str | None = None
    app_version: str | None = None
    model: str | None = None


class Session(msgspec.Struct, gc=False):
    """In which session."""

    id: uuid.UUID | None = None
    seq: int | None = None


class Flags(msgspec.Struct, gc=False):
    """Switches."""

    internal: bool | None = None


class Kind(msgspec.Struct, gc=False):
    """Only what tells impressions from the rest."""

    type: str | None = None


class Impression(msgspec.Struct, rename={"received_at": "receivedAt"}, gc=False):
    """The message, typed."""

    id: uuid.UUID
    profile: Profile
    device: Device
    ts: int
    received_at: int
    items: list[Item]
    session: Session | None = None
    surface: str | None = None
    flags: Flags | None = None


def good(messages: Iterable[bytes], titles: Titles, warehouse: Path, *, rows_a_commit: int = 100_000) -> int:
    """Run the loop of a careful team; return the rows written."""
    kind, decode = msgspec.json.Decoder(Kind).decode, msgspec.json.Decoder(Impression).decode
    out = _Tables(warehouse, 0)
    block = _Block()
    for data in messages:
        try:
            if kind(data).type != "impression":
                continue
            message = decode(data)
        except msgspec.MsgspecError:
            out.failed.append(data)
            continue
        block.add(data, message, titles)
        if len(block.enriched["item"]) >= rows_a_commit:
            out.columns(*block.tables())
            block = _Block()
    if block.enriched["item"]:
        out.columns(*block.tables())
    return out.close()


class _Block:
    """Columns that grow until they are written."""

    def __init__(self) -> None:
        self.enriched: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self.raw: dict[str, list[Any]] = {name: [] for name in RAW_ARROW.names}
        self._put: list[Callable[[Any], None]] = [values.append for values in self.enriched.values()]

    def add(self, data: bytes, message: Impression, titles: Titles) -> None:
        self.raw["payload"].append(data)
        self.raw["server_ts"].append(message.received_at * 1000)
        self.raw["platform"].append(message.device.platform)
        if message.flags is not None and message.flags.internal:
            return
        server = message.received_at
        if message.ts > server + DAY_MS:
            return
        client = min(message.ts, server)
        day = client // DAY_MS
        surface, device, profile = message.surface, message.device, message.profile
        page = None if surface is None else "home" if surface == "ROW" else surface.lower()
        event_id = str(message.id)
        session = str(message.session.id) if message.session and message.session.id else None
        for index, item in enumerate(message.items):
            name, title_kind, release = titles.get(item.title, (None, None, None))
            values = (
                event_id,
                index,
                profile.id,
                profile.country or "",
                item.title,
                name,
                title_kind,
                item.artwork.id if item.artwork else None,
                str(item.request_id) if item.request_id else None,
                device.platform,
                device.app_version,
                device.model,
                session,
                client * 1000,
                server * 1000,
                day,
                None if release is None else release.toordinal() - 719_163 >= day - 28,
                page,
                item.row,
                item.row_kind,
                item.rank,
                item.view_ms,
                None if item.view_ms is None else item.view_ms >= 1000,
            )
            for put, value in zip(self._put, values, strict=True):
                put(value)

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Return (raw, enriched), and encode the enriched rows for the topic as a producer would."""
        enriched = pa.table([pa.array(self.enriched[f.name], f.type) for f in ARROW], schema=ARROW)
        for row in enriched.to_pylist():
            _avro(row)
        raw = pa.table([pa.array(self.raw[f.name], f.type) for f in RAW_ARROW], schema=RAW_ARROW)
        return raw, enriched

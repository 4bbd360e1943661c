"""The two programs that a team would write instead, by hand, for the reference application; both written fairly.

`naive` is what most have: json, jsonschema, fastavro, a row at a time, pyiceberg's append. `good` is what a careful
team has: msgspec structs, columns instead of rows, Arrow straight into Iceberg. Both do the job's plain work (select,
explode, type, filter, correct, look up, derive, write raw rows with their payload and enriched rows) and keep what
fails; neither judges why a value is missing, counts, keeps accounts, or survives a kill. Avro for the topic is a
switch: `tacet run` over files writes none, and a comparison that is to be fair leaves it out.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
from functools import partial
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
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1
Long = Annotated[int, msgspec.Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]
Moment = Annotated[int, msgspec.Meta(ge=FIRST_MS, le=LAST_MS)]
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
_TS, _TEXT, _INT32, _INT64 = pa.timestamp("us", "UTC"), pa.string(), pa.int32(), pa.int64()
RAW: dict[str, tuple[pa.DataType, str, tuple[str, ...]]] = {
    "event_id": (_TEXT, "$", ("id",)),
    "profile_id": (_INT64, "$", ("profile", "id")),
    "account_country": (_TEXT, "$", ("profile", "country")),
    "is_kids": (pa.bool_(), "$", ("profile", "kids")),
    "platform": (_TEXT, "$", ("device", "platform")),
    "app_version": (_TEXT, "$", ("device", "appVersion")),
    "device_model": (_TEXT, "$", ("device", "model")),
    "os_version": (_TEXT, "$", ("device", "os")),
    "session_id": (_TEXT, "$", ("session", "id")),
    "session_seq": (_INT32, "$", ("session", "seq")),
    "client_ts": (_TS, "$", ("ts",)),
    "server_ts": (_TS, "$", ("receivedAt",)),
    "surface": (_TEXT, "$", ("surface",)),
    "page_id": (_TEXT, "$", ("page",)),
    "is_internal": (pa.bool_(), "$", ("flags", "internal")),
    "item": (_INT32, "$index", ()),
    "title_id": (_INT64, "$item", ("title",)),
    "artwork_id": (_TEXT, "$item", ("artwork", "id")),
    "artwork_locale": (_TEXT, "$item", ("artwork", "locale")),
    "request_id": (_TEXT, "$item", ("requestId",)),
    "score": (pa.float64(), "$item", ("score",)),
    "row_index": (_INT32, "$item", ("row",)),
    "row_kind": (_TEXT, "$item", ("rowKind",)),
    "rank": (_INT32, "$item", ("rank",)),
    "view_ms": (_INT64, "$item", ("viewMs",)),
    "autoplay": (pa.bool_(), "$item", ("autoplay",)),
}
RAW_ARROW = pa.schema([*((name, form) for name, (form, _, _) in RAW.items()), ("payload", pa.binary())])

_INT = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_MOMENT = {"type": "integer", "minimum": FIRST_MS, "maximum": LAST_MS}
_UUID = {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"}
_TEXT_OR_NULL, _BOOL_OR_NULL = {"type": ["string", "null"]}, {"type": ["boolean", "null"]}
_UUID_OR_NULL = {**_UUID, "type": ["string", "null"]}


def _whole(most: int) -> dict[str, Any]:
    return {"type": ["integer", "null"], "minimum": 0, "maximum": most}


def _object(required: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_ITEM = _object(
    ("title",), title=_INT, artwork=_object(id=_TEXT_OR_NULL, locale=_TEXT_OR_NULL), requestId=_UUID_OR_NULL,
    score={"type": ["number", "null"], "minimum": 0, "maximum": 1}, row=_whole(10_000), rowKind=_TEXT_OR_NULL,
    rank=_whole(10_000), viewMs=_whole(DAY_MS), autoplay=_BOOL_OR_NULL,
)  # fmt: skip
JSON_SCHEMA = _object(
    ("id", "profile", "device", "ts", "receivedAt", "items"), id=_UUID, ts=_MOMENT, receivedAt=_MOMENT,
    surface={"enum": ["ROW", "BILLBOARD", "SEARCH", None]}, page=_TEXT_OR_NULL,
    profile=_object(("id",), id=_INT, country=_TEXT_OR_NULL, kids=_BOOL_OR_NULL),
    device=_object(
        platform={"enum": ["ios", "android", "web", "tvos", None]}, appVersion=_TEXT_OR_NULL, model=_TEXT_OR_NULL,
        os=_TEXT_OR_NULL,
    ),
    session=_object(id=_UUID_OR_NULL, seq=_whole(INT_MAX)), flags=_object(internal=_BOOL_OR_NULL),
    items={"type": "array", "maxItems": 1000, "items": _ITEM},
)  # fmt: skip


def naive(messages: Iterable[bytes], titles: Titles, warehouse: Path, *, avro: bool = False, anew: bool = False) -> int:
    """Run the loop most teams have; return the enriched rows written. `anew`: with the library's one-line `validate`."""
    kept = jsonschema.Draft202012Validator(JSON_SCHEMA).validate
    validate = partial(jsonschema.validate, schema=JSON_SCHEMA) if anew else kept
    out = Tables(warehouse, 20_000)
    for data in messages:
        try:
            message = json.loads(data)
            if message.get("type") != "impression":
                continue
            validate(message)
        except (ValueError, AttributeError, jsonschema.ValidationError):
            out.failed.append(data)
            continue
        raw = [_raw_row(message, item, index) for index, item in enumerate(message["items"])]
        rows = [row for one in raw if (row := _row(one, titles))]
        if avro:
            for row in rows:
                avro_of(row)
        if raw:
            raw[0]["payload"] = data
        out.add(raw, rows)
    return out.close()


def _raw_row(message: dict[str, Any], item: dict[str, Any], index: int) -> dict[str, Any]:
    row: dict[str, Any] = {"payload": None}
    for name, (form, root, path) in RAW.items():
        value: Any = index if root == "$index" else message if root == "$" else item
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        row[name] = _moment(value) if form == _TS and value is not None else value
    return row


def _row(raw: dict[str, Any], titles: Titles) -> dict[str, Any] | None:
    client, server = raw["client_ts"], raw["server_ts"]
    if raw["is_internal"] or client > server + dt.timedelta(days=1):
        return None
    client = min(client, server)
    name, kind, release = titles.get(raw["title_id"], (None, None, None))
    surface, view_ms = raw["surface"], raw["view_ms"]
    return {
        **{of: raw[of] for of in _SAME},
        "event_id": str(uuid.UUID(raw["event_id"])),
        "country": raw["account_country"] or "",
        "title_name": name,
        "title_kind": kind,
        "client_ts": client,
        "event_date": client.date(),
        "is_new_title": None if release is None else release >= client.date() - dt.timedelta(days=28),
        "page": None if surface is None else "home" if surface == "ROW" else surface.lower(),
        "viewed": None if view_ms is None else view_ms >= 1000,
    }


_SAME = (
    "item", "profile_id", "title_id", "artwork_id", "request_id", "platform", "app_version", "device_model",
    "session_id", "server_ts", "row_index", "row_kind", "rank", "view_ms",
)  # fmt: skip


def _moment(millis: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(millis / 1000, UTC)


def avro_of(row: dict[str, Any]) -> bytes:
    """Encode one enriched row."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, AVRO, row)
    return buffer.getvalue()


class Tables:
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
        self._raws: list[dict[str, Any]] = []
        self.failed: list[bytes] = []
        self._written = 0

    def add(self, raw: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
        self._raws += raw
        self._rows += rows
        if len(self._raws) >= self._limit:
            self._flush()

    def columns(self, raw: pa.Table, enriched: pa.Table) -> None:
        self._raw.append(raw)
        self._enriched.append(enriched)
        self._written += enriched.num_rows

    def _flush(self) -> None:
        self.columns(pa.Table.from_pylist(self._raws, schema=RAW_ARROW), pa.Table.from_pylist(self._rows, schema=ARROW))
        self._rows, self._raws = [], []

    def close(self) -> int:
        if self._raws:
            self._flush()
        self._rejects.append(pa.table({"payload": pa.array(self.failed, pa.binary())}))
        return self._written


class Artwork(msgspec.Struct, gc=False):
    """Part of an item."""

    id: str | None = None
    locale: str | None = None


class Item(msgspec.Struct, rename={"row_kind": "rowKind", "view_ms": "viewMs", "request_id": "requestId"}, gc=False):
    """One element of a message."""

    title: Long
    artwork: Artwork | None = None
    request_id: uuid.UUID | None = None
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    row: Annotated[int, msgspec.Meta(ge=0, le=10000)] | None = None
    row_kind: str | None = None
    rank: Annotated[int, msgspec.Meta(ge=0, le=10000)] | None = None
    view_ms: Annotated[int, msgspec.Meta(ge=0, le=DAY_MS)] | None = None
    autoplay: bool | None = None


class Profile(msgspec.Struct, gc=False):
    """Who saw it."""

    id: Long
    country: str | None = None
    kids: bool | None = None


class Device(msgspec.Struct, rename={"app_version": "appVersion"}, gc=False):
    """On what."""

    platform: str | None = None
    app_version: str | None = None
    model: str | None = None
    os: str | None = None


class Session(msgspec.Struct, gc=False):
    """In which session."""

    id: uuid.UUID | None = None
    seq: Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)] | None = None


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
    ts: Moment
    received_at: Moment
    items: list[Item]
    session: Session | None = None
    surface: str | None = None
    page: str | None = None
    flags: Flags | None = None


def good(
    messages: Iterable[bytes], titles: Titles, warehouse: Path, *, rows_a_commit: int = 100_000, avro: bool = False
) -> int:
    """Run the loop of a careful team; return the enriched rows written."""
    kind, decode = msgspec.json.Decoder(Kind).decode, msgspec.json.Decoder(Impression).decode
    out = Tables(warehouse, 0)
    block = Block()
    for data in messages:
        try:
            if kind(data).type != "impression":
                continue
            message = decode(data)
        except msgspec.MsgspecError:
            out.failed.append(data)
            continue
        block.add(data, message, titles)
        if len(block.raw["item"]) >= rows_a_commit:
            out.columns(*block.tables(avro=avro))
            block = Block()
    if block.raw["item"]:
        out.columns(*block.tables(avro=avro))
    return out.close()


_NOBODY, _NOTHING, _SAME_SWITCHES = Session(), Artwork(), Flags()


class Block:
    """Columns that grow until they are written."""

    def __init__(self) -> None:
        self.enriched: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self.raw: dict[str, list[Any]] = {name: [] for name in RAW_ARROW.names}
        self._put: list[Callable[[Any], None]] = [values.append for values in self.enriched.values()]
        self._put_raw: list[Callable[[Any], None]] = [values.append for values in self.raw.values()]

    def add(self, data: bytes | None, message: Impression, titles: Titles) -> None:
        device, profile, session = message.device, message.profile, message.session or _NOBODY
        event_id, session_id = str(message.id), None if session.id is None else str(session.id)
        internal = (message.flags or _SAME_SWITCHES).internal
        server = message.received_at
        client = min(message.ts, server)
        day = client // DAY_MS
        surface = message.surface
        page = None if surface is None else "home" if surface == "ROW" else surface.lower()
        dropped = internal or message.ts > server + DAY_MS
        head = (
            event_id, profile.id, profile.country, profile.kids, device.platform, device.app_version, device.model,
            device.os, session_id, session.seq, message.ts * 1000, server * 1000, surface, message.page, internal,
        )  # fmt: skip
        for index, item in enumerate(message.items):
            artwork = item.artwork or _NOTHING
            request = None if item.request_id is None else str(item.request_id)
            raw = (
                *head, index, item.title, artwork.id, artwork.locale, request, item.score, item.row, item.row_kind,
                item.rank, item.view_ms, item.autoplay, data,
            )  # fmt: skip
            data = None
            for put, value in zip(self._put_raw, raw, strict=True):
                put(value)
            if dropped:
                continue
            name, kind, release = titles.get(item.title, (None, None, None))
            new = None if release is None else release.toordinal() - 719_163 >= day - 28
            viewed = None if item.view_ms is None else item.view_ms >= 1000
            values = (
                event_id, index, profile.id, profile.country or "", item.title, name, kind, artwork.id, request,
                device.platform, device.app_version, device.model, session_id, client * 1000, server * 1000, day, new,
                page, item.row, item.row_kind, item.rank, item.view_ms, viewed,
            )  # fmt: skip
            for put, value in zip(self._put, values, strict=True):
                put(value)

    def tables(self, *, avro: bool) -> tuple[pa.Table, pa.Table]:
        """Return (raw, enriched); with `avro`, encode the enriched rows for the topic as a producer would."""
        enriched = pa.table([pa.array(self.enriched[f.name], f.type) for f in ARROW], schema=ARROW)
        if avro:
            for row in enriched.to_pylist():
                avro_of(row)
        raw = pa.table([pa.array(self.raw[f.name], f.type) for f in RAW_ARROW], schema=RAW_ARROW)
        return raw, enriched

"""The published JSON Schema of the contract language: what an editor completes, and a first check before `tacet check`.

Made of the very tables that the loader compares keys and words with (`Shape`, closed sets of words), so that the two
cannot drift: a key that one of them has and the other has not ends the build. It sees values after YAML did; what only
text can show (a value to be quoted) and what spans keys or files is the loader's alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from tacet_codegen.frontend import derived, header, producer, raw, released, sinks, table
from tacet_codegen.frontend.constraints import MAX_SYMBOLS
from tacet_codegen.frontend.types import PRIMITIVES
from tacet_runtime.plan.types import Encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_codegen.frontend.reading import Shape

NAME = "tacet-contract.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_STEP = r"\.([A-Za-z_][A-Za-z0-9_-]{0,127}|\"[^\"\\]{0,256}\")"
_VERSION = r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$"
_TEXT: Schema = {"type": "string", "minLength": 1}
_IDENTIFIER: Schema = {"type": "string", "pattern": _NAME}
_SLUG: Schema = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 128}
_DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_SHARE: Schema = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?%$"}
_DURATION: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,8}(s|m|h|d)$"}
_BOOLEAN: Schema = {"type": "boolean"}
_EXPRESSION = _TEXT
_TYPE: Schema = {
    "type": "string",
    "anyOf": [{"enum": list(PRIMITIVES)}, {"pattern": r"^\s*(decimal\s*\(|list\s*<|map\s*<|struct\s*\{)"}],
}
_PRESENCE = ["required", "optional"]


class Drift(Exception):  # noqa: N818  (it says what happened)
    """The loader's table of a mapping and this module name different keys: a broken compiler."""


def render() -> str:
    """Return the schema as text: same program, same bytes."""
    return json.dumps(schema(), indent=1, ensure_ascii=True) + "\n"


def schema() -> Schema:
    """Return the schema of every file below `contracts/`: which kind one is, its keys tell."""
    kinds: list[tuple[str, Schema]] = [
        ("waivers", _waivers()),
        ("table", _table()),
        ("versions", _producer()),
        ("from", _derived()),
        ("event", _raw()),
    ]
    chosen: Schema = {"required": ["event"]}
    for key, form in reversed(kinds):
        chosen = {"if": {"required": [key]}, "then": form, "else": chosen}
    return {
        "$schema": DIALECT,
        "title": "tacet contract",
        "description": "A raw event, a derived event, a table, a producer, or the waivers of a repository.",
        "type": "object",
        **chosen,
    }


def _mapping(shape: Shape, values: Mapping[str, Schema], **more: Any) -> Schema:
    """Return the schema of a mapping with the keys of a Shape. Raises Drift when `values` has others."""
    if set(shape.keys) != set(values):
        raise Drift(f"keys {sorted(set(shape.keys) ^ set(values))} are known to one side only")
    meanings = shape.required | shape.optional
    properties = {key: {"description": meanings[key], **values[key]} for key in shape.keys}
    required = {"required": list(shape.required)} if shape.required else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **required, **more}


def _named(value: Schema, *, names: str = _NAME, least: int = 0) -> Schema:
    found: Schema = {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": value}
    return {**found, "minProperties": least} if least else found


def _list(item: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    found: Schema = {"type": "array", "items": item}
    return {**found, **({"minItems": least} if least else {}), **({"maxItems": most} if most else {})}


def _words(words: tuple[str, ...] | list[str]) -> Schema:
    return {"enum": list(words)}


def _path(roots: str, steps: str) -> Schema:
    return {"type": "string", "pattern": rf"^{roots}({_STEP}){steps}$"}


def _header() -> dict[str, Schema]:
    return {
        "version": {"type": "string", "pattern": _VERSION},
        "status": _words(header.STATUSES),
        "owner": _owner(),
        "doc": {"type": "string"},
    }


def _owner() -> Schema:
    notify = {"type": "string", "pattern": "^[^ ]*:[^ ]*$", "maxLength": 256}
    return _mapping(header.OWNER, {"team": _SLUG, "notify": _list(notify)})


def _bounds() -> dict[str, Schema]:
    ends: Schema = {"type": ["number", "string", "null"]}
    return {
        "one_of": _list({"type": "string", "maxLength": 256}, least=1, most=MAX_SYMBOLS),
        "range": _list(ends, least=2, most=2),
        "pattern": {"type": "string", "minLength": 1, "maxLength": 512},
    }


def _raw() -> Schema:
    source = _mapping(
        raw.SOURCE,
        {
            "topic": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$"},
            "event_time": _IDENTIFIER,
            "format": _words(["json"]),
            "select": _EXPRESSION,
            "explode": _path(r"\$", "+"),
        },
    )
    key = _mapping(raw.PRODUCER, {"name": _IDENTIFIER, "version": _IDENTIFIER, "scheme": _words(raw.SCHEMES)})
    return _mapping(
        raw.EVENT,
        {
            "event": _IDENTIFIER,
            **_header(),
            "source": source,
            "producer": key,
            "unknown_fields": _words(raw.UNKNOWN),
            "fields": {**_named(_raw_field(), least=1), "maxProperties": raw.MAX_FIELDS},
            "rules": _rules(),
            "sinks": _sinks("source"),
        },
    )


def _raw_field() -> Schema:
    when = _mapping(raw.WHEN, {"required_when": _EXPRESSION})
    return _mapping(
        raw.FIELD,
        {
            "type": _TYPE,
            "path": {"anyOf": [_path(r"\$(item)?", "*"), {"const": "$index"}]},
            "presence": {"anyOf": [_words(_PRESENCE), when]},
            "encoding": _words([e for e in get_args(Encoding) if e != "json"]),
            **_bounds(),
            "identity": _BOOLEAN,
            "on_bug": {"enum": ["reject", "null", None]},
            "pii": _words(raw.PII),
            "doc": {"type": "string"},
        },
    )


def _rules() -> Schema:
    rule = {"check": _EXPRESSION, "else": _words(raw.ELSE), "severity": _words(raw.SEVERITIES)}
    return _named(_mapping(raw.RULE, rule))


def _sinks(form: str) -> Schema:
    iceberg: dict[str, Schema] = {
        "table": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$"},
        "partition": _list({"type": "string", "examples": ["day(server_ts)", "bucket(16, id)"]}),
        "sort": _list(_IDENTIFIER),
        "payload": _words(["keep", "drop"]) if form == "source" else {"not": {}},  # only the raw archive has one
    }
    kafka: dict[str, Schema] = {
        "topic": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$"},
        "key": _list(_IDENTIFIER),
        "format": _words(["source", "avro"] if form == "source" else ["avro"]),
    }
    return _mapping(sinks.SINKS, {"iceberg": _mapping(sinks.ICEBERG, iceberg), "kafka": _mapping(sinks.KAFKA, kafka)})


def _derived() -> Schema:
    return _mapping(
        derived.EVENT,
        {
            "event": _IDENTIFIER,
            **_header(),
            "from": _mapping(derived.FROM, {"event": _TEXT, "versions": _TEXT}),
            "filters": _named(_mapping(derived.FILTER, {"drop_when": _EXPRESSION, "doc": {"type": "string"}})),
            "corrections": _named(
                _mapping(
                    derived.CORRECTION,
                    {"when": _EXPRESSION, "set": _named(_EXPRESSION, least=1), "doc": {"type": "string"}},
                )
            ),
            "lookups": _named(
                _mapping(
                    derived.LOOKUP,
                    {
                        "table": _TEXT,
                        "version": _TEXT,
                        "on": _named(_IDENTIFIER, least=1),
                        "missing": _words(["keep", "reject"]),
                    },
                )
            ),
            "fields": _named(_derived_field(), least=1),
            "agreements": _rules(),
            "sinks": _sinks("avro"),
            "quality": _quality(),
        },
    )


def _derived_field() -> Schema:
    values: dict[str, Schema] = {
        "from": _TEXT,
        "type": _TYPE,
        "expr": _EXPRESSION,
        "presence": _words(_PRESENCE),
        "identity": _BOOLEAN,
        "pii": _words(raw.PII),
        "doc": {"type": "string"},
    }
    either = [{"required": ["from"], "not": {"required": ["expr"]}}, {"required": ["expr", "type"]}]
    return _mapping(derived.FIELD, values, oneOf=either)


def _quality() -> Schema:
    alert = _mapping(
        derived.ALERT,
        {
            "metric": _words(derived.METRICS),
            "warning": _SHARE,
            "critical": _SHARE,
            "min_rows": {"type": "integer", "minimum": 0},
        },
        anyOf=[{"required": ["warning"]}, {"required": ["critical"]}],
    )
    return _mapping(
        derived.QUALITY,
        {
            "window": _DURATION,
            "by": _list(_words(["producer", "producer_version"])),
            "alerts": _named(alert, names=r"^(\*|[A-Za-z_][A-Za-z0-9_]{0,127})$"),
        },
    )


def _table() -> Schema:
    place = _mapping(
        table.SOURCE,
        {
            "file": {"type": "string", "pattern": r"\.(parquet|csv)$"},
            "iceberg": _TEXT,
            "kafka": _TEXT,
            "jdbc": _TEXT,
            "refresh": _DURATION,
        },
        oneOf=[{"required": [kind]} for kind in table.KINDS],
    )
    field = _mapping(
        table.FIELD, {"type": _TYPE, "presence": _words(_PRESENCE), **_bounds(), "doc": {"type": "string"}}
    )
    return _mapping(
        table.TABLE,
        {
            "table": _IDENTIFIER,
            **_header(),
            "key": _list(_IDENTIFIER, least=1),
            "source": place,
            "fields": _named(field, least=1),
        },
    )


def _producer() -> Schema:
    omission = _mapping(
        producer.OMISSION,
        {
            "id": _SLUG,
            "reason": _words(producer.REASONS),
            "note": {"type": "string"},
            "approved_by": _TEXT,
            "issue": _TEXT,
            "since": _DATE,
            "expires": _DATE,
            "max_share": _SHARE,
        },
    )
    contract: Schema = {"type": "string", "pattern": _VERSION}
    registration = _mapping(producer.REGISTRATION, {"contract": contract, "omits": _named(omission)})
    return _mapping(
        producer.PRODUCER,
        {
            "producer": {"type": "string", "minLength": 1, "maxLength": 128},
            "event": _IDENTIFIER,
            "owner": _owner(),
            "versions": _named(registration, names="[<>=]", least=1),
            "doc": {"type": "string"},
        },
    )


def _waivers() -> Schema:
    waiver = _mapping(
        released.WAIVER,
        {
            "rule": {"type": "string", "pattern": "^W[0-9]{3}$"},
            "contract": _TEXT,
            "reason": {"type": "string"},
            "expires": _DATE,
        },
    )
    return _mapping(released.WAIVERS, {"waivers": _list(waiver)})

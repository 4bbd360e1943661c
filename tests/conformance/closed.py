"""Messages with a key more, in each of their objects, and what the job, the JSON Schema and the model say of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from tests.conformance import judges
from tests.conformance.cases import Case, built
from tests.support import small

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.cases import Compiled
    from tests.conformance.gaps import Ledger

OWN = {
    "id": {"type": "long", "path": "$.id", "presence": "required", "identity": True},
    "app": {"type": "string", "path": "$.app", "presence": "required"},
    "ver": {"type": "string", "path": "$.ver", "presence": "required"},
    "at": {"type": "timestamptz", "path": "$.at", "presence": "required", "encoding": "epoch_millis"},
}
HEAD = {"id": 1, "app": "a", "ver": "1.0.0", "at": 0}
EXPLODED = {
    "n": ("int", "$index"),
    "e": ("int", "$item.e"),
    "deep": ("string", "$item.in.deep"),
    "tags": ("list<struct{t: int}>", "$item.tags"),
}
CASES: dict[str, tuple[dict[str, tuple[str, str]], dict[str, str], dict[str, Any]]] = {
    "closed flat": ({"a": ("string", "$.a"), "b": ("int", "$.b")}, {}, {"a": "x", "b": 1}),
    "closed path": (
        {"a": ("string", "$.d.in.a"), "b": ("string", '$.d."b c"')},
        {},
        {"d": {"in": {"a": "x"}, "b c": "y"}},
    ),
    "closed nested": (
        {"s": ("struct{a: int, b: struct{c: string}, l: list<struct{d: int}>}", "$.s")},
        {},
        {"s": {"a": 1, "b": {"c": "x"}, "l": [{"d": 1}, {}]}},
    ),
    "closed map": (
        {"m": ("map<string,struct{a: int}>", "$.m"), "w": ("list<map<string,int>>", "$.w")},
        {},
        {"m": {"any": {"a": 1}}, "w": [{"any": 1}]},
    ),
    "closed two readers": (
        {"s": ("struct{a: int, b: string}", "$.s"), "x": ("int", "$.s.x"), "a": ("int", "$.s.a")},
        {},
        {"s": {"a": 1, "b": "x", "x": 2}},
    ),
    "closed exploded": (EXPLODED, {"explode": "$.items"}, {"items": [{"e": 1, "in": {"deep": "x"}, "tags": [{"t": 1}]}]}),
    "closed exploded in a struct": (
        {"whole": ("struct{x: int, list: list<struct{d: int}>}", "$.a"), **EXPLODED},
        {"explode": "$.a.list"},
        {"a": {"x": 1, "list": [{"d": 1, "e": 2, "in": {}}]}},
    ),
    "closed texts": ({"n": ("int", "$index"), "v": ("string", "$item")}, {"explode": "$.items"}, {"items": ["x"]}),
    "closed select": (
        {"a": ("string", "$.a")},
        {"select": "$.kind = 'k' AND $.meta.of = 1 AND $.loud"},
        {"a": "x", "kind": "k", "meta": {"of": 1}, "loud": True},
    ),
    "closed beside a map": (
        {"m": ("map<string,struct{a: int}>", "$.m"), "x": ("struct{a: int}", "$.m.x")},
        {},
        {"m": {"x": {"a": 1}, "y": {"a": 2}}},
    ),
    "closed select into": (
        {"a": ("string", "$.a")},
        {"select": "$.meta.n > 0"},
        {"a": "x", "meta": {"n": 1}},
    ),
}  # fmt: skip


def _contract(case: Case, unknown_fields: str) -> dict[str, Any]:
    fields, source, _ = CASES[case.name]
    more = {
        name: {"type": type_, "path": path, "presence": "optional"}
        | ({"presence": "required", "identity": True} if path == "$index" else {})
        for name, (type_, path) in fields.items()
    }
    return {
        "event": case.event, "version": "1.0.0", "status": "released", "owner": {"team": "t"}, "doc": "d",
        "source": {"topic": "q", "event_time": "at", **source}, "unknown_fields": unknown_fields,
        "producer": {"name": "app", "version": "ver", "scheme": "semver"}, "fields": {**OWN, **more},
        "sinks": {"iceberg": {"table": f"g.{case.event}", "payload": "drop"}},
    }  # fmt: skip


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return every object of a message, itself first."""
    if isinstance(value, list):
        return [one for part in value for one in _objects(part)]
    return [value, *(one for part in value.values() for one in _objects(part))] if isinstance(value, dict) else []


def _with_more_keys(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the message, and for each object in it messages that have a key more there."""
    found = [message]
    for at in range(len(_objects(message))):
        for key, value in (
            ("zz", []),
            ("zz", None),
            ("Id", 1),
            ("id", 1),
            ("a", None),
            ("", {"x": 1}),
            ("tacet_closed_", 1),
        ):
            one = json.loads(json.dumps(message))
            _objects(one)[at].setdefault(key, value)
            found.append(one)
    return found


def run(folder: Path, name: str, ledger: Ledger, unknown_fields: str = "reject") -> tuple[Compiled, int, int]:
    """Give what targets say otherwise than the job to the ledger; return the case, its messages, and how many the job refuses."""
    case = Case(name, "")
    [one] = built(folder, [case], [_contract(case, unknown_fields)])
    messages = _with_more_keys({**HEAD, **CASES[name][2]})
    check = judges.jsonschema.Draft202012Validator(one.schema)
    results = small.run(one.plan, [json.dumps(message).encode() for message in messages])
    refused = 0
    for message, result in zip(messages, results, strict=True):
        assert result.rows, message
        valid = all(
            row.reject is None and not any(v.startswith("invalid") for v in row.verdicts.values())
            for row in result.rows
        )
        refused += not valid
        try:
            one.model.decode(json.dumps(message).encode())
            said = True
        except msgspec.ValidationError:
            said = False
        for target, says in (("json_schema", check.is_valid(message)), ("model", said)):
            if says != valid:
                ledger.take(target, one.case.name, "accepts" if says else "refuses", json.dumps(message))
    return one, len(messages), refused

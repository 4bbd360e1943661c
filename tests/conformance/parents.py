"""What stands above a field: every object on a path, every element, the list itself, replaced by everything that JSON has.

Null is a parent that is missing, and so is all below it; what is no object was sent wrongly, and so is all below it.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec

from tests.conformance.cases import Case, built
from tests.conformance.differential import Both, batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tacet_runtime.batch import Outcome
    from tests.conformance.cases import Compiled

GONE = object()
OBJECTS: tuple[Any, ...] = ({}, {"other": 1})
MISSING: tuple[Any, ...] = (GONE, None, *OBJECTS)
WRONG: tuple[Any, ...] = (5, 1.5, "x", "", True, [], [{}], [None])


def _field(type_: str, path: str, presence: str = "optional", **more: Any) -> dict[str, Any]:
    return {"type": type_, "path": path, "presence": presence, **more}


_ID = {"presence": "required", "identity": True}
_FIELDS: dict[str, dict[str, Any]] = {
    "id": _field("long", "$.k.id", **_ID),
    "app": _field("string", "$.p.app", "required"),
    "ver": _field("string", "$.p.v.ver", "required"),
    "at": _field("timestamptz", "$.t.at", "required", encoding="epoch_millis"),
    "os": _field("string", "$.dev.os"),
    "rtt": _field("list<int>", "$.dev.net.rtt", "required"),
    "beside": _field("int", "$.k.o.x"),
    "strict": _field("int", "$.s.x", on_bug="reject"),
    "whole": _field("struct{a: int}", "$.w"),
    "part": _field("int", "$.w.b.c"),
}
_SENT: dict[str, Any] = {
    "k": {"id": 1, "o": {"x": 1}}, "p": {"app": "a", "v": {"ver": "1.0.0"}}, "t": {"at": 0}, "s": {"x": 1},
    "dev": {"os": "x", "net": {"rtt": [1]}}, "w": {"a": 1, "b": {"c": 1}},
}  # fmt: skip
_INDEX = _field("int", "$index", **_ID)
_ITEMS = {"page": {"items": [{"e": 1, "a": {"d": 2}}, {"e": 3, "a": {"d": 4}}]}, "sel": {"on": {"is": True}}}
_SOURCE = {"topic": "q", "event_time": "at", "explode": "$.page.items", "select": "$.sel.on.is"}
EVENTS: tuple[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
    ("elements", _SOURCE, {"n": _INDEX, "e": _field("int", "$item.e"), "d": _field("int", "$item.a.d")}, _ITEMS),
    ("keyed", _SOURCE, {"e": _field("int", "$item.e"), "d": _field("int", "$item.a.d", **_ID)}, _ITEMS),
    ("texts", _SOURCE, {"n": _INDEX, "e": _field("string", "$item")}, {**_ITEMS, "page": {"items": ["a", None]}}),
    (
        "structs",
        _SOURCE,
        {"n": _INDEX, "e": _field("struct{e: int}", "$item"), "d": _field("int", "$item.a.d")},
        _ITEMS,
    ),
    ("counted", _SOURCE, {"n": _INDEX}, _ITEMS),
)
"""Name, source, more fields, more of the message."""


def compiled(root: Path, *, with_models: bool = True) -> list[Compiled]:
    """Compile the events."""
    cases = [Case(name, "int") for name, *_ in EVENTS]
    contracts = [
        {
            "event": case.event, "version": "1.0.0", "status": "released", "owner": {"team": "t"}, "doc": "d", "source": source,
            "producer": {"name": "app", "version": "ver", "scheme": "semver"}, "fields": {**_FIELDS, **fields},
            "sinks": {"iceberg": {"table": f"g.{case.event}", "payload": "drop"}},
        }
        for case, (_, source, fields, _) in zip(cases, EVENTS, strict=True)
    ]  # fmt: skip
    return built(root, cases, contracts, with_models=with_models)


def variants(message: Any) -> Iterator[Any]:
    """Yield the message with each object and list in it, and itself, replaced by everything else."""
    yield message
    for steps in _places(message, ()):
        for value in (*MISSING, *WRONG):
            changed = _with(deepcopy(message), steps, value)
            if changed is not GONE:
                yield changed


def _places(value: Any, steps: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        yield steps
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*steps, key))


def _with(message: Any, steps: tuple[Any, ...], value: Any) -> Any:
    if not steps:
        return value
    node = message
    for step in steps[:-1]:
        node = node[step]
    if value is GONE:
        del node[steps[-1]]
    else:
        node[steps[-1]] = value
    return message


def wrong_parents(root: Path) -> Iterator[str]:
    """Yield where engines differ, or JSON Schema or model do not take what the job takes. What is skipped is not ours."""
    for one, (name, _, _, more) in zip(compiled(root), EVENTS, strict=True):
        messages = [json.dumps(m).encode() for m in variants({**_SENT, **more})]
        both, given = Both(one.plan, {}), batch(messages)
        yield from (f"{name}: {found}" for found in both.differences(messages))
        valid = _valid(both.reference.process(given), len(messages))
        validator = jsonschema.Draft202012Validator(one.schema)
        for offset, data in enumerate(messages):
            if offset not in valid:
                continue
            message = json.loads(data)
            says = {"json_schema": validator.is_valid(message)}
            if _a_class_sees(message):
                says["model"] = _takes(one, data)
            for target, takes in says.items():
                if takes != valid[offset]:
                    yield f"{name}: {target} {'accepts' if takes else 'refuses'} {data!r}"


def _valid(outcome: Outcome, count: int) -> dict[int, bool]:
    """Return message -> whether all that was sent is as it should be. What is missing by mistake may be."""
    skipped = {offset for one in outcome.skipped for offset in range(one[0], one[1])}
    found = {offset: True for offset in range(count) if offset not in skipped}
    for row in outcome.tables["raw"].to_pylist():
        if any(verdict.startswith("invalid:") for verdict in dict(row["_absences"]).values()):
            found[row["_offset"]] = False
    for row in outcome.tables["rejects"].to_pylist():
        if row["kind"] != "missing":
            found[row["_offset"]] = False
    return found


def _a_class_sees(message: Any) -> bool:
    """Tell whether all that was sent is in a class: of two fields that read `$.w` it has the first, and no `b`."""
    whole = message.get("w") if isinstance(message, dict) else None
    return not isinstance(whole, dict) or isinstance(whole.get("b"), dict | None)


def _takes(one: Compiled, data: bytes) -> bool:
    try:
        one.model.decode(data)
    except msgspec.MsgspecError:
        return False
    return True


VERDICTS: tuple[tuple[dict[str, Any], Mapping[str, str]], ...] = (
    ({"dev": None}, {"os": "optional", "rtt": "unknown_producer"}),
    ({"dev": {"os": "x", "net": None}}, {"os": "present", "rtt": "unknown_producer"}),
    ({"dev": 5}, {"os": "invalid:type", "rtt": "invalid:type"}),
    ({"dev": []}, {"os": "invalid:type", "rtt": "invalid:type"}),
    ({"dev": {"os": "x", "net": "x"}}, {"os": "present", "rtt": "invalid:type"}),
    ({"p": True}, {"app": "invalid:type", "ver": "invalid:type"}),
    ({"t": ""}, {"at": "invalid:type"}),
    ({"w": 5}, {"whole": "invalid:type", "part": "invalid:type"}),
    ({"w": {"a": 1, "b": 5}}, {"whole": "present", "part": "invalid:type"}),
    ({"w": None}, {"whole": "optional", "part": "optional"}),
    ({"s": None}, {"strict": "optional"}),
    ({"page": {"items": [None]}}, {"e": "optional", "d": "optional"}),
    ({"page": {"items": [5]}}, {"e": "invalid:type", "d": "invalid:type"}),
    ({"page": {"items": [{"a": 5}]}}, {"e": "optional", "d": "invalid:type"}),
    ({"page": {"items": [[{"e": 1}]]}}, {"e": "invalid:type", "d": "invalid:type"}),
)
"""Changes of the message of `elements` -> verdicts, by hand."""
REJECTS: tuple[tuple[dict[str, Any], str, str | None], ...] = (
    ({"k": 5}, "type", "id"),
    ({"k": [{"id": 1}]}, "type", "id"),
    ({"k": None}, "missing_identity", "id"),
    ({"s": "x"}, "type", "strict"),
    ({"page": 5}, "explode", None),
    ({"page": None}, "explode", None),
    ({"page": {"items": None}}, "explode", None),
    ({"page": {"items": {}}}, "explode", None),
)


def wrong_words(root: Path) -> Iterator[str]:
    """Yield where an engine gives another verdict or reject than the tables here; and `select` above nothing is not ours."""
    [one] = [one for one in compiled(root, with_models=False) if one.case.name == "elements"]
    sent = {**_SENT, **_ITEMS}
    changes = [change for change, *_ in (*VERDICTS, *REJECTS)] + [{"sel": 5}, {"sel": {"on": [True]}}, {"sel": None}]
    both, given = Both(one.plan, {}), batch([json.dumps({**sent, **change}).encode() for change in changes])
    for name, engine in (("reference", both.reference), ("embedded", both.embedded)):
        outcome = engine.process(given)
        rows = {row["_offset"]: row for row in outcome.tables["raw"].to_pylist() if row["_index"] == 0}
        rejects = {row["_offset"]: (row["kind"], row["field"]) for row in outcome.tables["rejects"].to_pylist()}
        for offset, (change, wanted) in enumerate(VERDICTS):
            found = dict(rows[offset]["_absences"]) if offset in rows else {}
            told = {of: found.get(of, "present") for of in wanted}
            if told != wanted or rows[offset]["_nulls"] not in ([], ["whole"]):
                yield f"{name}: {change}: {told}, expected {wanted}"
        for offset, (change, kind, of) in enumerate(REJECTS, start=len(VERDICTS)):
            if rejects.get(offset) != (kind, of):
                yield f"{name}: {change}: {rejects.get(offset)}, expected {kind} of {of}"
        if outcome.counts.skipped != len(changes) - len(VERDICTS) - len(REJECTS):
            yield f"{name}: {outcome.counts.skipped} skipped"

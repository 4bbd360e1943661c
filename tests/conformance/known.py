"""The oracle by hand: single texts (known.yaml) and the nine verdicts, asked of both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tacet_runtime.connectors.arrow import python_value
from tests.conformance.cases import Case, compiled, message
from tests.conformance.differential import Both, batch, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.batch import Outcome

TABLE = Path(__file__).with_name("known.yaml")


def entries() -> list[dict[str, Any]]:
    """Read the table."""
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))


def wrong_texts(root: Path) -> Iterator[str]:
    """Yield where an engine says something else than known.yaml."""
    table = entries()
    cases = [
        Case(f"known {at}", entry["type"], {k: v for k, v in entry.items() if k not in {"type", "texts"}})
        for at, entry in enumerate(table)
    ]
    for entry, one in zip(table, compiled(root, cases, with_models=False), strict=True):
        both, given = Both(one.plan, {}), batch([message(text) for text in entry["texts"]])
        for name, engine in (("reference", both.reference), ("embedded", both.embedded)):
            outcome = engine.process(given)
            for (text, wanted), found in zip(entry["texts"].items(), _found(outcome, one.field.type), strict=True):
                verdict, value = wanted if isinstance(wanted, list) else (wanted, None)
                if found != (verdict, None if value is None else str(value)):
                    yield f"{name}: {entry['type']} {text}: {found}, expected {wanted}"


def _found(outcome: Outcome, type_: Any) -> list[tuple[str, str | None]]:
    rows = outcome.tables["raw"].sort_by("_offset")
    values = [python_value(v, type_) for v in rows.column("v0").to_pylist()]
    verdicts = [dict(pairs).get("v0", "present") for pairs in rows.column("_absences").to_pylist()]
    return [(verdict, None if value is None else str(value)) for verdict, value in zip(verdicts, values, strict=True)]


def _presence_files() -> dict[str, Any]:
    plain = {"type": "string", "presence": "required"}
    fields = {
        "id": {"type": "long", "path": "$.id", "presence": "required", "identity": True},
        "app": {**plain, "path": "$.app"},
        "ver": {**plain, "path": "$.ver"},
        "at": {"type": "timestamptz", "path": "$.at", "presence": "required"},
        "kind": {"type": "string", "path": "$.kind", "presence": "required"},
        "opt": {"type": "int", "path": "$.opt", "presence": "optional"},
        "need": {"type": "int", "path": "$.need", "presence": "required"},
        "when": {"type": "int", "path": "$.when", "presence": {"required_when": "kind = 'a'"}},
        "bug": {"type": "int", "path": "$.bug", "presence": "required", "on_bug": "reject"},
    }
    event = {
        "event": "ev", "status": "released", "owner": {"team": "t"}, "doc": "d", "source": {"topic": "q", "event_time": "at"},
        "producer": {"name": "app", "version": "ver", "scheme": "semver"}, "sinks": {"iceberg": {"table": "g.ev"}},
    }  # fmt: skip
    old = {name: of for name, of in fields.items() if name != "need"}
    omits = {
        "need": {"id": "p-need", "reason": "unknown", "since": "2026-11-20", "expires": "2026-11-21"},
        "when": {"id": "p-when", "reason": "unknown"},
    }
    versions = {
        ">=2.0.0 <3.0.0": {"contract": "1.1.0", "omits": omits},
        ">=1.0.0 <2.0.0": {"contract": "1.0.0"},
        ">=3.0.0": {"contract": "1.1.0"},
    }
    out = {
        "event": "out", "version": "1.0.0", "status": "released", "owner": {"team": "t"}, "doc": "d",
        "from": {"event": "ev", "versions": ">=1.0.0"}, "fields": {"id": {"from": "id"}, "need": {"from": "need"}},
        "sinks": {"iceberg": {"table": "g.out"}},
    }  # fmt: skip
    return {
        "ev/1.0.0.yaml": {**event, "version": "1.0.0", "fields": old},
        "ev/1.1.0.yaml": {**event, "version": "1.1.0", "fields": fields},
        "ev/producers/p.yaml": {"producer": "p", "event": "ev", "owner": {"team": "t"}, "versions": versions},
        "out/1.0.0.yaml": out,
    }


_DAY = "2026-11-20T12:00:00Z"
_SENT = {"id": 1, "app": "p", "ver": "3.0.0", "at": _DAY, "kind": "a", "opt": 1, "need": 1, "when": 1, "bug": 1}
_GONE = object()
VERDICTS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({}, "need", "present"),
    ({"need": "x"}, "need", "invalid:type"),
    ({"need": 1 << 31}, "need", "invalid:range"),
    ({"when": None, "kind": "b"}, "when", "not_applicable"),
    ({"when": _GONE, "kind": "b"}, "when", "not_applicable"),
    ({"when": None, "kind": "b", "ver": "2.0.0"}, "when", "not_applicable"),
    ({"when": None, "kind": None}, "when", "undetermined"),
    ({"when": None, "kind": 5}, "when", "undetermined"),
    ({"when": None, "ver": "2.5.0"}, "when", "declared_omission:p-when"),
    ({"when": None}, "when", "logging_bug"),
    ({"need": _GONE, "ver": "2.5.0"}, "need", "declared_omission:p-need"),
    ({"need": None, "ver": "2.5.0", "at": "2026-11-20T00:00:00Z"}, "need", "declared_omission:p-need"),
    ({"need": None, "ver": "2.5.0", "at": "2026-11-21T23:59:59.999999Z"}, "need", "declared_omission:p-need"),
    ({"need": None, "ver": "2.5.0", "at": "2026-11-22T00:00:00Z"}, "need", "logging_bug"),
    ({"need": None, "ver": "2.5.0", "at": "2026-11-19T23:59:59.999999Z"}, "need", "logging_bug"),
    ({"need": None, "ver": "2.5.0", "at": "2026-11-22T00:30:00+01:00"}, "need", "declared_omission:p-need"),
    ({"need": None, "ver": "2.5.0", "at": None}, "need", "logging_bug"),
    ({"when": None, "ver": "2.5.0", "at": None}, "when", "declared_omission:p-when"),
    ({"need": None, "ver": "1.9.9"}, "need", "declared_omission:predates-1.1.0"),
    ({"opt": None}, "opt", "optional"),
    ({"opt": _GONE, "app": "q"}, "opt", "optional"),
    ({"need": None, "app": "q"}, "need", "unknown_producer"),
    ({"need": None, "ver": "0.9.0"}, "need", "unknown_producer"),
    ({"need": None, "ver": "3.0"}, "need", "unknown_producer"),
    ({"need": None, "ver": None}, "need", "unknown_producer"),
    ({"need": None, "ver": "3.0.0-rc.1"}, "need", "declared_omission:p-need"),
    ({"need": None, "ver": "1.0.0-rc.1"}, "need", "unknown_producer"),
    ({"need": _GONE}, "need", "logging_bug"),
)
REJECTS: tuple[tuple[dict[str, Any], str, str | None], ...] = (
    ({"bug": None}, "missing", "bug"),
    ({"bug": "x"}, "type", "bug"),
    ({"bug": 1 << 40}, "range", "bug"),
    ({"id": None}, "missing_identity", "id"),
    ({"id": _GONE}, "missing_identity", "id"),
    ({"id": "1"}, "type", "id"),
    ({"id": 1 << 63}, "range", "id"),
)


def wrong_verdicts(root: Path) -> Iterator[str]:
    """Yield where an engine gives another verdict, another reject or another mark for null than the tables here."""
    for name, value in _presence_files().items():
        path = root / "contracts" / "g" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    engines = Both(plan_of(root), {})
    given = batch([_message(change) for change, *_ in (*VERDICTS, *REJECTS)])
    for name, engine in (("reference", engines.reference), ("embedded", engines.embedded)):
        outcome = engine.process(given)
        kept = {row["_offset"]: row for row in outcome.tables["raw"].to_pylist()}
        rejected = {row["_offset"]: row for row in outcome.tables["rejects"].to_pylist()}
        for offset, (change, of, verdict) in enumerate(VERDICTS):
            row = kept.get(offset)
            found = None if row is None else dict(row["_absences"]).get(of, "present")
            nulls = [] if row is None else [n for n, v in change.items() if v is None]
            if row is None or found != verdict or sorted(row["_nulls"]) != sorted(nulls):
                yield f"{name}: {change}: {of} is {found}, expected {verdict}"
        for offset, (change, kind, of) in enumerate(REJECTS, start=len(VERDICTS)):
            row = rejected.get(offset)
            if row is None or (row["kind"], row["field"]) != (kind, of):
                yield f"{name}: {change}: {row}, expected {kind} of {of}"


def _message(change: dict[str, Any]) -> bytes:
    return json.dumps({k: v for k, v in {**_SENT, **change}.items() if v is not _GONE}).encode()

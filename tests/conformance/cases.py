"""One raw event for each type, encoding and limit: fields `v0` to `v9` of it, and what a row needs besides."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_codegen.diagnostics import has_errors
from tacet_codegen.frontend.resolve import job_of
from tacet_codegen.ir.columns import raw_columns
from tacet_codegen.targets.avro import record_schema
from tacet_codegen.targets.jsonschema import message_schema
from tacet_codegen.targets.models import module, module_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tacet_runtime.plan.model import Field, Plan


@dataclass(frozen=True)
class Case:
    """What `v0` and the others are in one event; `name` is what gaps.yaml calls it."""

    name: str
    type: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Return how many times the field stands in the event: as many texts go into one message."""
        return 1 if self.more.get("identity") else 10

    @property
    def event(self) -> str:
        return "c_" + "".join(c if c.isalnum() else "_" for c in self.name).lower()


def _plain(type_: str, *encodings: str, **limits: Any) -> list[Case]:
    found = [Case(type_, type_, limits)]
    return found + [Case(f"{type_} {e}", type_, {"encoding": e, **limits}) for e in encodings]


def _limited(name: str, type_: str, **more: Any) -> Case:
    return Case(f"{type_} {name}", type_, more)


_EPOCHS = ("epoch_seconds", "epoch_millis", "epoch_micros")
CASES: tuple[Case, ...] = (
    *_plain("boolean", "string"),
    *_plain("int", "string"),
    *_plain("long", "string"),
    *_plain("float", "string"),
    *_plain("double", "string"),
    *(case for p, s in ((1, 0), (1, 1), (9, 2), (18, 18), (19, 4), (38, 0), (38, 10), (38, 38)) for case in _plain(f"decimal({p},{s})", "string")),
    *_plain("date"),
    *_plain("time"),
    *_plain("timestamp", *_EPOCHS),
    *_plain("timestamptz", *_EPOCHS),
    *_plain("string"),
    *_plain("uuid"),
    *_plain("binary"),
    *(Case(f"{type_} identity", type_, {"identity": True}) for type_ in ("boolean", "int", "decimal(9,2)", "date", "string", "uuid")),
    _limited("range", "int", range=[-1, 100]),
    _limited("low", "int", range=[0, None]),
    _limited("range string", "int", range=[-1, 100], encoding="string"),
    _limited("range", "long", range=[-(2**53) - 1, 2**53 + 1]),
    _limited("range", "float", range=[-0.1, 0.1]),
    _limited("range", "double", range=[-0.1, 9007199254740993]),
    _limited("range", "decimal(9,2)", range=["-0.01", "1.50"]),
    _limited("range string", "decimal(9,2)", range=["-0.01", "1.50"], encoding="string"),
    _limited("range", "decimal(38,10)", range=[None, "9999999999999999999999999999.9999999999"]),
    _limited("range", "date", range=["1970-01-01", "2026-11-20"]),
    _limited("range", "time", range=["00:00:00.000001", "23:59:59"]),
    _limited("range", "timestamp", range=["1970-01-01T00:00:00", "2026-11-20T18:03:11.25"]),
    _limited("range epoch_millis", "timestamptz", range=["1970-01-01T00:00:00Z", "2023-11-14T22:13:20Z"], encoding="epoch_millis"),
    _limited("range", "timestamptz", range=["1970-01-01T00:00:00Z", "2026-11-20T18:03:11.25Z"]),
    _limited("one_of", "string", one_of=["ROW", "US", "", "é", "a'b", 'a"b', "😀"]),
    _limited("pattern", "string", pattern="[A-Z]{2}"),
    _limited("pattern any", "string", pattern="[^x]*"),
    _limited("pattern words", "string", pattern=r"(\w+\s)*\w*|é"),
    *(
        Case(type_, type_)
        for type_ in (
            "list<int>", "list<string>", "list<timestamptz>", "list<list<boolean>>", "map<string,double>", "map<string,list<date>>",
            "struct{a: int, b: string}", "struct{a: struct{b: decimal(5,2)}, c: list<uuid>}", "list<struct{a: binary}>",
            "map<string,struct{a: time}>",
        )
    ),
    Case("list<long> string", "list<long>", {"encoding": "string"}),
    Case("struct epoch", "struct{a: timestamptz, b: string}", {"encoding": "epoch_millis"}),
)  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """One case in every form: plan, JSON Schema, Avro schema, model."""

    case: Case
    plan: Plan
    schema: dict[str, Any]
    avro: dict[str, Any]
    model: Any

    @property
    def field(self) -> Field:
        return self.plan.source.fields[-1]


def compiled(root: Path, cases: Sequence[Case] = CASES, *, with_models: bool = True) -> list[Compiled]:
    """Write the contracts below `root` and compile them with the product."""
    return built(root, cases, [_contract(case) for case in cases], with_models=with_models)


def built(
    root: Path, cases: Sequence[Case], contracts: Sequence[dict[str, Any]], *, with_models: bool = True
) -> list[Compiled]:
    """Write a contract for each case, which is named after it, and compile them."""
    for case, contract in zip(cases, contracts, strict=True):
        path = root / "contracts" / "g" / case.event / "1.0.0.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(contract, ensure_ascii=False), encoding="utf-8")
    loaded = frontend.load(root / "contracts")
    assert loaded.repository is not None, loaded.diagnostics
    assert not has_errors(loaded.diagnostics), loaded.diagnostics
    repository = loaded.repository
    by_name = {e.header.name: e for e in repository.raw_events}
    found = []
    for case in cases:
        event = by_name[case.event]
        plan = compile_plan(job_of(event, None, repository.raw_events, repository.producers), repository.lock)
        schema = message_schema(event)
        found.append(
            Compiled(
                case,
                plan,
                schema,
                record_schema(event.header, raw_columns(event), {}),
                _module(event, root) if with_models else None,
            )
        )
    return found


def _module(event: Any, root: Path) -> Any:
    """Import the model as generated."""
    path = root / f"{module_name(event)}.py"
    path.write_text(module(event), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"conformance_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # where msgspec looks up the names in annotations
    spec.loader.exec_module(found)
    return found


def _contract(case: Case) -> dict[str, Any]:
    own = {"type": case.type, "presence": "required" if case.more.get("identity") else "optional"}
    fields = {
        "id": {"type": "long", "path": "$.id", "presence": "required", "identity": True},
        "app": {"type": "string", "path": "$.app", "presence": "required"},
        "ver": {"type": "string", "path": "$.ver", "presence": "required"},
        "at": {"type": "timestamptz", "path": "$.at", "presence": "required", "encoding": "epoch_millis"},
    }
    fields |= {f"v{n}": {**own, "path": f"$.v{n}", **case.more} for n in range(case.width)}
    return {
        "event": case.event, "version": "1.0.0", "status": "released", "owner": {"team": "t"}, "doc": "d",
        "source": {"topic": "q", "event_time": "at"}, "producer": {"name": "app", "version": "ver", "scheme": "semver"},
        "fields": fields, "sinks": {"iceberg": {"table": f"g.{case.event}", "payload": "drop"}},
    }  # fmt: skip


HEAD = b'{"id":1,"app":"a","ver":"1.0.0","at":0'


def message(*texts: str | None) -> bytes:
    """Return the message that sends these texts as `v0`, `v1`, ...; None leaves one out."""
    sent = "".join(f',"v{at}":{text}' for at, text in enumerate(texts) if text is not None)
    return HEAD + sent.encode("utf-8", "surrogatepass") + b"}"

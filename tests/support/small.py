"""A small repository in a few lines: write it, compile it, and run messages on every engine, which must agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_codegen.diagnostics import has_errors, render
from tacet_codegen.frontend.resolve import job_of
from tacet_runtime.batch import Batch
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.steps.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tacet_codegen.diagnostics import Diagnostic
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.results import MessageResult, Row

HEAD = """event: ping
version: {version}
status: released
owner: {{team: probes, notify: ["slack:#probes"]}}
doc: One ping.
source: {{topic: pings, format: json, {explode}event_time: ts}}
producer: {{name: app, version: build, scheme: {scheme}}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  app: {{type: string, path: $.app, presence: {producer}}}
  build: {{type: string, path: $.build, presence: {producer}}}
  ts: {{type: timestamptz, path: $.ts, encoding: iso8601, presence: required}}
"""
DERIVED = """event: pong
version: 1.0.0
owner: {team: probes, notify: ["slack:#probes"]}
doc: One ping, made useful.
from: {event: ping, versions: ">=1.0.0 <2.0.0"}
"""
SINK = "sinks:\n  iceberg: {table: demo.ping, partition: [day(ts)]}\n"
GOOD = {"id": 1, "app": "web", "build": "1.0.0", "ts": "2026-06-01T12:00:00Z"}


def raw(fields: str = "", *, version: str = "1.0.0", scheme: str = "semver", explode: str = "", **more: str) -> str:
    """Return a raw event `ping` with these fields (lines as in YAML) and more top-level text."""
    head = HEAD.format(
        version=version,
        scheme=scheme,
        producer=more.pop("producer", "required"),
        explode=f"explode: {explode}, " if explode else "",
    )
    return head + _indented(fields) + more.pop("text", "") + SINK


def derived(fields: str, text: str = "") -> str:
    """Return a derived event `pong`; `text` is whatever stands before its fields."""
    return f"{DERIVED}{text}fields:\n{_indented(fields)}sinks:\n  iceberg: {{table: demo.pong}}\n"


def producer(versions: str, name: str = "web") -> str:
    """Return a registration."""
    return (
        f'producer: {name}\nevent: ping\nowner: {{team: probes, notify: ["slack:#probes"]}}\nversions:\n'
        + _indented(versions)
    )


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip("\n").splitlines())


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder; names of contracts are relative to `contracts/demo`."""
    for name, content in files.items():
        path = folder / name if name.startswith("data/") else folder / "contracts/demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def problems(folder: Path) -> list[Diagnostic]:
    """Return the errors that loading finds."""
    return [d for d in frontend.load(folder / "contracts").diagnostics if d.severity == "error"]


def compiled(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Plan:
    """Compile the derived event's job, or the newest raw event alone."""
    write(folder, files or {})
    loaded = frontend.load(folder / "contracts")
    assert loaded.repository is not None, render(loaded.diagnostics, "text")
    assert not has_errors(loaded.diagnostics), render(loaded.diagnostics, "text")
    repository = loaded.repository
    newest = max(repository.raw_events, key=lambda e: e.header.version.key)
    job = repository.jobs[0] if repository.jobs else job_of(newest, None, repository.raw_events, repository.producers)
    return compile_plan(job, repository.lock)


def message(**values: Any) -> bytes:
    """Return a good message with some values changed; `...` leaves a key out."""
    return json.dumps({k: v for k, v in {**GOOD, **values}.items() if v is not ...}).encode()


def run(plan: Plan, messages: Iterable[bytes | None], folder: Path | None = None) -> list[MessageResult]:
    """Return the reference's results, after the embedded engine gave the same tables, counts and traces."""
    given = list(messages)
    lookups = load_lookups(plan, folder) if folder is not None else {}
    batch = Batch("t", 0, pa.array(range(len(given)), pa.int64()), pa.array(given, pa.large_binary()))
    expected = make_processor("reference", plan, lookups).process(batch)
    got = make_processor("embedded", plan, lookups).process(batch)
    for role, table in expected.tables.items():
        assert _sorted(got.tables[role]) == _sorted(table), role
    assert got.counts == expected.counts
    assert expected.counts.closes()
    assert (got.skipped, got.filtered) == (expected.skipped, expected.filtered)
    interpreter = Interpreter(plan, {name: table.rows for name, table in lookups.items()}, trace=True)
    return [interpreter.message(data) for data in given]


def one(plan: Plan, data: bytes, folder: Path | None = None) -> Row:
    """Return the only row of a message."""
    [result] = run(plan, [data], folder)
    [row] = result.rows
    return row


def _sorted(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))

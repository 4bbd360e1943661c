"""What was generated from hostile text: parsed back, executed, and compared with what the contracts say."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import avro.schema
import duckdb
import fastavro
import jsonschema
import pyarrow as pa
from markdown_it import MarkdownIt

from tacet_codegen import frontend
from tacet_codegen.build import build, changes, compile_plan, write
from tacet_codegen.frontend import language
from tacet_runtime.batch import Batch
from tacet_runtime.connectors.keyed import LookupError_
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tacet_codegen.ir.model import Repository
    from tests.language.hostile import Position

_PROGRAM = """import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    try:
        module.decode(b"[]")
    except module.msgspec.ValidationError:
        continue
    raise SystemExit(name)
"""
ALLOWED = "\n\u200c\u200d\xad\xa0\u3000"
"""What a contract may hold and that is not printable."""
CALLS = {"Meta", "field", "decode", "encode"}
"""All that a generated module calls."""


def assert_harmless(root: Path, kept: dict[Position, str]) -> None:
    """Build what was accepted, and look at all of it: read back, executed, equal to what the contracts say."""
    loaded = frontend.load(root / "contracts")
    assert loaded.repository is not None
    output = build(loaded.repository)
    generated = root / "generated"
    shutil.rmtree(generated, ignore_errors=True)
    write(changes(output, generated, root / "contracts" / "released.lock"), generated)
    inside = {path.relative_to(generated).as_posix() for path in generated.rglob("*") if path.is_file()}
    assert inside == set(output.files)
    strings: set[str] = set()
    for name, text in output.files.items():
        assert not [c for c in text if not c.isprintable() and c not in ALLOWED], name
        strings |= _LOOKS[name.rpartition(".")[2]](text) if name != language.NAME else set()
    for position, text in kept.items():
        if (
            position.path in {"doc", "fields/*<string>/doc"}
            and text.strip()
            and "/shop/" in position.file
            and "producers" not in position.file
        ):
            assert text.strip() in strings, position
        if position.path.endswith("one_of/[]") and "/order/" in position.file:
            assert text in strings, position
    _import(generated, loaded.repository)
    _run(root, loaded.repository)


def _python(text: str) -> set[str]:
    tree = ast.parse(text)
    assert {type(node) for node in tree.body} <= {
        ast.Expr,
        ast.ImportFrom,
        ast.Import,
        ast.ClassDef,
        ast.FunctionDef,
        ast.AnnAssign,
    }
    names = {
        n
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for n in (getattr(node, "module", None) or node.names[0].name,)
    }
    assert names <= {"__future__", "msgspec", "typing"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            assert called in CALLS, ast.dump(node)
        assert not isinstance(node, ast.JoinedStr | ast.Lambda | ast.Await)
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert len(comments) <= 1
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value


def _json(text: str) -> set[str]:
    document = json.loads(text)
    if str(document.get("$schema", "")).startswith("https://json-schema.org"):
        jsonschema.Draft202012Validator.check_schema(document)
    return set(_leaves(document))


def _avro(text: str) -> set[str]:
    document = json.loads(text)
    fastavro.parse_schema(json.loads(text))
    avro.schema.parse(text)
    return set(_leaves(document))


def _sql(text: str) -> set[str]:
    """One statement (Flink: a table, then perhaps a view), whatever the text in it."""
    if text.startswith("CREATE TABLE"):
        bare = re.sub(r"'(?:[^']|'')*'|`(?:[^`]|``)*`", "", text)
        assert not re.search(r"['`]|--|/\*", bare)
        assert [part.split()[:2] for part in bare.split(";") if part.strip()] in (
            [["CREATE", "TABLE"]],
            [["CREATE", "TABLE"], ["CREATE", "VIEW"]],
        )
        return {match[1].replace("''", "'") for match in re.finditer(r"'((?:[^']|'')*)'", text)}
    [statement] = duckdb.extract_statements(text)
    assert statement.type == duckdb.StatementType.SELECT
    return set()


def _markdown(text: str) -> set[str]:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
    kinds = {token.type for token in flat}
    assert not kinds & {"html_inline", "html_block", "image", "fence", "code_block", "hr"}, kinds
    for link in (token for token in flat if token.type == "link_open"):
        assert str(link.attrs["href"]).endswith(".md")
    for number, token in enumerate(tokens):
        if token.type == "tr_open":
            cells = [
                t.type
                for t in tokens[number : next(i for i in range(number, len(tokens)) if tokens[i].type == "tr_close")]
            ]
            assert cells.count("td_open") + cells.count("th_open") in {2, 3, 4, 5, 6}
    return set()


def _nothing(text: str) -> set[str]:
    assert text == ""
    return set()


_LOOKS = {"py": _python, "json": _json, "avsc": _avro, "sql": _sql, "md": _markdown, "typed": _nothing}


def _import(generated: Path, repository: Repository) -> None:
    modules = [
        f"tacet_models.{p.parent.name}.{p.stem}"
        for p in sorted((generated / "python/tacet_models").glob("*/*_[0-9].py"))
    ]
    assert len(modules) == len(repository.raw_events)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *modules], env={"PYTHONPATH": str(generated / "python"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _run(root: Path, repository: Repository) -> None:
    """Run every job over a few messages, with each of its symbols in them: both engines agree on all of it."""
    for job in repository.jobs:
        plan = compile_plan(job, repository.lock)
        try:
            lookups = load_lookups(plan, root) if plan.derived else {}
        except LookupError_ as error:  # the reference data is none that the contract now allows
            assert "is invalid" in str(error)
            continue
        messages = _messages(root, job)
        batch = Batch("s", 0, pa.array(range(len(messages)), pa.int64()), pa.array(messages, pa.large_binary()))
        embedded, reference = (make_processor(name, plan, lookups).process(batch) for name in ("embedded", "reference"))
        assert embedded.counts == reference.counts
        for role, table in reference.tables.items():
            assert sorted(map(repr, embedded.tables[role].to_pylist())) == sorted(map(repr, table.to_pylist())), role


def _messages(root: Path, job) -> list[bytes]:
    lines = [
        line.encode() for name in ("messages", "visits") for line in (root / f"{name}.ndjson").read_text().splitlines()
    ]
    base = json.loads(lines[0])
    for field in job.raw.fields:
        if field.path.root == "$" and len(field.path.steps) == 1:
            symbols = (field.constraint.one_of or ())[:3]
            lines += [json.dumps({**base, field.path.steps[0]: symbol}).encode() for symbol in symbols]
    return lines

"""The repository with everything in it, copies of it, and YAML as an editor reads it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from tacet_codegen.frontend.nodes import Mapping, Node, Scalar, parse

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = Path(__file__).parent / "everything"
PAGE = Path(__file__).parent / "page"

_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def copied(source: Path, into: Path) -> Path:
    """Copy a repository; return its folder of contracts."""
    shutil.copytree(source, into, dirs_exist_ok=True)
    return into / "contracts"


def every_contract() -> list[Path]:
    """Return every contract of the repository that is meant to be right."""
    folders = [ROOT / "contracts", EVERYTHING / "contracts", PAGE / "contracts", ROOT / "tacet/templates/contracts"]
    folders += sorted((ROOT / "examples").glob("*/contracts")) + sorted((ROOT / "tests/cases").glob("ok-*/contracts"))
    return [path for folder in folders for path in sorted(folder.rglob("*.yaml"))]


def document(path: Path) -> Any:
    """Read a contract as YAML 1.2's core schema has it, which is what an editor's schema check sees."""
    node, problems = parse(path.read_bytes(), path.name)
    assert node is not None, problems
    return plain(node)


def plain(node: Node) -> Any:
    """Return a node as plain data."""
    if isinstance(node, Mapping):
        return {key.value: plain(value) for key, value in node.items}
    if isinstance(node, Scalar):
        return _value(node)
    return [plain(item) for item in node.items]


def _value(node: Scalar) -> Any:
    words = {"null": None, "~": None, "": None, "true": True, "false": False}
    if node.plain and node.value in words:
        return words[node.value]
    if node.plain and (match := _NUMBER.fullmatch(node.value)):
        return float(node.value) if match[2] or match[3] else int(node.value)
    return node.value

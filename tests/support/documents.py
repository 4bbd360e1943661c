"""Markdown pages whose blocks are executed: `sh` in bash, `python` in Python; a `yaml` block that begins with a path is written there.

A comment right before a block, `<!-- not run: why -->`, leaves it out.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.command import ROOT, TACET, environment

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n+)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)

PATH = re.compile(r"# (contracts/\S+\.yaml)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block, and the line where its text begins."""

    language: str
    text: str
    line: int
    not_run: str | None


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks."""
    text = page.read_text()
    return [
        Block(hit["language"], hit["text"], text.count("\n", 0, hit.start("text")) + 1, hit["why"])
        for hit in BLOCK.finditer(text)
    ]


def execute(page: Path, folder: Path) -> None:
    """Run a page's blocks in a folder, in their order; a command that fails is reported with its line."""
    words = " ".join(TACET)
    for block in blocks(page):
        if (found := PATH.match(block.text)) and block.language == "yaml":
            (folder / found[1]).write_text(block.text)
        if block.not_run or block.language not in {"sh", "python"}:
            continue
        script = f'set -euo pipefail\ntacet() {{ {words} "$@"; }}\n{block.text}'
        command = ["bash", "-c", script] if block.language == "sh" else [sys.executable, "-c", block.text]
        done = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False
        )
        place = f"{page.relative_to(ROOT)}:{block.line}"
        assert done.returncode == 0, f"{place} ended with {done.returncode}\n{block.text}\n{done.stdout}\n{done.stderr}"

"""What the compiler costs: the reference application, and repositories of many contracts like its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RAW, DERIVED = "impressions/raw_impression/1.1.0.yaml", "impressions/enriched_impression/1.0.0.yaml"


def write_contracts(source: Path, root: Path, number: int) -> None:
    """Write a repository of so many events, half raw and half derived, that read one table; all drafts, no two alike."""
    table = "catalog/title/1.0.0.yaml"
    _write(root / "contracts" / table, _draft(source / table))
    for pair in range(number // 2):
        for path in (RAW, DERIVED):
            text = _draft(source / path)
            own = f"n{pair:04}"
            for word in ("table: impressions.", "topic: impressions.", "topic: ui."):
                text = text.replace(word, f"{word.partition(' ')[0]} {own}.")
            text = text.replace("path: $item.rank,", f"path: $item.rank_{own},")  # every model has to be generated
            _write(root / "contracts" / own / path.partition("/")[2], text)


def _draft(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("status: released", "status: draft")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def command_cpu(root: Path, *arguments: str) -> float:
    """Return the CPU seconds of `tacet` in a repository, start to end. Raises SystemExit when it fails."""
    call = [sys.executable, "-c", "from tacet.cli import main; main()", *arguments]
    with subprocess.Popen(call, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"tacet {' '.join(arguments)} ended with {process.returncode}: {errors.decode()[-500:]}")
    return used.ru_utime + used.ru_stime

"""The case folders of tests/cases, unpacked and checked as on one fixed day."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tacet.verbs.check import diagnose

if TYPE_CHECKING:
    from tacet_codegen.diagnostics import Diagnostic

CASES = Path(__file__).resolve().parents[1] / "cases"
TODAY = dt.date(2026, 11, 24)


def names() -> list[str]:
    """Return every case, in order."""
    return sorted(path.name for path in CASES.iterdir() if path.is_dir())


def unpacked(name: str, into: Path) -> Path:
    """Copy a case's contracts, with what is too large for a repository unpacked."""
    contracts = into / "contracts"
    shutil.copytree(CASES / name / "contracts", contracts, symlinks=True)
    for packed in contracts.rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    return contracts


def checked(name: str, into: Path) -> list[Diagnostic]:
    """Return what `tacet check` finds in a case."""
    found, _ = diagnose(unpacked(name, into), TODAY)
    return list(found)

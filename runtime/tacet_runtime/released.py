"""RELEASED: data files that no snapshot names any more because maintenance expired those that did.

They stay on the disk until their grace is over, and are no orphans: `verify` knows them by these notes. A note is a JSON
list of paths, `released/<job>/<table>.json` below the warehouse, written by the job that maintains, before it expires.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_FOLDER = "released"


def released(root: Path) -> set[Path]:
    """Return every released file of a warehouse, whichever job maintained its table."""
    return {path for note in (root / _FOLDER).glob("*/*.json") for path in _read(note)}


def release(root: Path, job: str, table: str, paths: Collection[Path]) -> None:
    """Add files of a table to its note, on the disk when this returns; what is gone from the disk is left out."""
    note = root / _FOLDER / job / f"{table}.json"
    noted = _read(note) if note.exists() else set()
    left = sorted(str(path) for path in noted | set(paths) if path.exists())
    if not left:
        note.unlink(missing_ok=True)
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    part = note.with_suffix(".part")
    with part.open("w") as file:
        json.dump(left, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(note)


def _read(note: Path) -> set[Path]:
    return {Path(path) for path in json.loads(note.read_text())}

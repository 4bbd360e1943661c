"""INPUTS: what the command names -> the files to read, each once: files, folders with all below them, stdin.

How their content is read is in `files.py`, whether it was read before in `recognition.py`.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tacet_runtime.connectors.files import GZIP, READ_BYTES, ZSTD, Input, SourceError, first_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STDIN = "-"
_SAYS = {".gz": GZIP, ".gzip": GZIP, ".zst": ZSTD, ".zstd": ZSTD}
_UNREAD = {".bz2", ".xz", ".lz4", ".br", ".zip", ".7z", ".snappy", ".tar", ".tgz", ".parquet", ".orc", ".avro"}


def find_inputs(arguments: Sequence[str], spool: Path) -> list[Input]:
    """Return the files that are named: files, folders (all files below, sorted), `-` for stdin, kept in `spool`.

    A file that is reached by two ways (twice, through a link) is read once, under the first name. Raises SourceError
    for what cannot be read, is not what its name says, or would have the name of another.
    """
    sweep_spool(spool)
    found: list[Input] = []
    for argument in arguments:
        if argument == STDIN:
            found += [] if any(item.name == STDIN for item in found) else [Input(STDIN, _spooled(spool))]
            continue
        path = Path(argument)
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            found += [Input(p.relative_to(path).as_posix(), p) for p in _below(path)]
        elif stat.S_ISREG(mode):
            found.append(Input(path.name, path))
        else:
            raise SourceError(f"{argument} is no file and no folder: stream it in with `--input -`")
    return [_readable(item) for item in _each_once(found)]


def shared(arguments: Sequence[str], warehouse: Path) -> Path | None:
    """Return a file or folder that is named, or that a link in one leads to, and is in the warehouse or holds it; None for none.

    Such an input would have the job's own files for messages. A warehouse need not be there yet.
    """
    own = warehouse.resolve()
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            continue
        if path.is_file() and path.resolve().is_relative_to(own):
            return path
        for folder, _ in _folders(path):
            place = folder.resolve()
            if own.is_relative_to(place) or place.is_relative_to(own):
                return folder
    return None


def sweep_spool(spool: Path) -> None:
    """Remove what earlier runs kept of stdin; only with the job's lock held."""
    for path in spool.glob("stdin-*"):
        path.unlink()


def _each_once(found: list[Input]) -> list[Input]:
    files: dict[Path, Input] = {}
    for item in found:
        files.setdefault(item.path.resolve(), item)
    names: dict[str, Path] = {}
    for item in files.values():
        other = names.setdefault(item.name, item.path)
        if other != item.path:
            raise SourceError(
                f"two inputs are named {item.name}: {other} and {item.path}; give their common folder instead"
            )
    return list(files.values())


def _readable(item: Input) -> Input:
    """Check that a name can stand in a table and does not say what the content is not."""
    try:
        item.name.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"the name of {os.fsencode(item.path)!r} is not UTF-8: rename it") from error
    suffix = Path(item.name).suffix.lower()
    if suffix in _UNREAD:
        raise SourceError(
            f"{item.path}: {suffix} is not read; plain text, gzip and zstd are: unpack it, or use `--input -`"
        )
    magic = _SAYS.get(suffix)
    if magic is not None and not (start := first_bytes(item.path)).startswith(magic):
        if not start:
            raise SourceError(
                f"{item.path} is named {suffix} and is empty, which no compressed file is: was it cut short?"
            )
        raise SourceError(f"{item.path} is named {suffix} and is not: rename it when its content is right")
    return item


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _below(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted; links to folders are followed, each folder once."""

    def refuse(error: OSError) -> None:
        raise SourceError(f"cannot read {error.filename}: {error.strerror}") from error

    found = [parent / name for parent, files in _folders(folder, refuse) for name in files if not name.startswith(".")]
    return sorted(p for p in found if stat.S_ISREG(_mode(p)))


def _folders(folder: Path, refuse: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and those below it, by whatever links and each once, with the names of their files.

    One that cannot be read is left out, unless `refuse` raises.
    """
    seen: set[Path] = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        place = Path(parent).resolve()
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        yield Path(parent), files


def _spooled(spool: Path) -> Path:
    """Keep stdin in a file, so that it is read twice: to be recognised, and to be run."""
    spool.mkdir(parents=True, exist_ok=True)
    path = spool / f"stdin-{os.getpid()}"
    with path.open("wb") as file:
        while chunk := sys.stdin.buffer.read(READ_BYTES):
            file.write(chunk)
    return path

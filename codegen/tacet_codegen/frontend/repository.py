"""A folder of contracts -> its files, each in its place; what stands in the wrong place is said."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.header import Place
from tacet_codegen.frontend.nodes import MAX_BYTES
from tacet_codegen.frontend.reading import IDENTIFIER, Problems, cut
from tacet_codegen.frontend.reserved import reserved_by
from tacet_codegen.ir.lock import NAME as LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WAIVERS = "waivers.yaml"


@dataclass(frozen=True, slots=True)
class Files:
    """Everything that is to be read, sorted by path."""

    contracts: tuple[Place, ...]
    producers: tuple[Place, ...]
    lock: bytes | None
    lock_file: str
    waivers: Place | None
    broken: frozenset[str]
    """Qualified names of contracts that are there and cannot be read."""


def find_files(root: Path, problems: Problems) -> Files:
    """Read all files below `root`. Files that do not end in .yaml are none of ours."""
    contracts: list[Place] = []
    producers: list[Place] = []
    waivers: Place | None = None
    broken: set[str] = set()
    for path, written in _walk(root, problems):
        relative = written if written.isprintable() else ascii(written)[1:-1]
        name = f"{root.name}/{relative}"
        parts = relative.split("/")
        if relative == LOCK_NAME or not parts[-1].endswith((".yaml", ".yml")):
            continue
        if relative == WAIVERS:
            data = _read(path, name, problems)
            waivers = None if data is None else Place(name, "", "", "waivers", data)
            continue
        place = _place(parts, name, problems)
        data = _read(path, name, problems) if place is not None else None
        if place is None or data is None:
            broken.add(".".join(parts[:2]))
        else:
            kind = producers if parts[-2] == "producers" else contracts
            kind.append(Place(name, *place, data))
    lock_path = root / LOCK_NAME
    lock = _read(lock_path, f"{root.name}/{LOCK_NAME}", problems) if os.path.lexists(lock_path) else None
    twins = _twins((place.file for place in (*contracts, *producers)), problems)
    broken |= {f"{place.namespace}.{place.folder}" for place in contracts if place.file in twins}
    contracts = [place for place in contracts if place.file not in twins]
    return Files(tuple(contracts), tuple(producers), lock, f"{root.name}/{LOCK_NAME}", waivers, frozenset(broken))


def _walk(root: Path, problems: Problems) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for folder, folders, files in os.walk(root, onerror=lambda e: _unreadable(e, root, problems)):
        folders.sort()
        for name in sorted(files):
            path = root.joinpath(os.path.relpath(folder, root), name)
            found.append((path, path.relative_to(root).as_posix()))
        for name in folders:
            inner = root.joinpath(os.path.relpath(folder, root), name)
            if inner.is_symlink():
                problems.add(
                    "E101",
                    "a folder that is a link is not followed",
                    Span(f"{root.name}/{inner.relative_to(root).as_posix()}"),
                    "put the folder itself here",
                )
    return sorted(found, key=lambda item: item[1])


def _twins(files: Iterable[str], problems: Problems) -> set[str]:
    """Return files whose path differs from another one's only in case, and say so: some file systems keep one of them."""
    first: dict[str, str] = {}
    twins: set[str] = set()
    for file in files:
        parts = file.split("/")
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end])
            other = first.setdefault(path.casefold(), path)
            if other != path:
                problems.add("E206", f"`{path}` differs from `{other}` only in case", Span(file), "rename one of them")
                twins.add(file)
                break
    return twins


def _unreadable(error: OSError, root: Path, problems: Problems) -> None:
    problems.add(
        "E101",
        f"cannot read: {error.strerror}",
        Span(os.path.relpath(error.filename, root.parent)),
        "check its permissions",
    )


def _place(parts: list[str], name: str, problems: Problems) -> tuple[str, str, str] | None:
    """Return namespace, folder and stem of `ns/name/1.0.0.yaml` or `ns/name/producers/p.yaml`."""
    if "\\" in name:
        problems.add(
            "E209", "a file's name that cannot be shown", Span(name), "rename it: printable characters, no backslash"
        )
        return None
    fits = len(parts) == 3 or (len(parts) == 4 and parts[2] == "producers")
    if not fits or (len(parts) == 3 and parts[1] == "producers"):
        problems.add(
            "E209",
            "a contract in no place of its own",
            Span(name),
            "move it to `NAMESPACE/NAME/VERSION.yaml` or `NAMESPACE/NAME/producers/PRODUCER.yaml`",
        )
        return None
    if not parts[-1].endswith(".yaml"):
        problems.add("E209", f"`{cut(parts[-1])}` ends in .yml", Span(name), "name it .yaml")
        return None
    for part in parts[:2]:
        if not IDENTIFIER.fullmatch(part):
            problems.add(
                "E204",
                f"folder `{cut(part)}` is no identifier",
                Span(name),
                "use A-Z, a-z, 0-9 and _, at most 128, not a digit first",
            )
            return None
        reserved = reserved_by(part)
        if reserved:
            problems.add(
                "E205", f"folder `{part}` is reserved by {reserved}", Span(name), f"rename it, for example `{part}_`"
            )
            return None
    return parts[0], parts[1], parts[-1].removesuffix(".yaml")


def _read(path: Path, name: str, problems: Problems) -> bytes | None:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            problems.add(
                "E101", "no regular file", Span(name), "put the file itself here: links and devices are not read"
            )
            return None
        if found.st_size > 16 * MAX_BYTES:
            problems.add(
                "E102", f"file of {found.st_size} bytes, at most {MAX_BYTES}", Span(name), "split the contract"
            )
            return None
        return path.read_bytes()
    except OSError as error:
        problems.add("E101", f"cannot read: {error.strerror}", Span(name), "check that it is there and readable")
        return None

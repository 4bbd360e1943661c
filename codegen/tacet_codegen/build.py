"""Contracts -> artefacts: compile every job, ask every target, write or compare. Nothing here knows a target's format."""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tacet_codegen.frontend import language
from tacet_codegen.frontend.released import newly_released
from tacet_codegen.ir.lock import NAME as LOCK_NAME
from tacet_codegen.ir.lock import release, render_lock
from tacet_codegen.ir.lower import lower
from tacet_codegen.targets import TARGETS, Artifact, Compilation
from tacet_codegen.targets.avro import wire_schema
from tacet_codegen.targets.duckdb import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.ir.model import Job, Lock, Repository
    from tacet_runtime.plan.model import Plan, SinkTopic

MANIFEST = "MANIFEST.json"


class BuildError(Exception):
    """A target named a file outside the root, or two targets one file: a broken compiler, not a broken contract."""


@dataclass(frozen=True, slots=True)
class Output:
    """Everything a build makes: files below `generated/`, and the lock beside the contracts."""

    files: Mapping[str, str]
    lock: str
    released: tuple[str, ...] = ()
    """Contracts that this build releases: they are not in the lock yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as it should be: `text` None is to be removed, `old` None is new."""

    path: Path
    old: str | None
    text: str | None


def compile_plan(job: Job, lock: Lock) -> Plan:
    """Return the job's plan with the embedded engine's statements and the topics' schemas."""
    plan = lower(job, lock)
    return replace(plan, sql=statements(plan), topics=tuple(_with_schema(topic, job) for topic in plan.topics))


def _with_schema(topic: SinkTopic, job: Job) -> SinkTopic:
    return replace(topic, avro_schema=wire_schema(job, topic.role)) if topic.format == "avro" else topic


def build(repository: Repository) -> Output:
    """Return every artefact's text; depends on the contracts alone."""
    plans = {job.name: compile_plan(job, repository.lock) for job in repository.jobs}
    compilation = Compilation(repository, plans)
    files: dict[str, str] = {language.NAME: language.render()}
    for target in TARGETS:
        for artifact in target.emit(compilation):
            _add(files, artifact)
    files[MANIFEST] = _manifest(repository, files)
    new = newly_released(repository.headers, repository.lock)
    lock = release(repository.lock, new)
    return Output(dict(sorted(files.items())), render_lock(lock), tuple(sorted(new)))


def _add(files: dict[str, str], artifact: Artifact) -> None:
    path = PurePosixPath(artifact.path)
    if path.is_absolute() or ".." in path.parts or "\\" in artifact.path or str(path) != artifact.path:
        raise BuildError(f"artefact path {artifact.path!r} leaves the root")
    if artifact.path in files:
        raise BuildError(f"two artefacts are named {artifact.path}")
    files[artifact.path] = artifact.text


def _manifest(repository: Repository, files: Mapping[str, str]) -> str:
    contracts = {header.file: header.digest for header in repository.headers}
    contracts |= {producer.file: producer.digest for producer in repository.producers}
    document = {
        "contracts": dict(sorted(contracts.items())),
        "jobs": {job.name: job.digest for job in repository.jobs},
        "artefacts": {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(files.items())},
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def changes(output: Output, root: Path, lock: Path) -> list[Change]:
    """Compare with what is there. A file that an earlier build wrote and this one does not is to be removed.

    Which those are, the manifest says, and where it is not the one of that build, as after a merge, their names.
    """
    found = [_change(root / path, text) for path, text in output.files.items()]
    found.append(_change(lock, output.lock))
    stale = sorted((_written(root) | _named_so(root)) - set(output.files))
    found += [Change(root / path, _read(root / path), None) for path in stale if (root / path).is_file()]
    return [change for change in found if change is not None]


def _change(path: Path, text: str) -> Change | None:
    old = _read(path)
    return None if old == text else Change(path, old, text)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _written(root: Path) -> set[str]:
    """Return what an earlier build says it wrote."""
    text = _read(root / MANIFEST)
    if text is None:
        return set()
    try:
        document: Any = json.loads(text)
        paths = set(document["artefacts"])
    except (ValueError, KeyError, TypeError):
        return set()
    return {path for path in paths if isinstance(path, str) and _inside(path)}


def _named_so(root: Path) -> set[str]:
    """Return the files that are called as a target calls its own; what is called otherwise is not ours."""
    return {
        (Path(target.name) / path).as_posix()
        for target in TARGETS
        for path in _below(root / target.name)
        if re.fullmatch(target.files, path.as_posix())
    }


def _below(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]


def _inside(path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts


def write(found: Iterable[Change], root: Path) -> None:
    """Write and remove. Each file is replaced whole; the manifest comes last. Raises OSError, also for a link out of `root`."""
    ordered = sorted(found, key=lambda change: change.path.name == MANIFEST)
    for folder in {change.path.parent for change in ordered if change.path.is_relative_to(root)}:
        if not folder.resolve().is_relative_to(root.resolve()):
            raise OSError(errno.ELOOP, "a link leads out of what is generated, remove it", str(folder))
    for change in ordered:
        if change.text is None:
            change.path.unlink()
            _prune(change.path.parent, root)
            continue
        change.path.parent.mkdir(parents=True, exist_ok=True)
        part = change.path.with_name(f".{change.path.name}.part")
        part.write_bytes(change.text.encode())
        os.replace(part, change.path)  # noqa: PTH105  (the atomic one)


def _prune(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def diff(change: Change, base: Path) -> str:
    """Return a change as a unified diff, with paths relative to `base`."""
    name = Path(os.path.relpath(change.path, base)).as_posix()
    old = (change.old or "").splitlines()
    new = (change.text or "").splitlines()
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


__all__ = ["LOCK_NAME", "Change", "Output", "build", "changes", "compile_plan", "diff", "write"]

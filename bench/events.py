"""The bench's events: what `tacet sample` writes for the reference application, repeated to the size that is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.sample import Profile, Recipe, write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tacet_runtime.plan.model import Plan

JOB = "enriched_impression"
BYTES = 1_200


@dataclass(frozen=True, slots=True)
class Shape:
    """What a message is like: how many rows it explodes to (fewest, most)."""

    name: str
    items: tuple[int, int]


ONE = Shape("one row a message", (1, 1))
DEMO = Shape("the demo's: one to three rows a message", (1, 3))


def plan_of(root: Path) -> Plan:
    """Compile the reference application's job."""
    loaded = frontend.load(root / "contracts")
    if loaded.repository is None:
        raise SystemExit("the reference application does not compile: run `tacet check`")
    job = next(job for job in loaded.repository.jobs if job.name.endswith(f".{JOB}"))
    return compile_plan(job, loaded.repository.lock)


def write_events(plan: Plan, root: Path, file: Path, shape: Shape, messages: int) -> None:
    """Write distinct events, as clients send them: several versions, optional fields, planted faults, broken messages."""
    reference = {name: lookup.rows for name, lookup in load_lookups(plan, root).items()}
    recipe = Recipe(1, "mixed", Profile(bytes=BYTES, items=shape.items), reference)
    write_sample(plan, recipe, file, events=messages)


TOGETHER = 5
"""Copies in one file, so that a file is several blocks of the engine."""


def repeated(file: Path, folder: Path, times: int) -> Path:
    """Return a folder in which a file's content stands so many times: as many messages, little more disk."""
    folder.mkdir(parents=True)
    data = file.read_bytes()
    first = folder / "00000.ndjson"
    first.write_bytes(data * min(TOGETHER, times))
    for number in range(1, times // TOGETHER):
        os.link(first, folder / f"{number:05}.ndjson")
    if times > TOGETHER and times % TOGETHER:
        (folder / "rest.ndjson").write_bytes(data * (times % TOGETHER))
    return folder

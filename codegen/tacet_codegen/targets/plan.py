"""Plans as JSON: what an engine loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.base import Artifact
from tacet_runtime.plan.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.targets.base import Compilation


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one plan a job. Its SQL is the `duckdb` target's files again: a plan is complete."""
    for name, plan in sorted(compilation.plans.items()):
        yield Artifact(f"plan/{name}.json", encode(plan).decode("utf-8"))

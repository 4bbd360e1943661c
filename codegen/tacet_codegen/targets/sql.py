"""The embedded engine's statements as files, to be read and reviewed; engines take them from the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.base import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.targets.base import Compilation


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one file a statement."""
    for name, plan in sorted(compilation.plans.items()):
        for statement, text in sorted(plan.sql.items()):
            yield Artifact(f"duckdb/{name}/{statement}.sql", text + "\n")

"""DuckDB SQL: the statements of the embedded engine. The runtime executes them; it writes no SQL of its own.

`select` tells which messages are the job's; `rows` types and tests what the engine's scanner read; `derive` corrects,
joins and computes. Column names that begin with `:` are the engine's own and can be no contract's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.derive import derive
from tacet_codegen.targets.duckdb.typed import rows, select

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan


def statements(plan: Plan) -> dict[str, str]:
    """Return the plan's statements by name."""
    found = {"rows": rows(plan)}
    if plan.source.select is not None:
        found["select"] = select(plan.source)
    if plan.derived is not None:
        found["derive"] = derive(plan.derived, plan.source)
    return found

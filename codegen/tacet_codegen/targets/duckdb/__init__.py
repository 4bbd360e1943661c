"""DuckDB SQL: the statements of the embedded engine. The runtime executes them; it writes no SQL of its own.

`rows` parses a batch, unnests, types and tests every row; `derive` corrects, joins and computes.
Column names that begin with `:` are the engine's own and can be no contract's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.decode import rows, supported
from tacet_codegen.targets.duckdb.derive import derive

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan


def statements(plan: Plan) -> dict[str, str]:
    """Return the plan's statements by name; none for a plan whose paths DuckDB cannot tell apart (see `supported`)."""
    if not supported(plan):
        return {}
    found = {"rows": rows(plan)}
    if plan.derived is not None:
        found["derive"] = derive(plan.derived, plan.source)
    return found

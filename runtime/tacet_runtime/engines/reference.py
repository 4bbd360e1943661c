"""The reference engine: the interpreter over batches. Slow and obvious; what the others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.batch import Counts, Outcome
from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.sinks import Sinks, ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.batch import Batch, Role
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.sinks import Tally


class ReferenceProcessor:
    """Runs batches through the reference interpreter."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        self._plan = plan
        self._interpreter = Interpreter(plan, {name: lookup.rows for name, lookup in lookups.items()})

    def process(self, batch: Batch) -> Outcome:
        """Run every stage over the batch."""
        sinks = Sinks(self._plan, batch.source, batch.partition)
        for offset, data in zip(batch.offsets.to_pylist(), batch.messages.to_pylist(), strict=True):
            sinks.add(offset, data, self._interpreter.message(data))
        return outcome(self._plan, sinks)


def outcome(plan: Plan, sinks: Sinks) -> Outcome:
    """Return what was collected as an engine's outcome."""
    columns = {**sinks.columns, "metrics": sinks.metric_columns()}
    roles: tuple[Role, ...] = ("raw", "derived", "rejects", "metrics")
    by_role = {table.role: table for table in plan.tables}
    tables = {role: arrow_table(columns[role], by_role[role]) for role in roles if role in by_role}
    return Outcome(tables, counts(sinks.tally), ranges(sinks.skipped), ranges(sinks.filtered))


def counts(tally: Tally) -> Counts:
    """Return the accounting of a batch."""
    parents, rows = tally.parents, tally.rows
    return Counts(
        messages=parents.total(),
        skipped=parents["skipped"],
        rejected=parents["rejected"],
        filtered=parents["filtered"],
        emitted_parents=parents["emitted"],
        rows=rows.total(),
        rejected_rows=rows["rejected"],
        filtered_rows=rows["filtered"],
        emitted_rows=rows["emitted"],
        rejected_by=dict(sorted(tally.rejected_by.items())),
        filtered_by=dict(sorted(tally.filtered_by.items())),
    )

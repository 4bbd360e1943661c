"""The reference engine: the interpreter over batches. Slow and obvious; what the others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.batch import Account, Counts, Together
from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.sinks import Sinks, columns_of, ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacet_runtime.batch import Batch, Outcome, Role
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
        return self.together([batch]).only()

    def together(self, batches: Sequence[Batch]) -> Together:
        """Run every stage over each batch."""
        return outcome(self._plan, [self._collected(batch) for batch in batches])

    def _collected(self, batch: Batch) -> Sinks:
        sinks = Sinks(self._plan, batch.source, batch.partition)
        for offset, data in zip(batch.offsets.to_pylist(), batch.messages.to_pylist(), strict=True):
            sinks.add(offset, data, self._interpreter.message(data))
        return sinks


def outcome(plan: Plan, sinks: Sequence[Sinks]) -> Together:
    """Return what was collected of each batch as an engine's outcome."""
    columns = columns_of(sinks)
    roles: tuple[Role, ...] = ("raw", "derived", "rejects", "metrics")
    by_role = {table.role: table for table in plan.tables}
    tables = {role: arrow_table(columns[role], by_role[role]) for role in roles if role in by_role}
    return Together(tables, tuple(account(one) for one in sinks))


def account(sinks: Sinks) -> Account:
    """Return the numbers of a batch."""
    return Account(counts(sinks.tally), ranges(sorted(sinks.skipped)), ranges(sorted(sinks.filtered)))


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

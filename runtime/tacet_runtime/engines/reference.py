"""The reference engine: the interpreter over batches. Slow and obvious; what the others are compared with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tacet_runtime.batch import Account, Counts, Together, TooManyRows
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

    def together(self, batches: Sequence[Batch], most: int | None = None) -> Together:
        """Run every stage over each batch."""
        made, before = Made(most), 0
        found: list[Sinks] = []
        for batch in batches:
            found.append(Sinks(self._plan, batch.source, batch.partition))
            for offset, data in zip(batch.offsets.to_pylist(), batch.messages.to_pylist(), strict=True):
                result = self._interpreter.message(data)
                made.add(before, len(result.rows))
                before += 1
                found[-1].add(offset, data, result)
        return outcome(self._plan, found)


class Made:
    """Counts rows against the most that there may be; `rows` are there already."""

    def __init__(self, most: int | None, rows: int = 0) -> None:
        self._left = math.inf if most is None else most - rows

    def add(self, before: int, rows: int) -> None:
        """Count a message's rows, the next after `before` messages. Raises TooManyRows for too many, unless it is the first."""
        self._left -= rows
        if self._left < 0 and before and rows:
            raise TooManyRows(before)


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

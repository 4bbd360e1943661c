"""What the reference says of a kind of row: verdicts, rejects, filters, asked once, with one of its rows.

Rows are of one kind when states of fields, registration, omissions in force and tests are the same for them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from tacet_runtime.engines.embedded.shapes import NULL, PRESENT, REASONS
from tacet_runtime.steps.judge import missing_verdict
from tacet_runtime.steps.results import Reject, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.interpreter import Interpreter
    from tacet_runtime.steps.judge import Registered

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Judge:
    """Gives every kind of row its template."""

    def __init__(self, plan: Plan, interpreter: Interpreter) -> None:
        self._plan = plan
        self._interpreter = interpreter
        self._fields = plan.source.fields
        self._rules = plan.source.rules
        self._filters = plan.derived.filters if plan.derived else ()

    def template(
        self,
        states: Sequence[int],
        values: Mapping[str, Any],
        registered: Registered | None,
        rules: int,
        filters: int,
    ) -> Row:
        """Return the row of a kind: `states` by field; `values` of one of its rows; bits of rules and filters."""
        row = Row(0)
        row.values.update(values)
        row.registered = registered.contract if registered else None
        moment = values[self._plan.source.event_time]
        day = moment.date() if moment is not None else None
        for field, state in zip(self._fields, states, strict=True):
            if state == PRESENT:
                row.verdicts[field.name] = "present"
            elif state in REASONS:
                row.verdicts[field.name] = f"invalid:{REASONS[state]}"
            else:
                row.verdicts[field.name] = missing_verdict(field, registered, day, row.values)[0]
                if state == NULL:
                    row.nulls.append(field.name)
        self._decide(row, rules, filters)
        return row

    def _decide(self, row: Row, rules: int, filters: int) -> None:
        reject = self._interpreter.sent_badly(row) or self._broken(row, rules)
        if reject is not None:
            row.outcome, row.reject, row.raw_flags = "rejected", reject, []
            return
        row.archived = True
        dropped = next((one.name for at, one in enumerate(self._filters) if filters >> at & 1), None)
        if dropped is not None:
            row.outcome, row.filter = "filtered", dropped

    def _broken(self, row: Row, rules: int) -> Reject | None:
        for at, rule in enumerate(self._rules):
            if not rules >> at & 1:
                continue
            if rule.otherwise == "reject":
                return Reject(f"rule:{rule.name}", None, None, rule.line)
            row.raw_flags.append(rule.name)
        return None


def boundaries(plan: Plan) -> np.ndarray:
    """Return the moments (microseconds, ascending) at which some omission begins or has ended."""
    days: set[dt.date] = set()
    for registration in plan.source.registrations:
        for omission in registration.omissions:
            if omission.since is not None:
                days.add(dt.date.fromisoformat(omission.since))
            if omission.expires is not None and omission.expires < "9999-12-31":
                days.add(dt.date.fromisoformat(omission.expires) + dt.timedelta(days=1))
    moments = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in sorted(days))
    return np.array([(moment - _EPOCH) // dt.timedelta(microseconds=1) for moment in moments], dtype=np.int64)

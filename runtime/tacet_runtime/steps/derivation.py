"""After the raw event: filter, correct, look up, derive, agree; and for every NULL the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tacet_runtime.plan.expressions import Column, Interval
from tacet_runtime.steps.expressions import evaluate
from tacet_runtime.steps.judge import PRESENT
from tacet_runtime.steps.results import Reject, Step
from tacet_runtime.steps.show import line_text, value_text
from tacet_runtime.steps.tell import told_check, told_reject, told_truth

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Derived, DerivedField, Lookup
    from tacet_runtime.plan.types import Type
    from tacet_runtime.steps.results import Row

Rows: TypeAlias = Mapping[tuple[Any, ...], Mapping[str, Any]]
"""Reference data: key values, in the plan's order -> column -> value."""


class Derivation:
    """Runs the derived part of a plan over rows."""

    def __init__(self, derived: Derived, lookups: Mapping[str, Rows], *, trace: bool = False) -> None:
        self._derived = derived
        self._lookups = lookups
        self._trace = trace
        self._optional = {f"{k.name}.{c.name}": not c.required for k in derived.lookups for c in k.columns}

    def run(self, row: Row) -> None:
        """Take a row to its end: emitted, filtered or rejected."""
        row.corrected, row.corrected_verdicts = dict(row.values), dict(row.verdicts)
        if self._filtered(row):
            return
        self._correct(row)
        values = dict(row.corrected)
        missed: set[str] = set()
        for lookup in self._derived.lookups:
            if not self._look_up(lookup, row, values, missed):
                return
        for field in self._derived.fields:
            row.derived[field.name], row.derived_verdicts[field.name] = self._derive(field, row, values, missed)
            if self._trace:
                shown = value_text(row.derived[field.name], field.type)
                verdict = row.derived_verdicts[field.name]
                self._say(row, "derive", f"{field.name} = {shown}{'' if verdict == PRESENT else f' ({verdict})'}")
        self._agree(row)

    def _say(self, row: Row, stage: str, text: str) -> None:
        if self._trace:
            row.steps.append(Step(stage, text))

    def _filtered(self, row: Row) -> bool:
        for one in self._derived.filters:
            drops = evaluate(one.drop_when, row.values)[0]
            self._say(row, "filter", f"{one.name}: {told_truth(drops)}, {'dropped' if drops is True else 'kept'}")
            if drops is True:
                row.outcome, row.filter = "filtered", one.name
                return True
        return False

    def _correct(self, row: Row) -> None:
        for correction in self._derived.corrections:
            applies = evaluate(correction.when, row.corrected)[0]
            if applies is not True:
                self._say(row, "correct", f"{correction.name}: {told_truth(applies)}, nothing set")
                continue
            values = [(a.field, *evaluate(a.value, row.corrected)) for a in correction.set]
            for name, value, failed in values:
                row.corrected[name] = value
                if value is not None:
                    row.corrected_verdicts[name] = PRESENT
                elif row.corrected_verdicts[name] == PRESENT:
                    row.corrected_verdicts[name] = "expression_error" if failed else "expression_null"
            row.corrections.append(correction.name)
            if self._trace:
                new = ", ".join(
                    f"{a.field} = {value_text(row.corrected[a.field], _type(a.value))}" for a in correction.set
                )
                self._say(row, "correct", f"{correction.name}: TRUE, set {new}")

    def _look_up(self, lookup: Lookup, row: Row, values: dict[str, Any], missed: set[str]) -> bool:
        key = tuple(row.corrected[k.field] for k in lookup.keys)
        found = None if None in key else self._lookups[lookup.name].get(key)
        if self._trace:
            self._say(row, "look up", _told_lookup(lookup, row, found=found is not None))
        if found is None:
            if lookup.on_miss == "reject":
                self._reject(row, Reject(f"lookup:{lookup.name}", None, None, lookup.line))
                return False
            missed.add(lookup.name)
        for column in lookup.columns:
            values[f"{lookup.name}.{column.name}"] = None if found is None else found[column.name]
        return True

    def _derive(self, field: DerivedField, row: Row, values: Mapping[str, Any], missed: set[str]) -> tuple[Any, str]:
        bare = isinstance(field.value, Column)
        value, failed = (values[field.inputs[0]], False) if bare else evaluate(field.value, values)
        if value is not None:
            return value, PRESENT
        if field.taken_over and "." not in field.inputs[0]:
            return None, row.corrected_verdicts[field.inputs[0]]
        if failed:
            return None, "expression_error"
        for name in field.inputs:
            if values[name] is not None:
                continue
            lookup = name.partition(".")[0] if "." in name else None
            if lookup in missed:
                return None, f"lookup_miss:{lookup}"
            if lookup is not None and field.taken_over:
                return None, "optional" if self._optional[name] else "logging_bug"
            return None, f"inherited:{name}"
        return None, "expression_null"

    def _agree(self, row: Row) -> None:
        for agreement in self._derived.agreements:
            holds = evaluate(agreement.check, row.derived)[0]
            self._say(row, "agree", told_check(agreement.name, agreement.otherwise, holds=holds))
            if holds is not False:
                continue
            if agreement.otherwise == "reject":
                self._reject(row, Reject(f"agreement:{agreement.name}", None, None, agreement.line))
                return
            row.agreement_flags.append(agreement.name)

    def _reject(self, row: Row, reject: Reject) -> None:
        row.outcome, row.reject, row.agreement_flags = "rejected", reject, []
        self._say(row, "reject", told_reject(reject))


def _told_lookup(lookup: Lookup, row: Row, *, found: bool) -> str:
    key = ", ".join(f"{k.column} = {_shown(row.corrected[k.field])}" for k in lookup.keys)
    end = "found" if found else "missed, kept" if lookup.on_miss == "keep" else "missed, rejected"
    return f"{lookup.name}: {key}: {end}"


def _shown(key: Any) -> str:
    return "NULL" if key is None else line_text(str(key))


def _type(expression: Expression) -> Type:
    if isinstance(expression, Interval):
        raise TypeError(expression)
    return expression.type

"""The reference interpreter: one message, every stage in its order, plain and obvious. The oracle for all engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan.known import known_keys
from tacet_runtime.steps.constraints import field_typer
from tacet_runtime.steps.derivation import Derivation
from tacet_runtime.steps.expressions import evaluate
from tacet_runtime.steps.judge import PRESENT, Producers, missing_verdict
from tacet_runtime.steps.paths import ABSENT, at, find, in_the_way
from tacet_runtime.steps.results import MessageResult, Reject, Row, Step
from tacet_runtime.steps.selection import selected
from tacet_runtime.steps.strict_json import Refused, WholeNumber, decode, dump
from tacet_runtime.steps.tell import told_check, told_judgement, told_parent, told_reject, told_sent
from tacet_runtime.steps.typing import Wrong
from tacet_runtime.steps.unknown import unknown

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from tacet_runtime.plan.model import Field, Plan
    from tacet_runtime.steps.derivation import Rows
    from tacet_runtime.steps.results import Result
    from tacet_runtime.steps.typing import Typer


@dataclass(frozen=True, slots=True)
class _Typed:
    """A field with the function that types it."""

    field: Field
    type: Typer


class Interpreter:
    """Runs single messages through a plan. `lookups`: name of the lookup -> rows by key."""

    def __init__(self, plan: Plan, lookups: Mapping[str, Rows], *, trace: bool = False) -> None:
        self._plan = plan
        self._source = plan.source
        self._trace = trace
        self._fields = [_Typed(f, field_typer(f, plan.limits.string_bytes)) for f in plan.source.fields]
        self._identity = [f for f in plan.source.fields if f.identity]
        self._lines = {f.name: f.line for f in plan.source.fields}
        self._producers = Producers(plan.source)
        self._known = known_keys(plan.source.fields, plan.source.explode, plan.source.select)
        self._derivation = Derivation(plan.derived, lookups, trace=trace) if plan.derived else None

    def message(self, data: bytes | None) -> MessageResult:
        """Return what becomes of a message's bytes; None is a tombstone."""
        value = decode(data, self._plan.limits)
        if isinstance(value, Refused):
            reject = Reject(value.kind, None, value.detail, self._source.line)
            return MessageResult("rejected", reject, steps=self._steps("decode", told_reject(reject)))
        steps = self._steps("decode", f"{len(data or b'')} bytes of strict JSON")
        if self._source.select is not None:
            if not selected(self._source.select, value):
                return MessageResult("skipped", steps=[*steps, *self._steps("select", "not TRUE: not ours")])
            steps += self._steps("select", "TRUE: ours")
        items = self._items(value)
        if isinstance(items, Reject):
            return MessageResult("rejected", items, steps=[*steps, *self._steps("explode", told_reject(items))])
        if self._source.explode is not None:
            steps += self._steps("explode", f"{len(items)} {'row' if len(items) == 1 else 'rows'}")
        if not items:
            return MessageResult("filtered", filter="no_items", steps=[*steps, *self._steps("filter", "no_items")])
        message_unknown = [(path, dump(v)) for path, v in unknown(value, self._known[0], "$")]
        rows = [self._row(value, item, index, message_unknown) for index, item in enumerate(items)]
        return MessageResult(_outcome(rows), rows=rows, steps=steps)

    def _steps(self, stage: str, text: str) -> list[Step]:
        return [Step(stage, text)] if self._trace else []

    def _items(self, value: Any) -> list[Any] | Reject:
        if self._source.explode is None:
            return [None]
        items = find(self._source.explode.steps, value)
        if not isinstance(items, list):
            return Reject("explode", None, "absent" if items is ABSENT else "no list", self._source.line)
        if len(items) > self._plan.limits.explode_rows:
            return Reject("too_large", None, f"explode_rows: > {self._plan.limits.explode_rows}", self._source.line)
        return items

    def _row(self, message: Any, item: Any, index: int, message_unknown: list[tuple[str, str]]) -> Row:
        row = Row(index)
        too_large = self._type(row, message, item, index)
        self._judge(row)
        names = [*message_unknown, *((path, dump(v)) for path, v in unknown(item, self._known[1], "$item"))]
        row.unknown = dict(reversed(names))
        reject = self.sent_badly(row, too_large)
        if reject is None:
            reject = self._rules(row)
        if reject is not None:
            self._refuse(row, reject)
            return row
        row.archived = True
        if self._derivation is not None:
            self._derivation.run(row)
        return row

    def _type(self, row: Row, message: Any, item: Any, index: int) -> str | None:
        """Fill values, `present` and `invalid` verdicts; return the first field whose string is too large."""
        too_large = None
        for typed in self._fields:
            name = typed.field.name
            found = at(typed.field.path, message, item, index)
            row.values[name] = None
            if found is ABSENT:
                self._missing(row, typed.field, in_the_way(typed.field.path, message, item))
                continue
            if found is None:
                row.nulls.append(name)
                continue
            try:
                row.values[name] = typed.type(
                    WholeNumber(found) if isinstance(found, int) and not isinstance(found, bool) else found
                )
                row.verdicts[name] = PRESENT
            except Wrong as wrong:
                row.verdicts[name] = f"invalid:{wrong.reason}"
                if self._trace:
                    row.sent[name] = told_sent(dump(found))
                too_large = too_large or (name if wrong.reason == "too_large" else None)
        return too_large

    def _missing(self, row: Row, field: Field, parent: tuple[str, Any] | None) -> None:
        """Mark a field whose parent was sent, and is nothing that could have it."""
        if parent is None:
            return
        row.verdicts[field.name] = "invalid:type"
        if self._trace:
            row.sent[field.name] = told_parent(parent[0], dump(parent[1]))

    def _judge(self, row: Row) -> None:
        source = self._source
        row.producer = row.values[source.producer_name]
        version = row.values[source.producer_version]
        row.producer_version = None if version is None else str(version)
        row.event_time = row.values[source.event_time]
        registered = self._producers.find(row.producer, row.producer_version)
        row.registered = registered.contract if registered else None
        day: dt.date | None = row.event_time.date() if row.event_time is not None else None
        verdicts: dict[str, str] = {}
        reasons: dict[str, str] = {}
        for typed in self._fields:
            name = typed.field.name
            given = row.verdicts.get(name)
            if given is not None:
                verdicts[name] = given
            else:
                verdicts[name], reasons[name] = missing_verdict(typed.field, registered, day, row.values)
        row.verdicts = verdicts
        if self._trace:
            row.steps += told_judgement(row, self._producers.told(row.producer, row.producer_version), reasons)

    def sent_badly(self, row: Row, too_large: str | None = None) -> Reject | None:
        """Return why a judged row goes to the rejects before any rule: identity, `on_bug`, size, unknown fields."""
        return self._identity_reject(row) or self._row_reject(row, too_large)

    def _identity_reject(self, row: Row) -> Reject | None:
        for field in self._identity:
            verdict = row.verdicts[field.name]
            if verdict == "invalid:too_large":
                return self._too_large(field.name)
            if verdict.startswith("invalid:"):
                return Reject(verdict.removeprefix("invalid:"), field.name, "identity", field.line)
            if verdict != PRESENT:
                return Reject("missing_identity", field.name, None, field.line)
        return None

    def _row_reject(self, row: Row, too_large: str | None) -> Reject | None:
        """Judge `on_bug: reject` and strings above the limit, in file order; then unknown fields."""
        for typed in self._fields:
            field = typed.field
            verdict = row.verdicts[field.name]
            if field.name == too_large:
                return self._too_large(field.name)
            if not field.reject_on_bug or field.identity:
                continue
            if verdict == "logging_bug":
                return Reject("missing", field.name, None, field.line)
            if verdict.startswith("invalid:"):
                return Reject(verdict.removeprefix("invalid:"), field.name, None, field.line)
        if self._source.unknown_fields == "reject" and row.unknown:
            return Reject("unknown_field", min(row.unknown), None, self._source.line)
        return None

    def _too_large(self, name: str) -> Reject:
        return Reject("too_large", name, f"string_bytes: > {self._plan.limits.string_bytes}", self._lines[name])

    def _rules(self, row: Row) -> Reject | None:
        for rule in self._source.rules:
            holds = evaluate(rule.check, row.values)[0]
            if self._trace:
                row.steps.append(Step("rules", told_check(rule.name, rule.otherwise, holds=holds)))
            if holds is not False:
                continue
            if rule.otherwise == "reject":
                return Reject(f"rule:{rule.name}", None, None, rule.line)
            row.raw_flags.append(rule.name)
        return None

    def _refuse(self, row: Row, reject: Reject) -> None:
        row.outcome, row.reject, row.raw_flags = "rejected", reject, []
        if self._trace:
            row.steps.append(Step("reject", told_reject(reject)))


def _outcome(rows: list[Row]) -> Result:
    """Return a parent's outcome: emitted when one of its rows is, else rejected when one is, else filtered."""
    outcomes = {row.outcome for row in rows}
    return "emitted" if "emitted" in outcomes else "rejected" if "rejected" in outcomes else "filtered"

"""Typed rows -> kinds of rows before and after derivation, each known by the reference's answer for one row."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.engines.embedded import shapes
from tacet_runtime.engines.embedded.arrays import NO_MOMENT, distinct, joined, masks, micros, nulls, values_of
from tacet_runtime.engines.embedded.kinds import Judge, boundaries
from tacet_runtime.steps.derivation import Derivation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.engines.embedded.memory import Memory
    from tacet_runtime.engines.embedded.producers import ProducerIds
    from tacet_runtime.engines.embedded.shapes import Seen
    from tacet_runtime.engines.embedded.statements import Statements
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.derivation import Rows
    from tacet_runtime.steps.interpreter import Interpreter
    from tacet_runtime.steps.results import Row


class Judging:
    """Finds kinds; asks the reference about new ones."""

    def __init__(
        self, plan: Plan, interpreter: Interpreter, statements: Statements, lookups: Mapping[str, Rows]
    ) -> None:
        self._plan = plan
        self._fields = plan.source.fields
        self._judge = Judge(plan, interpreter)
        self._boundaries = boundaries(plan)
        self._when_null = [shapes.when_null(f) for f in self._fields]
        positions = {f.name: at for at, f in enumerate(self._fields)}
        self._tested = [(positions[name], state) for name, state in shapes.tested(plan.source)]
        self._statements = statements
        self._derivation = Derivation(plan.derived, lookups) if plan.derived else None

    def kinds(self, rows: pa.Table, seen: tuple[Seen, Seen], producers: ProducerIds, memory: Memory) -> np.ndarray:
        """Return each row's kind, a number in `memory.templates`."""
        moments = micros(rows.column(self._plan.source.event_time))
        bands = np.searchsorted(self._boundaries, moments, side="right").astype(np.int32)
        bands[moments == NO_MOMENT] = -1
        missing = nulls(rows, [f.name for f in self._fields])
        bits = {name: masks(rows, name) for name in (":bad", ":when", ":rules", ":filters")}
        parts = [seen[0].states, seen[1].states, bands, producers.registered_ids, missing]
        ids, keys, first = distinct([*parts, *(mask for one in bits.values() for mask in one)])
        new = [number for number, key in enumerate(keys) if key not in memory.kinds]
        samples = values_of(rows, first[new], self._plan) if new else []
        for number, values in zip(new, samples, strict=True):
            at = int(first[number])
            tests = {name: joined(int(mask[at]) for mask in one) for name, one in bits.items()}
            states = self._states(seen, at, memory, tests[":bad"], values)
            row = None
            if shapes.BEYOND not in states:
                row = self._judge.template(states, values, producers.registered(at), tests[":rules"], tests[":filters"])
            memory.kinds[keys[number]] = memory.templates.add(row)
        return np.asarray(np.array([memory.kinds[key] for key in keys], dtype=np.int64)[ids])

    def _states(self, seen: tuple[Seen, Seen], at: int, memory: Memory, bad: int, values: dict[str, Any]) -> list[int]:
        """Return the state of each field of a row; of several tests that it fails the first counts."""
        found = [shapes.PRESENT] * len(self._fields)
        for of, one in zip((memory.message, memory.item), seen, strict=True):
            for position, state in zip(of.positions, of.states[one.states[at]], strict=True):
                found[position] = state
        for number, (position, state) in enumerate(self._tested):
            if bad >> number & 1 and found[position] == shapes.PRESENT:
                found[position] = state
        for position, field in enumerate(self._fields):
            if values[field.name] is None and found[position] == shapes.PRESENT:
                found[position] = self._when_null[position]
        return found

    def ends(self, rows: pa.Table, kinds: np.ndarray, memory: Memory) -> tuple[np.ndarray, pa.Table | None, np.ndarray]:
        """Return (each row's end, derived values, which rows these are of): a raw event's rows end as they are."""
        at = np.flatnonzero(memory.templates.outcomes()[kinds] == 0)
        if self._derivation is None or not len(at):
            return kinds, None, at
        view = rows.select([f.name for f in self._fields])
        view = view if len(at) == rows.num_rows else view.take(pa.array(at))
        view = view.append_column(":row", pa.array(np.arange(len(at), dtype=np.int64)))
        found = _in_order(self._statements.run("derive", "rows", view))
        ids, keys, first = distinct([kinds[at], *masks(found, ":bits")])
        new = [number for number, key in enumerate(keys) if key not in memory.ends]
        samples = values_of(view, first[new], self._plan) if new else []
        for number, values in zip(new, samples, strict=True):
            template = memory.templates[int(kinds[at[first[number]]])]
            memory.ends[keys[number]] = memory.templates.add(_end(template, values, self._derivation))
        ends = kinds.copy()
        ends[at] = np.array([memory.ends[key] for key in keys], dtype=np.int64)[ids]
        return ends, found, at


def _in_order(found: pa.Table) -> pa.Table:
    """Return what was derived in the order of the rows: a join may change it."""
    numbers = found.column(":row").to_numpy()
    return found if (numbers[1:] > numbers[:-1]).all() else found.take(pa.array(np.argsort(numbers)))


def _end(template: Row, values: dict[str, Any], derivation: Derivation) -> Row:
    """Let the reference derive one row of a kind."""
    row = copy(template)
    row.values = type(template.values)(values)
    row.corrections, row.agreement_flags, row.steps = [], [], []
    row.derived, row.derived_verdicts = {}, {}
    derivation.run(row)
    return row

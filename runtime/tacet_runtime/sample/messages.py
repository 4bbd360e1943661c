"""One message of one client: its values, its tree, and labels of what was left out or went wrong on purpose."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tacet_runtime.plan.model import RequiredWhen
from tacet_runtime.plan.walk import columns
from tacet_runtime.sample.conditions import ABSENT, Assignment, wishes
from tacet_runtime.sample.fields import typed
from tacet_runtime.sample.forcing import forced
from tacet_runtime.sample.values import moment_of
from tacet_runtime.steps.expressions import evaluate

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.conditions import Reference, Wish
    from tacet_runtime.sample.faults import Fault
    from tacet_runtime.sample.selecting import Selecting
    from tacet_runtime.sample.shapes import Opened, Shape, Shapes, Slot

_TRIES = 24
_NO_WAY: Assignment = {}
_DROPPED = 0.03
"""The share of messages that may be ones which the contract's filters drop."""


class Label(NamedTuple):
    """One planted thing: in a row's field, in a row (`field` None), or in a whole message (`index` None)."""

    planted: str
    index: int | None = None  # type: ignore[assignment]  # nobody looks a label up by its position
    field: str | None = None
    expected: str | None = None
    """The verdict, or what becomes of row or message, that this deserves by construction."""


@dataclass(slots=True)
class Part:
    """The fields of a message above its rows, or of one row: values by name, and forms in the order they are put."""

    values: dict[str, Any]
    forms: dict[tuple[str, ...], Any] = field(default_factory=dict)
    hit: bool = False
    """Whether the fault is in it."""


@dataclass(slots=True)
class Message:
    """A message as it was made."""

    client: Client
    tree: dict[str, Any]
    labels: list[Label]


class Writer:
    """Makes messages of a plan."""

    def __init__(
        self, plan: Plan, shapes: Shapes, selecting: Selecting, reference: Reference, rng: random.Random
    ) -> None:
        self._source, self._shapes, self._selecting, self._rng = plan.source, shapes, selecting, rng
        self._reference = reference
        self._wishes = wishes(plan, reference)
        in_rows = {f.name for f in plan.source.fields if f.path.root != "$"}
        self._above = [w for w in self._wishes if not in_rows & set(w.condition.columns)]
        self._below = [w for w in self._wishes if in_rows & set(w.condition.columns)]
        self._read = dict.fromkeys(_read(plan, self._wishes))
        self._lookups = plan.derived.lookups if plan.derived is not None else ()
        self._indexes = [f.name for f in plan.source.fields if f.path.root == "$index"]
        self._overlap = _overlap(plan)
        self._select_reads_fields = selecting.reads_fields

    def write(self, client: Client, micros: int, count: int, fault: Fault | None = None) -> Message:
        """Return a message with `count` rows of this client at this moment; `fault` is what goes wrong in it."""
        skew = fault.skew if fault is not None else 0
        shape = self._shapes.of(client, moment_of(micros + skew).date())
        ways = self._selecting.ways(client)
        way = ways[int(len(ways) * self._rng.random())]
        dropped = self._rng.random() < _DROPPED

        def above() -> Part:
            part = self._part(shape.message, dict(self._read), micros, fault, way)
            for _ in range(_TRIES if self._select_reads_fields else 0):
                if self._selecting.selects(way, part.forms):
                    break
                part = self._part(shape.message, dict(self._read), micros, fault, way)
            return part

        shared, broken_above = self._wished(above, shape.message, self._above, fault, dropped=dropped)
        labels: list[Label] = []
        rows: list[Part] = []
        for index in range(count):
            row, broken = self._row(shape, shared, index, micros, fault, dropped=dropped)
            rows.append(row)
            if broken_above:
                broken = [w for w in self._wishes if w in broken_above or w in broken]
            self._label(labels, index, shape, row.values, broken, fault if shared.hit or row.hit else None)
        return Message(client, self._tree(shared, rows, way), labels)

    def _row(
        self, shape: Shape, shared: Part, index: int, micros: int, fault: Fault | None, *, dropped: bool
    ) -> tuple[Part, list[Wish]]:
        def below() -> Part:
            values = dict(shared.values)
            for name in self._indexes:
                values[name] = index
            return self._part(shape.row, values, micros, fault, {})

        return self._wished(below, shape.row, self._below, fault, dropped=dropped)

    def _part(
        self, slots: tuple[Opened, ...], values: dict[str, Any], micros: int, fault: Fault | None, way: Assignment
    ) -> Part:
        part = Part(values)
        forms, read, random_ = part.forms, self._read, self._rng.random
        way = way if self._select_reads_fields else _NO_WAY
        target = fault.field if fault is not None else None
        for slot, name, steps, make, send, share, condition, put_ in slots:
            if way and steps in way:
                values[name] = None if way[steps] is ABSENT else typed(way[steps], slot.field.type)
                continue
            if send == "sometimes":
                if random_() > share:
                    continue
            elif condition is not None and send == "when" and condition(values) is False:
                continue
            if name == target and fault is not None and _strikes(fault, slot, values):
                part.hit = True
                if not fault.skew:
                    if not fault.missing or fault.form(self._rng) is None:
                        forms[steps] = fault.form(self._rng)
                    if fault.lookup:
                        values[name] = typed(forms[steps], slot.field.type)
                    continue
                value, form = make(micros + fault.skew, values)
            else:
                value, form = make(micros, values)
            if name in read:
                values[name] = value
            if put_:
                forms[steps] = form
        return part

    def _wished(
        self,
        draw: Callable[[], Part],
        slots: tuple[Opened, ...],
        all_wishes: list[Wish],
        fault: Fault | None,
        *,
        dropped: bool,
    ) -> tuple[Part, list[Wish]]:
        """Draw until the contract's conditions are kept; return what is broken in spite of that."""
        part = draw()
        for attempt in range(_TRIES):
            broken = [w for w in all_wishes if w.condition(part.values) is w.bad]
            if not any(_avoidable(w, fault, dropped=dropped) for w in broken):
                return part, broken
            if attempt % 3 == 1:
                forced(part.values, part.forms, slots, broken)
            elif attempt < _TRIES - 1:
                part = draw()
        return part, [w for w in all_wishes if w.condition(part.values) is w.bad]

    def _label(
        self,
        labels: list[Label],
        index: int,
        shape: Shape,
        values: dict[str, Any],
        broken: list[Wish],
        fault: Fault | None,
    ) -> None:
        for excused in shape.excused:
            needed = True if excused.condition is None else excused.condition(values)
            if needed is not False:
                verdict = excused.verdict if needed else "undetermined"
                labels.append(Label(excused.planted, index, excused.field, verdict))
        if fault is not None and fault.expected is not None and not fault.lookup:
            labels.append(Label(fault.kind, index, fault.field, fault.expected))
            if fault.expected.startswith("rejected:"):
                return
        broken, values = self._corrected(broken, values)
        outcomes = _outcomes(index, broken, fault, self._misses(index, values, fault))
        if fault is not None and fault.expected is None and not any(o.planted == fault.kind for o in outcomes):
            labels.append(Label(fault.kind, index, fault.field))
        labels += outcomes

    def _corrected(self, broken: list[Wish], values: dict[str, Any]) -> tuple[list[Wish], dict[str, Any]]:
        """Return what is broken when each correction has set its fields before the next, and the values after that."""
        if not any(wish.kind == "correction" for wish in broken):
            return broken, values
        found = [wish for wish in broken if wish.kind in {"rule", "filter"}]
        values = dict(values)
        for wish in self._wishes:
            if wish.kind in {"correction", "agreement"} and wish.condition(values) is wish.bad:
                found.append(wish)
                values |= {one.field: evaluate(one.value, values)[0] for one in wish.sets}
        return found, values

    def _misses(self, index: int, values: dict[str, Any], fault: Fault | None) -> list[Label]:
        """Label lookups that miss: the fault made a key that nobody knows, or a key is missing, or an agreement asked for another."""
        found: list[Label] = []
        for lookup in self._lookups:
            names = [key.field for key in lookup.keys]
            caused = fault is not None and fault.field in names
            ends = f"rejected:lookup:{lookup.name}" if lookup.on_miss == "reject" else f"lookup_miss:{lookup.name}"
            key = tuple(values[name] for name in names)
            known = self._reference.get(lookup.name)
            unknown = None in key or (known is not None and key not in known)
            if unknown or (caused and fault is not None and fault.lookup):
                of = fault.field if fault is not None and fault.lookup else None
                found.append(Label(fault.kind if caused and fault is not None else "lookup", index, of, ends))
        return found

    def _tree(self, shared: Part, rows: list[Part], way: Assignment) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for steps, value in way.items():
            if value is not ABSENT:
                put(tree, steps, msgspec.Raw(str(value).encode()) if isinstance(value, Decimal) else value)
        self._fill(tree, shared)
        if self._source.explode is None:
            return tree
        if () in (rows[0].forms if rows else {}):
            put(tree, self._source.explode.steps, [row.forms.get((), None) for row in rows])
        else:
            put(tree, self._source.explode.steps, [self._fill({}, row) for row in rows])
        return tree

    def _fill(self, tree: dict[str, Any], part: Part) -> dict[str, Any]:
        forms = part.forms
        if self._overlap:
            forms = {steps: copy.deepcopy(forms[steps]) for steps in sorted(forms, key=len)}
        for steps, form in forms.items():
            if len(steps) == 1:
                tree[steps[0]] = form
            else:
                put(tree, steps, form)
        return tree


def put(root: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """Put a value where steps lead, through objects that are made on the way."""
    node = root
    for step in steps[:-1]:
        inner = node.get(step)
        if not isinstance(inner, dict):
            inner = node[step] = {}
        node = inner
    node[steps[-1]] = value


def remove(root: dict[str, Any], steps: tuple[str, ...]) -> None:
    """Take away what stands where steps lead, if anything does."""
    node: Any = root
    for step in steps[:-1]:
        node = node.get(step) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(steps[-1], None)


def _strikes(fault: Fault, slot: Slot, values: dict[str, Any]) -> bool:
    """Tell whether a fault has its effect here: what is missing must have been needed."""
    return not fault.missing or slot.condition is None or slot.condition(values) is True


def _avoidable(wish: Wish, fault: Fault | None, *, dropped: bool) -> bool:
    """Tell whether a row should be drawn again because of this: not where the fault did it, or a drop is welcome."""
    if wish.kind == "filter" and dropped:
        return False
    return fault is None or fault.field not in wish.condition.columns


def _outcomes(index: int, broken: list[Wish], fault: Fault | None, misses: list[Label]) -> list[Label]:
    """Label what the contract's own conditions make of a row, in the order of the stages."""
    found: list[Label] = []
    for wish in broken:
        if wish.kind == "agreement":
            continue
        label = _outcome(index, wish, fault)
        if wish.ends:
            return [label]
        found.append(label)
    for miss in misses:
        if miss.expected is not None and miss.expected.startswith("rejected:"):
            return [*(label for label in found if not str(label.expected).startswith("lookup_miss:")), miss]
        found.append(miss)
    for wish in broken:
        if wish.kind == "agreement":
            found.append(_outcome(index, wish, fault))
            if wish.ends:
                break
    return found


def _outcome(index: int, wish: Wish, fault: Fault | None) -> Label:
    caused = fault is not None and fault.field in wish.condition.columns
    return Label(fault.kind if fault is not None and caused else wish.kind, index, None, wish.expected)


def _read(plan: Plan, kept: list[Wish]) -> list[str]:
    """Return the columns whose values conditions and keys read."""
    found = [name for wish in kept for name in wish.condition.columns]
    found += [name for wish in kept for one in wish.sets for name in columns(one.value)]
    for version in plan.source.versions:
        for presence in version.presence.values():
            found += columns(presence.condition) if isinstance(presence, RequiredWhen) else ()
    for one in plan.source.fields:
        found += columns(one.presence.condition) if isinstance(one.presence, RequiredWhen) else ()
    for lookup in plan.derived.lookups if plan.derived is not None else ():
        found += [key.field for key in lookup.keys]
    return found


def _overlap(plan: Plan) -> bool:
    """Tell whether a field lies inside another one's value."""
    paths = [(f.path.root, *f.path.steps) for f in plan.source.fields]
    return any(a != b and b[: len(a)] == a for a in paths for b in paths if len(a) > 1)

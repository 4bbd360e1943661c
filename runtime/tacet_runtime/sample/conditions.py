"""What a contract's conditions ask of values: messages that are selected, rows that keep the rules.

The conditions are those of the contract, over values that were made here; what a value that arrives is worth is asked of nobody.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Case, Cast, Column, Interval, PathValue, When
from tacet_runtime.plan.expressions import Literal as Constant
from tacet_runtime.plan.walk import columns, path_values, walk
from tacet_runtime.steps.expressions import constant, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Assignment as SetField
    from tacet_runtime.plan.model import Lookup, Plan

Kind: TypeAlias = Literal["rule", "filter", "correction", "agreement"]
Reference: TypeAlias = Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]]
"""For each lookup the rows that its table has, by key in the order of the lookup's key columns: column -> value."""
Assignment: TypeAlias = dict[tuple[str, ...], Any]
"""Steps of a path -> a value; ABSENT where there must be none."""

ABSENT = object()
_MOST = 400
_REMEMBERED = 20_000


class Condition:
    """A condition over a row's values, remembered where its columns have few of them."""

    __slots__ = ("_ask", "_few", "_known", "columns")

    def __init__(self, expression: Expression) -> None:
        self._ask = _asked(expression)
        self.columns = columns(expression)
        few = t.BooleanType | t.StringType | t.IntType | t.LongType
        self._few = all(isinstance(e.type, few) for e in walk(expression) if isinstance(e, Column))
        self._known: dict[tuple[Any, ...], bool | None] = {}

    def __call__(self, values: Mapping[str, Any]) -> bool | None:
        """Return TRUE, FALSE or NULL."""
        if not self._few:
            return self._ask(self.joined(values))  # type: ignore[no-any-return]
        key = tuple([values[name] for name in self.columns])
        if key not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[key] = self._ask(self.joined(values))
        return self._known[key]

    def joined(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values that the condition is over: a row's own."""
        return values


class Joined(Condition):
    """A condition that reads columns of reference data: a row's keys say which row of it."""

    __slots__ = ("_lookups", "_reference")

    def __init__(self, expression: Expression, lookups: Sequence[Lookup], reference: Reference) -> None:
        super().__init__(expression)
        self._lookups, self._reference = lookups, reference
        own = [name for name in self.columns if "." not in name]
        self.columns = tuple(dict.fromkeys([*own, *(key.field for lookup in lookups for key in lookup.keys)]))

    def joined(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row's own values, and those of the rows that its keys find; NULLs where they find none."""
        found = dict(values)
        for lookup in self._lookups:
            key = tuple(values[part.field] for part in lookup.keys)
            row = None if None in key else self._reference[lookup.name].get(key)
            found |= {f"{lookup.name}.{c.name}": None if row is None else row[c.name] for c in lookup.columns}
        return found


_COMPARED = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


_MOMENTS = (t.TimestamptzType, t.TimestampType)


def _asked(expression: Expression) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function of a row; comparisons of columns, the usual case, are done here for speed."""
    match expression:
        case Column(name):
            return itemgetter(name)
        case Call("add_interval" | "sub_interval" as function, (left, Interval(0, micros)), kind) if isinstance(
            kind, _MOMENTS
        ):
            moment = _asked(left)
            span = dt.timedelta(microseconds=micros if function == "add_interval" else -micros)
            return lambda values: None if (found := moment(values)) is None else _moved(found, span)
        case Call(function, (left, right)) if function in _COMPARED:
            compared, one, other = _COMPARED[function], _asked(left), _asked(right)

            def ask(values: Mapping[str, Any]) -> bool | None:
                a, b = one(values), other(values)
                return None if a is None or b is None else compared(a, b)

            return ask
        case Constant():
            value = constant(expression)
            return lambda _values: value
        case _:
            return lambda values: evaluate(expression, values)[0]


def _moved(moment: dt.datetime, span: dt.timedelta) -> dt.datetime | None:
    try:
        return moment + span
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Wish:
    """A condition that an ordinary row keeps: it is not `bad`. `expected` is what becomes of a row that does not."""

    kind: Kind
    condition: Condition
    bad: bool
    expected: str
    expression: Expression
    sets: tuple[SetField, ...] = ()
    """What a correction sets."""

    @property
    def ends(self) -> bool:
        """Whether the row ends here."""
        return self.expected.startswith(("rejected:", "filtered:"))


def wishes(plan: Plan, reference: Reference) -> list[Wish]:
    """Return the wishes in the order of the stages: rules, filters, corrections, agreements.

    Agreements over reference data that is not there are left out.
    """
    found: list[Wish] = []
    for rule in plan.source.rules:
        ends = "rejected:rule:" if rule.otherwise == "reject" else "flagged:"
        found.append(Wish("rule", Condition(rule.check), bad=False, expected=ends + rule.name, expression=rule.check))
    if plan.derived is None:
        return found
    for drop in plan.derived.filters:
        expected = f"filtered:{drop.name}"
        found.append(Wish("filter", Condition(drop.drop_when), bad=True, expected=expected, expression=drop.drop_when))
    for fix in plan.derived.corrections:
        expected = f"corrected:{fix.name}"
        when = Condition(fix.when)
        found.append(Wish("correction", when, bad=True, expected=expected, expression=fix.when, sets=fix.set))
    derived = {field.name: field.value for field in plan.derived.fields}
    for rule in plan.derived.agreements:
        check = _inlined(rule.check, derived)
        read = {name.partition(".")[0] for name in columns(check) if "." in name}
        if not read <= reference.keys():
            continue
        lookups = [lookup for lookup in plan.derived.lookups if lookup.name in read]
        condition = Joined(check, lookups, reference) if lookups else Condition(check)
        ends = "rejected:agreement:" if rule.otherwise == "reject" else "flagged:"
        found.append(Wish("agreement", condition, bad=False, expected=ends + rule.name, expression=check))
    return found


def _inlined(expression: Expression, derived: Mapping[str, Expression]) -> Expression:
    """Return an expression over derived fields as one over raw fields."""
    match expression:
        case Column(name):
            return derived.get(name, expression)
        case Call(function, args, type_):
            return Call(function, tuple(_inlined(arg, derived) for arg in args), type_)
        case Cast(arg, type_):
            return Cast(_inlined(arg, derived), type_)
        case Case(whens, otherwise, type_):
            inside = tuple(When(_inlined(w.condition, derived), _inlined(w.result, derived)) for w in whens)
            return Case(inside, None if otherwise is None else _inlined(otherwise, derived), type_)
        case _:
            return expression


def assignments(select: Expression) -> list[Assignment]:
    """Return ways to be selected: values for the paths that the condition reads. Empty when none was found."""
    return list(islice((way for way in _ways(select, wanted=True) if holds(select, way)), 24))


def holds(expression: Expression, way: Assignment, *, wanted: bool = True) -> bool:
    """Tell whether a condition over paths has the wanted value for an assignment."""

    def value(path: PathValue) -> Any:
        found = way.get(path.path.steps, ABSENT)
        return None if found is ABSENT else found

    return evaluate(expression, {}, value)[0] is wanted


def _ways(expression: Expression, *, wanted: bool) -> Iterator[Assignment]:
    match expression:
        case Call("not", (arg,)):
            yield from _ways(arg, wanted=not wanted)
        case Call("and" | "or" as junction, args) if (junction == "and") is wanted:
            parts = [list(islice(_ways(arg, wanted=wanted), 24)) for arg in args]
            yield from filter(None, (_merged(choice) for choice in islice(product(*parts), _MOST)))
        case Call("and" | "or", args):
            for arg in args:
                yield from _ways(arg, wanted=wanted)
        case _:
            yield from _trials(expression, wanted=wanted)


def _merged(ways: tuple[Assignment, ...]) -> Assignment | None:
    """Return all in one, or None when two want different things of one path."""
    merged: Assignment = {}
    for way in ways:
        for steps, value in way.items():
            if merged.setdefault(steps, value) != value:
                return None
    return merged


def _trials(expression: Expression, *, wanted: bool) -> Iterator[Assignment]:
    """Try values near the constants for every path."""
    paths = {part.path.steps: part.type for part in path_values(expression)}
    constants = [constant(e) for e in walk(expression) if isinstance(e, Constant) and e.value is not None]
    tried = [[v for v in _near(constants) if _of(v, type_)] for type_ in paths.values()]
    for values in islice(product(*([*values, ABSENT] for values in tried)), _MOST):
        way = dict(zip(paths, values, strict=True))
        if holds(expression, way, wanted=wanted):
            yield way


def _near(constants: list[Any]) -> list[Any]:
    found: list[Any] = [one for one in constants if not isinstance(one, str) or "%" not in one]
    for one in constants:
        if isinstance(one, str):
            plain = one.replace("%", "").replace("!", "")
            found += [
                plain,
                f"{plain}1",
                plain.replace("_", "x"),
                one.upper(),
                one.lower(),
                one.title(),
                one + "x",
                f" {one}",
            ]
        elif isinstance(one, int | float) and not isinstance(one, bool):
            found += [one + 1, one - 1, one * 2]
    return [*found, True, False, "something", 1, 0, 1.5]


def _of(value: Any, type_: t.Type) -> bool:
    match type_:
        case t.BooleanType():
            return isinstance(value, bool)
        case t.StringType():
            return isinstance(value, str)
        case t.IntType() | t.LongType():
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return not isinstance(value, bool | str)

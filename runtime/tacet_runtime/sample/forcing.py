"""Making a row keep a rule that chance does not: `total = price * quantity` sets `total`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Cast, Column
from tacet_runtime.sample.values import former, within
from tacet_runtime.steps.constraints import bounds
from tacet_runtime.steps.expressions import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Field
    from tacet_runtime.sample.conditions import Wish
    from tacet_runtime.sample.shapes import Opened

_NUDGE = {"eq": 0, "same": 0, "le": 0, "ge": 0, "lt": -1, "gt": 1}
_TURNED = {"eq": "eq", "same": "same", "le": "ge", "ge": "le", "lt": "gt", "gt": "lt"}


def forced(
    values: dict[str, Any], forms: dict[tuple[str, ...], Any], slots: tuple[Opened, ...], broken: list[Wish]
) -> None:
    """Set columns to what comparisons ask for, where the value is one of their field's."""
    mine = {slot[0].name: slot[0].field for slot in slots if slot[0].put and slot[0].steps in forms}
    for wish in (w for w in broken if w.bad is False):
        for function, name, other in _comparisons(wish.expression):
            field = mine.get(name)
            wanted = evaluate(other, wish.condition.joined(values))[0] if field is not None else None
            if field is None or wanted is None:
                continue
            fitted = _fitted(wanted, field, _NUDGE[function])
            if fitted is not None:
                values[name] = fitted
                forms[field.path.steps] = former(field.type, field.encoding)(fitted)
                break


def _comparisons(expression: Expression) -> Iterator[tuple[str, str, Expression]]:
    """Yield (comparison, column, what it is compared with), both ways round, of all that must hold."""
    match expression:
        case Call("and" | "or", args):
            for arg in args:
                yield from _comparisons(arg)
        case Call(function, (left, right)) if function in _NUDGE:
            for compared, column, other in ((function, left, right), (_TURNED[function], right, left)):
                name = _column(column)
                if name is not None:
                    yield compared, name, other
        case _:
            return


def _column(expression: Expression) -> str | None:
    match expression:
        case Column(name):
            return name
        case Cast(Column(name), _):
            return name
        case _:
            return None


def _fitted(wanted: Any, field: Field, nudge: int) -> Any:
    """Return a value as one of the field's, or None when it is none."""
    found: Any = wanted
    match field.type:
        case t.IntType() | t.LongType() if isinstance(wanted, int | float | Decimal) and wanted == int(wanted):
            found = int(wanted) + nudge
        case t.FloatType() | t.DoubleType() if isinstance(wanted, int | float | Decimal):
            found = float(wanted) + nudge
        case t.DecimalType(precision, scale) if isinstance(wanted, int | Decimal):
            unit = Decimal(1).scaleb(-scale)
            try:
                found = (Decimal(wanted) + nudge * unit).quantize(unit)
            except InvalidOperation:
                return None
            if abs(found) >= Decimal(10) ** (precision - scale) or (not nudge and found != wanted):
                return None
        case t.IntType() | t.LongType() | t.FloatType() | t.DoubleType() | t.DecimalType():
            return None
        case _ if nudge:
            return None
        case _:
            found = wanted
    if field.one_of is not None and found not in field.one_of:
        return None
    if field.range is None:
        return found
    return found if within(found, *bounds(field.range, field.type)) == found else None

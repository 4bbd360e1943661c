"""One type for several operands: widening where nothing is lost, a refusal with the CAST to write where it would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tacet_codegen.frontend.expressions.literals import DOUBLE, LONG, converted
from tacet_codegen.frontend.expressions.problems import Refused
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable, is_exact, is_float, is_whole, spelled, whole_digits
from tacet_runtime.plan.expressions import Case, Cast, Expression, Interval, Literal, PathValue, When

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.types import Type

MAX_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Loose:
    """A NULL or a path: it has the type of what it stands beside."""

    path: Path | None
    at: int


Operand: TypeAlias = Expression | Loose


def type_of(expression: Expression) -> Type:
    """Return the type; an interval has none and is refused before this."""
    if isinstance(expression, Interval):
        raise TypeError(expression)
    return expression.type


def unify(operands: Sequence[Operand], what: str, at: int) -> tuple[Expression, ...]:
    """Bring operands to one type. Raises Refused at `at` when they have none in common."""
    common = _common([o for o in operands if not isinstance(o, Loose)], what, at)
    if common is None:
        raise untyped(operands[0])
    if any(isinstance(o, Loose) and o.path for o in operands):
        common = path_type(common, at)
    return tuple(coerce(o, common, what, at) for o in operands)


def untyped(operand: Operand) -> Refused:
    """Return the mistake of a NULL or a path that stands beside nothing typed."""
    if isinstance(operand, Loose) and operand.path:
        return Refused(
            "E513", "a path whose type is not known", operand.at, "compare it with a value: `$.type = 'order'`"
        )
    at = operand.at if isinstance(operand, Loose) else 0
    return Refused(
        "E514", "a NULL whose type is not known", at, "write `CAST(NULL AS string)`, with the type that is meant"
    )


def path_type(common: Type, at: int) -> Type:
    """Return the type a path is read as: JSON's own four, its widest form of a number."""
    if is_whole(common):
        return LONG
    if is_float(common) or isinstance(common, t.DecimalType):
        return DOUBLE
    if isinstance(common, t.BooleanType | t.StringType):
        return common
    raise Refused(
        "E513", f"a path cannot be compared with {spelled(common)}", at, "compare it with text, a number, TRUE or FALSE"
    )


def _common(typed: list[Expression], what: str, at: int) -> Type | None:
    """Return the type that all can be brought to; constants adapt to columns. None when nothing is typed."""
    firm = [type_of(e) for e in typed if not isinstance(e, Literal)]
    soft = [e for e in typed if isinstance(e, Literal)]
    types = firm or [e.type for e in soft]
    if not types:
        return None
    common = types[0]
    for other in types[1:]:
        common = wider(common, other, what, at)
    if firm and soft and is_float(common):
        common = DOUBLE
    for literal in soft:
        if converted(literal, common) is None:
            common = wider(common, literal.type, what, at)
    return common


def wider(a: Type, b: Type, what: str, at: int) -> Type:
    """Return the type that holds every value of both."""
    if a == b:
        return DOUBLE if isinstance(a, t.FloatType) else a
    if is_float(a) and is_float(b):
        return DOUBLE
    if {type(a), type(b)} <= {t.IntType, t.FloatType, t.DoubleType}:
        return DOUBLE
    if is_whole(a) and is_whole(b):
        return LONG
    if is_exact(a) and is_exact(b):
        scale = max(_scale(a), _scale(b))
        precision = max(whole_digits(a), whole_digits(b)) + scale
        if precision <= MAX_DIGITS:
            return t.DecimalType(precision, scale)
        raise Refused(
            "E506",
            f"{what}: {spelled(a)} and {spelled(b)} need {precision} digits together, more than {MAX_DIGITS}",
            at,
            "CAST one of them to a smaller decimal",
        )
    raise Refused("E506", f"{what}: {spelled(a)} and {spelled(b)} do not go together", at, _way_out(a, b))


def _way_out(a: Type, b: Type) -> str:
    kinds = {type(a), type(b)}
    if t.StringType in kinds:
        other = b if isinstance(a, t.StringType) else a
        return {
            t.DateType: "write `DATE '2026-01-31'`",
            t.TimeType: "write `TIME '23:59:59'`",
            t.TimestampType: "write `TIMESTAMP '2026-01-31 23:59:59'`",
            t.TimestamptzType: "write `TIMESTAMPTZ '2026-01-31 23:59:59Z'`",
        }.get(
            type(other),
            f"nothing is converted silently: write `CAST(... AS {spelled(other)})`, or a constant of that type",
        )
    if kinds & {t.FloatType, t.DoubleType}:
        return "nothing is rounded silently: write `CAST(... AS double)`"
    return f"nothing is converted silently: write `CAST(... AS {spelled(a)})`"


def _scale(type_: Type) -> int:
    return type_.scale if isinstance(type_, t.DecimalType) else 0


def coerce(operand: Operand, target: Type, what: str, at: int) -> Expression:
    """Bring one operand to a type that holds it. Raises Refused when something could be lost."""
    if isinstance(operand, Loose):
        return PathValue(operand.path, target) if operand.path else Literal(target, None)
    if isinstance(operand, Literal) and operand.type != target:
        constant = converted(operand, target)
        if constant is not None:
            return constant
    source = type_of(operand)
    if source == target:
        return operand
    if holds(target, source):
        return Cast(operand, target)
    raise Refused("E506", f"{what}: expected {spelled(target)}, got {spelled(source)}", at, _way_to(target, source))


def _way_to(target: Type, source: Type) -> str:
    if isinstance(target, t.BooleanType) and not isinstance(source, t.StringType):
        return "write a comparison, as in `x = 1`"
    if castable(source, target) == "never":
        return no_cast(source, target)
    return f"nothing is converted silently: write `CAST(... AS {spelled(target)})`"


def no_cast(source: Type, target: Type) -> str:
    """Return what to do where no CAST of the list leads from one type to the other."""
    if is_float(source) and isinstance(target, t.StringType):
        return "engines write a double differently; keep the number"
    if is_float(source) and isinstance(target, t.DecimalType):
        return "declare the field as decimal: the source's text is exact"
    if isinstance(source, t.StringType) and isinstance(target, t.TimestampType | t.TimestamptzType | t.TimeType):
        return f"declare the raw field as {spelled(target)}: that form is strict"
    if "never" not in {castable(source, DOUBLE), castable(DOUBLE, target)}:
        return f"go through double: `CAST(CAST(... AS double) AS {spelled(target)})`"
    return f"no CAST makes {spelled(target)} of {spelled(source)}: see the list in docs/expressions.md"


def holds(target: Type, source: Type) -> bool:
    """Tell whether a type holds every value of another, exactly."""
    match source, target:
        case t.IntType(), t.LongType() | t.DoubleType():
            return True
        case t.FloatType(), t.DoubleType():
            return True
        case ((t.IntType() | t.LongType()), t.DecimalType(p, s)):
            return p - s >= whole_digits(source)
        case t.DecimalType(p, s), t.DecimalType(q, r):
            return r >= s and q - r >= p - s
        case _:
            return source == target


def choice(whens: Sequence[tuple[Expression, Operand]], otherwise: Operand | None, at: int) -> Case:
    """Build a CASE whose results have one type."""
    results = [r for _, r in whens] + ([otherwise] if otherwise is not None else [])
    same = unify(results, "CASE", at)
    branches = tuple(When(c, r) for (c, _), r in zip(whens, same, strict=False))
    last = same[-1] if otherwise is not None else None
    return Case(branches, last, type_of(same[0]))

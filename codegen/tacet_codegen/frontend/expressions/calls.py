"""Signatures: what each function and arithmetic operator takes, what comes out, what is refused by name and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.frontend.expressions.coerce import MAX_DIGITS, coerce, type_of, unify
from tacet_codegen.frontend.expressions.literals import BOOLEAN, DOUBLE, INT, LONG, STRING
from tacet_codegen.frontend.expressions.patterns import portable
from tacet_codegen.frontend.expressions.problems import Refused, did_you_mean
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import is_exact, is_float, is_ordered, is_plain, is_whole, spelled
from tacet_runtime.plan.expressions import Call, Expression, Interval, Literal
from tacet_runtime.plan.functions import BY_NAME, EXTRACT_UNITS, MICROS, TRUNC_UNITS, WRITTEN_AS_CALLS

if TYPE_CHECKING:
    from tacet_codegen.frontend.expressions.check import Checker
    from tacet_codegen.frontend.expressions.rewrite import Node
    from tacet_runtime.plan.types import Type

_ARGUMENTS: dict[str, tuple[int, int]] = {
    "coalesce": (1, 1000), "nullif": (2, 2), "greatest": (2, 100), "least": (2, 100), "concat": (1, 1000), "substring": (2, 3), "mod": (2, 2),
    "left": (2, 2), "right": (2, 2), "starts_with": (2, 2), "ends_with": (2, 2), "position": (2, 2), "replace": (3, 3), "regexp_like": (2, 2),
    "extract": (2, 2), "date_trunc": (2, 2), "timestampdiff": (3, 3), "array_contains": (2, 2),
}  # fmt: skip
"""Function -> fewest and most arguments; one where it is not listed."""
FLINK_SCALE = 6
"""Fraction digits that Flink keeps of a decimal result of more than 38 digits."""
_REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP", "TODAY"),
        ("the clock is no input", "use the row's event time"),
    ),
    **dict.fromkeys(
        ("RANDOM", "RAND", "UUID", "GEN_RANDOM_UUID"),
        ("the same row must give the same value", "use a field of the event"),
    ),
    **dict.fromkeys(
        ("COUNT", "SUM", "AVG", "MIN", "MAX"), ("an expression sees one row", "aggregate when reading the table")
    ),
    **dict.fromkeys(
        ("ROW_NUMBER", "LAG", "LEAD", "RANK"), ("an expression sees one row", "aggregate when reading the table")
    ),
    **dict.fromkeys(
        ("JSON_VALUE", "JSON_EXTRACT", "JSON_QUERY"),
        ("JSON is read by paths only", "extract the value as a field of its own"),
    ),
    **dict.fromkeys(
        ("TRY_CAST", "SAFE_CAST", "TO_DATE", "TO_TIMESTAMP"), ("CAST never ends a job here", "write `CAST(x AS type)`")
    ),
    **dict.fromkeys(("DATEDIFF", "DATE_DIFF"), ("engines count different things", "write `TIMESTAMPDIFF(DAY, a, b)`")),
    **dict.fromkeys(
        ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"), ("one spelling is enough", "write `EXTRACT(YEAR FROM x)`")
    ),
    **dict.fromkeys(("IFNULL", "NVL", "IF", "IIF"), ("one spelling is enough", "write COALESCE or CASE")),
    **dict.fromkeys(
        ("SQRT", "EXP", "LN", "LOG", "POWER", "POW"),
        ("its last digit differs between machines", "calculate it when reading the table"),
    ),
    "REGEXP_REPLACE": ("engines replace different matches", "write REPLACE"),
    "REGEXP_EXTRACT": ("engines differ when nothing matches", "extract the value as a field of its own"),
    "DAYOFWEEK": ("Sunday is 0, 1 or 7", "write `EXTRACT(ISODOW FROM x)`"),
}


def unknown(name: str, at: int) -> Refused:
    """Return the mistake of a function that is not in the list."""
    upper = name.upper()
    if upper in _REFUSED:
        why, hint = _REFUSED[upper]
        return Refused("E504", f"the function `{name}` is not in the language: {why}", at, hint)
    near = did_you_mean(name, [*WRITTEN_AS_CALLS, "CAST"])
    return Refused(
        "E504",
        f"`{name}` is no function of the language",
        at,
        f"did you mean `{near}`?" if near else "see docs/expressions.md for the list",
    )


def unordered(type_: Type, what: str, at: int) -> Refused:
    """Return the mistake of an order where there is none on all engines."""
    if isinstance(type_, t.StringType):
        hint = "engines order text differently; compare with `=`, or CAST versions and numbers first"
        return Refused("E515", f"{what}: text has no order in the language", at, hint)
    return Refused("E506", f"{what}: {spelled(type_)} has no order", at, "compare with `=` or `<>`")


def decimal_type(name: str) -> t.DecimalType | None:
    """Read `decimal(10,2)`."""
    match = re.fullmatch(r"decimal\(([0-9]{1,2}),([0-9]{1,2})\)", name)
    if match is None or not (1 <= int(match[1]) <= MAX_DIGITS and int(match[2]) <= int(match[1])):
        return None
    return t.DecimalType(int(match[1]), int(match[2]))


def arithmetic(checker: Checker, op: str, nodes: tuple[Node, ...], what: str, at: int) -> Expression:
    """Type `a + b` and its like."""
    what = f"`{what}`"
    args = [checker.part(n) for n in nodes]
    loose_types = [type_of(a) for a in args if isinstance(a, Expression)]
    if (
        op == "mul"
        and len(loose_types) == len(args)
        and any(isinstance(a, t.DecimalType) for a in loose_types)
        and all(map(is_exact, loose_types))
    ):
        return _product(*(_as_decimal(a) for a in args if isinstance(a, Expression)), at=at)
    same = unify(args, what, at)
    type_ = type_of(same[0])
    if op == "sub" and isinstance(type_, t.DateType | t.TimestampType | t.TimestamptzType | t.TimeType):
        raise Refused(
            "E506", f"{what}: two moments are not subtracted", at, "write `TIMESTAMPDIFF(SECOND, a, b)`, which is b - a"
        )
    if isinstance(type_, t.FloatType):
        type_ = DOUBLE
    if isinstance(type_, t.StringType) and op == "add":
        raise Refused("E506", f"{what}: text is not added", at, "write `||`")
    if not (is_exact(type_) or is_float(type_)):
        raise Refused("E506", f"{what}: expected numbers, got {spelled(type_)}", at)
    if isinstance(type_, t.DecimalType):
        if op in {"div", "mod"}:
            raise Refused(
                "E515",
                f"{what}: decimals are not divided: each engine rounds its own way",
                at,
                "CAST both to double, or to long",
            )
        type_ = t.DecimalType(min(type_.precision + 1, MAX_DIGITS), type_.scale)
        _exact_everywhere(type_.precision + 1, type_.scale, what, at)
    if op == "mod" and not is_whole(type_):
        raise Refused("E515", f"{what}: expected int or long, got {spelled(type_)}", at, "CAST both to long")
    return Call(op, tuple(coerce(a, type_, what, at) for a in args), type_)


def _exact_everywhere(precision: int, scale: int, what: str, at: int) -> None:
    """Refuse a result that Flink would shorten: above 38 digits it keeps the whole ones, and 6 of the fraction."""
    if precision > MAX_DIGITS and scale > FLINK_SCALE:
        raise Refused(
            "E515",
            f"{what}: {scale} fraction digits in a result that may need {precision} digits: engines drop different ones",
            at,
            f"CAST to fewer digits first, or to a scale of at most {FLINK_SCALE}",
        )


def _as_decimal(e: Expression) -> Expression:
    digits = {t.IntType: 10, t.LongType: 19}.get(type(type_of(e)))
    return coerce(e, t.DecimalType(digits, 0), "`*`", 0) if digits else e


def _product(a: Expression, b: Expression, *, at: int) -> Expression:
    p, q = type_of(a), type_of(b)
    if not isinstance(p, t.DecimalType) or not isinstance(q, t.DecimalType):
        raise TypeError(p, q)
    scale = p.scale + q.scale
    if scale > MAX_DIGITS:
        raise Refused(
            "E506",
            f"`*`: the product has {scale} fraction digits, more than {MAX_DIGITS}",
            at,
            "CAST one side to a smaller scale",
        )
    _exact_everywhere(p.precision + q.precision + 1, scale, "`*`", at)
    return Call("mul", (a, b), t.DecimalType(min(p.precision + q.precision, MAX_DIGITS), scale))


def number_call(checker: Checker, function: str, node: Node, what: str) -> Expression:
    """Type a function of one number."""
    arg = checker.value(node.args[0])
    type_, at = type_of(arg), checker.syntax.at(node)
    if isinstance(type_, t.FloatType):
        arg, type_ = coerce(arg, DOUBLE, what, at), DOUBLE
    if not (is_exact(type_) or is_float(type_)):
        raise Refused("E506", f"`{what}`: expected a number, got {spelled(type_)}", at)
    if function in {"neg", "abs"}:
        return Call(function, (arg,), type_)
    if function == "sign":
        return Call(function, (arg,), INT)
    if is_whole(type_):
        raise Refused("E506", f"`{what}`: {spelled(type_)} is whole already", at, "take the call out")
    if isinstance(type_, t.DecimalType):
        type_ = t.DecimalType(min(type_.precision - type_.scale + 1, MAX_DIGITS), 0)
    return Call(function, (arg,), type_)


def add_interval(arg: Expression, span: Interval, at: int) -> Expression:
    """Type `x + INTERVAL`."""
    type_ = type_of(arg)
    if isinstance(type_, t.DateType):
        if span.micros % MICROS["day"]:
            raise Refused("E506", "a date is moved by whole days", at, "CAST it to timestamp first")
    elif not isinstance(type_, t.TimestampType | t.TimestamptzType):
        raise Refused(
            "E506",
            f"an interval is added to a date or timestamp, not to {spelled(type_)}",
            at,
            "add a number, or CAST to date or timestamp first",
        )
    if span.micros % MICROS["millisecond"]:
        raise Refused(
            "E515",
            "an interval of part of a millisecond: engines count in different units",
            at,
            "write whole milliseconds",
        )
    return Call("add_interval", (arg, span), type_)


def call(checker: Checker, node: Node, function: str) -> Expression:
    """Type a function call."""
    at, name = checker.syntax.at(node), node.name.upper()
    fewest, most = _ARGUMENTS.get(function, (1, 1))
    if function == "round" and len(node.args) > 1:
        raise Refused(
            "E515",
            "ROUND takes no digits: engines round differently",
            at,
            "write `CAST(x AS decimal(p,s))`, of a decimal",
        )
    if not fewest <= len(node.args) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or more"
        raise Refused(
            "E507",
            f"{name} takes {wanted} argument{'s' * (wanted != '1')}, got {len(node.args)}",
            at,
            f"write `{BY_NAME[function].form}`",
        )
    match function:
        case "coalesce" | "greatest" | "least" | "nullif":
            return _same(checker, node, function, name)
        case "mod":
            return arithmetic(checker, "mod", node.args, "%", at)
        case "abs" | "sign" | "floor" | "ceil" | "round":
            return number_call(checker, function, node, name)
        case "extract" | "date_trunc" | "timestampdiff":
            return _time(checker, node, function)
        case "cardinality" | "array_contains":
            return _collection(checker, node, function)
        case _:
            return _text(checker, node, function, name)


def _same(checker: Checker, node: Node, function: str, name: str) -> Expression:
    at = checker.syntax.at(node)
    args = unify([checker.part(a) for a in node.args], name, at)
    type_ = type_of(args[0])
    if function in {"greatest", "least"} and not is_ordered(type_):
        raise unordered(type_, name, at)
    if function == "nullif" and not is_plain(type_):
        raise Refused("E506", f"{name}: {spelled(type_)} cannot be compared", at)
    return Call(function, args, type_)


def joined(args: tuple[Expression, ...]) -> Expression:
    """Return texts one after the other as one flat call, however they were grouped: one meaning, one canonical text."""
    flat = [p for a in args for p in (a.args if isinstance(a, Call) and a.function == "concat" else (a,))]
    return flat[0] if len(flat) == 1 else Call("concat", tuple(flat), STRING)


def _text(checker: Checker, node: Node, function: str, name: str) -> Expression:
    syntax = checker.syntax
    match function:
        case "substring" | "left" | "right":
            first = checker.of(node.args[0], STRING, name)
            return Call(
                function,
                (
                    first,
                    *(
                        _count(checker, n, name, low=int(function == "substring" and i == 0))
                        for i, n in enumerate(node.args[1:])
                    ),
                ),
                STRING,
            )
        case "regexp_like":
            pattern = _literal(checker, node.args[1], name)
            return Call(
                function,
                (checker.of(node.args[0], STRING, name), Literal(STRING, portable(pattern, syntax.at(node.args[1])))),
                BOOLEAN,
            )
        case "replace":
            if not _literal(checker, node.args[1], name):
                raise Refused(
                    "E511", "REPLACE of empty text", syntax.at(node.args[1]), "write the text that is replaced"
                )
    args = tuple(checker.of(a, STRING, name) for a in node.args)
    results: dict[str, Type] = {"length": INT, "position": INT, "starts_with": BOOLEAN, "ends_with": BOOLEAN}
    result = results.get(function, STRING)
    return joined(args) if function == "concat" else Call(function, args, result)


def _literal(checker: Checker, node: Node, name: str) -> str:
    if node.op != "string" or node.extra is not None:
        raise Refused("E511", f"{name} takes this argument in quotes", checker.syntax.at(node), "write it as text: 'a'")
    return node.name


def _count(checker: Checker, node: Node, name: str, *, low: int) -> Literal:
    literal = checker.value(node)
    if isinstance(literal, Literal) and literal.type == INT and isinstance(literal.value, int) and low <= literal.value:
        return literal
    raise Refused("E511", f"{name} takes a constant here, from {low}", checker.syntax.at(node), "write the number")


def _time(checker: Checker, node: Node, function: str) -> Expression:
    syntax, written = checker.syntax, node.args[0]
    unit = written.name.lower()
    units = {"extract": EXTRACT_UNITS, "date_trunc": TRUNC_UNITS}.get(function, tuple(MICROS))
    if written.op != ("string" if function == "date_trunc" else "column") or unit not in units:
        near = did_you_mean(unit, units) if unit else None
        hint = (
            "Sunday is 0 or 1: write ISODOW"
            if unit in {"dow", "dayofweek"}
            else f"did you mean `{near}`?"
            if near
            else f"known: {', '.join(units)}"
        )
        raise Refused("E511", f"{function.upper()}: `{written.name}` is no unit", syntax.at(written), hint)
    at = syntax.at(node)
    args = unify([checker.part(a) for a in node.args[1:]], function.upper(), at)
    type_ = type_of(args[0])
    if not isinstance(type_, t.DateType | t.TimestampType | t.TimestamptzType) and not (
        function == "extract" and isinstance(type_, t.TimeType)
    ):
        raise Refused("E506", f"{function.upper()}: expected a date or timestamp, got {spelled(type_)}", at)
    days = {"second", "minute", "hour", "millisecond", "microsecond"}
    if (isinstance(type_, t.DateType) and unit in days) or (isinstance(type_, t.TimeType) and unit not in days):
        raise Refused(
            "E511",
            f"{function.upper()}: {spelled(type_)} has no {unit}",
            syntax.at(written),
            "CAST to timestamp first, or take another unit",
        )
    results: dict[str, Type] = {"extract": INT, "timestampdiff": LONG}
    result = results.get(function, type_)
    return Call(function, (Literal(STRING, unit), *args), result)


def _collection(checker: Checker, node: Node, function: str) -> Expression:
    at, name = checker.syntax.at(node), node.name.upper()
    first = checker.value(node.args[0])
    type_ = type_of(first)
    if function == "cardinality":
        if not isinstance(type_, t.ListType | t.MapType):
            raise Refused("E506", f"{name}: expected a list or map, got {spelled(type_)}", at)
        return Call(function, (first,), INT)
    if not isinstance(type_, t.ListType):
        raise Refused("E506", f"{name}: expected a list, got {spelled(type_)}", at)
    element = type_.element
    if not isinstance(element, t.IntType | t.LongType | t.StringType | t.BooleanType | t.DateType | t.UuidType):
        raise Refused("E506", f"{name}: not for elements of {spelled(element)}", at)
    return Call(function, (first, checker.of(node.args[1], element, name)), BOOLEAN)


def like_pattern(pattern: str, escape: str | None, at: int) -> None:
    """Refuse a pattern whose escapes engines read differently."""
    if escape is None:
        if "\\" in pattern:
            raise Refused("E511", "LIKE: a backslash without ESCAPE", at, "say what it is: `LIKE 'a!%' ESCAPE '!'`")
        return
    if len(escape) != 1 or escape in "%_" or not escape.isascii():
        raise Refused("E511", "ESCAPE takes one ASCII character, not % or _", at, "write `ESCAPE '!'`")
    if re.sub(re.escape(escape) + "[%_" + re.escape(escape) + "]", "", pattern).count(escape):
        raise Refused(
            "E511",
            f"LIKE: `{escape}` stands before something else than `%`, `_` or itself",
            at,
            "write it twice to mean itself",
        )

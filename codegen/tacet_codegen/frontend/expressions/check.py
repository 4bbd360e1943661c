"""A tree as written -> a typed expression, or the one mistake that stops it. Functions are in `calls.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacet_codegen.frontend.expressions import calls
from tacet_codegen.frontend.expressions.coerce import Loose, choice, coerce, no_cast, type_of, unify, untyped
from tacet_codegen.frontend.expressions.literals import BOOLEAN, STRING, in_range, interval, moment, negated, number
from tacet_codegen.frontend.expressions.problems import Refused, did_you_mean
from tacet_codegen.frontend.paths import parse_path
from tacet_codegen.frontend.types import ELSEWHERE, PRIMITIVES
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import castable, is_ordered, is_plain, spelled
from tacet_runtime.plan.expressions import Call, Cast, Column, Expression, Interval, Literal
from tacet_runtime.plan.functions import WRITTEN_AS_CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_codegen.frontend.expressions.coerce import Operand
    from tacet_codegen.frontend.expressions.rewrite import Node
    from tacet_codegen.frontend.expressions.syntax import Syntax
    from tacet_runtime.plan.types import Type

MAX_NODES = 10_000
_SPELLED = {
    "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "same": "IS NOT DISTINCT FROM", "differs": "IS DISTINCT FROM",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "in": "IN", "between": "BETWEEN", "and": "AND", "or": "OR", "not": "NOT",
    "concat": "||", "like": "LIKE", "is_true": "IS TRUE", "is_false": "IS FALSE", "is_null": "IS NULL", "neg": "-",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name: columns with their types (`quantity`, `market.currency`), and paths (`select` only)."""

    columns: Mapping[str, Type]
    paths: bool = False
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Names that only another version has -> the way out."""


def check(syntax: Syntax, scope: Scope, expected: Type | None) -> Expression:
    """Type the whole expression. Raises Refused."""
    checker = Checker(syntax, scope)
    result = checker.operand(syntax.root)
    at = syntax.at(syntax.root)
    if isinstance(result, Interval):
        raise Refused("E506", "an interval is no value", at, "add it to a date or timestamp")
    if expected is None:
        if isinstance(result, Loose):
            raise untyped(result)
        return result
    try:
        return coerce(result, expected, "the expression", at)
    except Refused as refused:
        hint = "write a comparison, as in `x = 1`" if expected == BOOLEAN else refused.hint
        raise Refused("E509", refused.message, at, hint) from None


class Checker:
    """Types one expression; `operand` is the recursion that `calls.py` comes back to."""

    def __init__(self, syntax: Syntax, scope: Scope) -> None:
        self.syntax = syntax
        self.scope = scope
        self.nodes = 0

    def operand(self, node: Node) -> Operand:
        """Type a node; NULL and paths stay loose."""
        self.nodes += 1
        at = self.syntax.at(node)
        if self.nodes > MAX_NODES:
            raise Refused(
                "E512",
                f"an expression of more than {MAX_NODES:,} parts",
                at,
                "split it into fields or rules of their own",
            )
        match node.op:
            case "column":
                return self._column(node)
            case "path":
                return self._path(node)
            case "number":
                return in_range(number(node.name, at), at)
            case "string":
                return self._string(node)
            case "constant":
                return Loose(None, at) if node.name == "NULL" else Literal(BOOLEAN, node.name == "TRUE")
            case "date" | "time" | "timestamp" | "timestamptz":
                return moment(node.op, node.name, at)
            case "interval":
                return interval(node.name, node.extra or "", at)
            case "type":
                raise Refused("E501", "a type stands where a value is expected", at)
            case "call":
                return self._call(node)
            case "case":
                return self._case(node)
            case _:
                return self._operator(node)

    def value(self, node: Node) -> Expression:
        """Type a node that must have a type of its own."""
        result = self.operand(node)
        if isinstance(result, Loose):
            raise untyped(result)
        if isinstance(result, Interval):
            raise Refused(
                "E506",
                "an interval is no value",
                self.syntax.at(node),
                "add it to a date or timestamp: `x + INTERVAL '1' DAY`",
            )
        return result

    def part(self, node: Node) -> Operand:
        """Type a node that may stay loose, but is no interval."""
        if node.op in {"path", "constant"}:
            return self.operand(node)
        return self.value(node)

    def of(self, node: Node, target: Type, what: str) -> Expression:
        """Type a node that must be of one type."""
        return coerce(self.part(node), target, what, self.syntax.at(node))

    def _column(self, node: Node) -> Column:
        name = node.name
        if name in self.scope.columns:
            return Column(name, self.scope.columns[name])
        near = did_you_mean(name, self.scope.columns)
        hint = (
            f"did you mean `{near}`?" if near else f"known: {', '.join(sorted(self.scope.columns)[:12]) or 'none here'}"
        )
        if self.scope.paths and not near:
            hint = f"write a path: `$.{name}`"
        hint = self.scope.elsewhere.get(name, hint)
        raise Refused("E505", f"`{name}` is not known here", self.syntax.at(node), hint)

    def _path(self, node: Node) -> Loose:
        at = self.syntax.at(node)
        path, wrong = parse_path(node.name)
        if path is None:
            raise Refused("E513", f"`{node.name}` is no path", at + wrong, 'write `$.a.b`, or `$."a b"` for other keys')
        if not self.scope.paths:
            raise Refused(
                "E513",
                f"the path `{node.name}` can be used in `select` only",
                at,
                "make it a field, and name the field",
            )
        if path.root != "$":
            raise Refused("E513", f"`{path.root}` is not known before `explode`", at, "start at the message: `$.`")
        return Loose(path, at)

    def _string(self, node: Node) -> Literal:
        if node.extra is not None:
            raise Refused("E511", "ESCAPE belongs to LIKE", self.syntax.at(node), "take it out")
        return Literal(STRING, node.name)

    def _call(self, node: Node) -> Expression:
        upper = node.name.upper()
        if upper == "CAST":
            return self._cast(node)
        if upper in WRITTEN_AS_CALLS or upper in {"EXTRACT", "TIMESTAMPDIFF"}:
            return calls.call(self, node, WRITTEN_AS_CALLS.get(upper, upper.lower()))
        raise calls.unknown(node.name, self.syntax.at(node))

    def _cast(self, node: Node) -> Expression:
        at = self.syntax.at(node)
        if len(node.args) != 2 or node.args[1].op != "type":
            raise Refused("E501", "CAST takes a value and a type", at, "write `CAST(x AS long)`")
        target = self._type(node.args[1])
        operand = self.operand(node.args[0])
        if isinstance(operand, Loose):
            return coerce(operand, self._path_cast(operand, target), "CAST", at)
        if isinstance(operand, Interval):
            raise Refused("E506", "an interval is no value", at, "add it to a date or timestamp")
        source = type_of(operand)
        if source == target:
            return operand
        if castable(source, target) == "never":
            message = f"{spelled(source)} is not cast to {spelled(target)}"
            raise Refused("E510", message, at, no_cast(source, target))
        return Cast(operand, target)

    def _path_cast(self, operand: Loose, target: Type) -> Type:
        if operand.path and not isinstance(target, t.BooleanType | t.StringType | t.LongType | t.DoubleType):
            raise Refused(
                "E513",
                f"a path cannot be read as {spelled(target)}",
                operand.at,
                "read it as string, long, double or boolean",
            )
        return target

    def _type(self, node: Node) -> Type:
        name = node.name.lower()
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        decimal = calls.decimal_type(name)
        if decimal:
            return decimal
        if name.startswith("decimal"):
            hint = "write `decimal(p,s)`: p is 1 to 38, s is 0 to p"
            raise Refused("E510", f"`{node.name}` is no type that CAST knows", self.syntax.at(node), hint)
        near = ELSEWHERE.get(name.split("(")[0].upper()) or did_you_mean(name, PRIMITIVES)
        known = ", ".join(PRIMITIVES)
        hint = f"did you mean `{near}`?" if near else f"known: {known}, decimal(p,s)"
        raise Refused("E510", f"`{node.name}` is no type that CAST knows", self.syntax.at(node), hint)

    def _case(self, node: Node) -> Expression:
        subject, *rest = node.args
        pairs = [(rest[i], rest[i + 1]) for i in range(0, len(rest) - 1, 2)]
        whens = [(self._condition(subject, c), self.part(r)) for c, r in pairs]
        otherwise = self.part(rest[-1]) if len(rest) % 2 else None
        return choice(whens, otherwise, self.syntax.at(node))

    def _condition(self, subject: Node, node: Node) -> Expression:
        if subject.op == "none":
            return self.of(node, BOOLEAN, "WHEN")
        return self._compared("eq", (subject, node), self.syntax.at(node))

    def _operator(self, node: Node) -> Expression:
        what, at = _SPELLED[node.op], self.syntax.operator(node)
        match node.op:
            case "and" | "or" | "not" | "is_true" | "is_false":
                return Call(node.op, tuple(self.of(a, BOOLEAN, what) for a in node.args), BOOLEAN)
            case "is_null":
                return Call("is_null", (self.value(node.args[0]),), BOOLEAN)
            case "neg":
                return self._negation(node)
            case "like":
                return self._like(node)
            case "add" | "sub" if any(a.op == "interval" for a in node.args):
                return self._shifted(node, at)
            case "add" | "sub" | "mul" | "div" | "mod":
                return calls.arithmetic(self, node.op, node.args, what, at)
            case "concat":
                return calls.joined(tuple(self.of(a, STRING, what) for a in node.args))
            case _:
                return self._compared(node.op, node.args, at)

    def _compared(self, op: str, nodes: tuple[Node, ...], at: int) -> Expression:
        what = f"`{_SPELLED[op]}`"
        args = unify([self.part(n) for n in nodes], what, at)
        type_ = type_of(args[0])
        if op in {"lt", "le", "gt", "ge", "between"} and not is_ordered(type_):
            raise calls.unordered(type_, what, at)
        if not is_plain(type_):
            raise Refused(
                "E506", f"{what}: {spelled(type_)} cannot be compared", at, "compare its parts as fields of their own"
            )
        return Call(op, args, BOOLEAN)

    def _negation(self, node: Node) -> Expression:
        (child,) = node.args
        inner = number(child.name, self.syntax.at(child)) if child.op == "number" else self.operand(child)
        at = self.syntax.at(node)
        if isinstance(inner, Literal):
            constant = negated(inner, at)
            if constant is not None:
                return in_range(constant, at)
        return calls.number_call(self, "neg", node, "-")

    def _like(self, node: Node) -> Expression:
        pattern = node.args[1]
        if pattern.op != "string":
            raise Refused(
                "E511",
                "LIKE takes a pattern in quotes",
                self.syntax.at(pattern),
                "write the pattern as text: `x LIKE 'a%'`",
            )
        calls.like_pattern(pattern.name, pattern.extra, self.syntax.at(pattern))
        args = (self.of(node.args[0], STRING, "LIKE"), Literal(STRING, pattern.name))
        return Call("like", args if pattern.extra is None else (*args, Literal(STRING, pattern.extra)), BOOLEAN)

    def _shifted(self, node: Node, at: int) -> Expression:
        left, right = node.args
        if right.op != "interval":
            raise Refused(
                "E506",
                "an interval stands on the right of what it moves",
                self.syntax.at(left),
                "write `x + INTERVAL '1' DAY`",
            )
        span = interval(right.name, right.extra or "", self.syntax.at(right))
        if node.op == "sub":
            span = Interval(-span.months, -span.micros)
        return calls.add_interval(self.value(left), span, at)

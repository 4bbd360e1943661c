"""Tokens -> a tree of operators, through sqlglot, which is shown placeholders for everything but operators.

sqlglot says what binds to what; which operators there are, and what they are called, is said here. `rewrite.py` writes
what it is shown. A node knows its
first and last token, so that every mistake has its exact place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from tacet_codegen.frontend.expressions.problems import Refused
from tacet_codegen.frontend.expressions.rewrite import MAX_DEPTH, Node, Rewriter, too_deep

if TYPE_CHECKING:
    from tacet_codegen.frontend.expressions.scan import Token


@dataclass(frozen=True, slots=True)
class Syntax:
    """An expression as written."""

    root: Node
    tokens: tuple[Token, ...]

    def at(self, node: Node) -> int:
        """Return the offset where a node starts in the text."""
        return self.tokens[node.first].at

    def operator(self, node: Node) -> int:
        """Return the offset of a binary node's operator."""
        if len(node.args) < 2 or node.op in {"call", "case", "cast"}:
            return self.at(node)
        after = node.args[0].last + 1
        while after < node.last and self.tokens[after].text == ")":
            after += 1
        return self.tokens[after].at


def read(tokens: tuple[Token, ...]) -> Syntax:
    """Return the tree. Raises Refused."""
    leaves, pieces = Rewriter(tokens).run()
    sql = " ".join(text for text, _ in pieces)
    try:
        parsed = sqlglot.parse_one(sql)
    except ParseError as error:
        raise _syntax_error(error, pieces, tokens) from None
    except RecursionError:
        raise too_deep(tokens[0].at) from None
    return Syntax(_Converter(tokens, leaves).node(parsed, 0), tokens)


def _syntax_error(error: ParseError, pieces: list[tuple[str, int]], tokens: tuple[Token, ...]) -> Refused:
    end = int(error.errors[0].get("col") or 0) if error.errors else 0
    offset = 0
    index = len(tokens) - 1
    for text, token in pieces:
        offset += len(text) + 1
        if offset > end:
            index = token
            break
    near = tokens[index]
    return Refused(
        "E501",
        f"the expression cannot be read near `{near.text}`",
        near.at,
        "is an operand, a comma or a parenthesis missing?",
    )


_BINARY: dict[type[exp.Expr], str] = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.LT: "lt",
    exp.LTE: "le",
    exp.GT: "gt",
    exp.GTE: "ge",
    exp.NullSafeEQ: "same",
    exp.NullSafeNEQ: "differs",
    exp.Add: "add",
    exp.Sub: "sub",
    exp.Mul: "mul",
    exp.Div: "div",
    exp.Mod: "mod",
    exp.Like: "like",
}
_CHAINS: dict[type[exp.Expr], str] = {exp.And: "and", exp.Or: "or", exp.DPipe: "concat"}


class _Converter:
    """sqlglot's tree -> ours; what is not named here is refused."""

    def __init__(self, tokens: tuple[Token, ...], leaves: dict[int, Node]) -> None:
        self.tokens = tokens
        self.leaves = leaves
        self.named = {f"t{i}" for i in leaves}

    def node(self, e: exp.Expr | None, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise too_deep(self.tokens[0].at)
        while isinstance(e, exp.Paren):
            e = e.this
        if e is None:
            raise self.refused(e)
        if type(e) in _CHAINS:
            return self.chain(e, depth)
        if type(e) in _BINARY:
            node = self.over(_BINARY[type(e)], e.this, e.expression, depth=depth)
            return Node("not", node.first, node.last, (node,)) if e.args.get("negate") else node
        match e:
            case exp.Column() if e.name in self.named:
                return self.leaves[int(e.name[1:])]
            case exp.Not():
                return self.prefix("not", e.this, depth)
            case exp.Neg():
                return self.prefix("neg", e.this, depth)
            case exp.Is():
                return self.test(e, depth)
            case exp.In() if e.expressions:
                return self.over("in", e.this, *e.expressions, depth=depth)
            case exp.Between() if not e.args.get("symmetric"):
                return self.over("between", e.this, e.args["low"], e.args["high"], depth=depth)
            case exp.Case():
                return self.case(e, depth)
            case exp.Anonymous() if isinstance(e.this, str) and e.this[:1] == "f" and e.this[1:].isdigit():
                first = int(e.this[1:])
                node = self.over("call", *e.expressions, depth=depth, first=first)
                return Node("call", first, max(node.last, first), node.args, name=self.tokens[first].text)
            case _:
                raise self.refused(e)

    def over(self, op: str, *args: exp.Expr, depth: int, first: int | None = None) -> Node:
        nodes = tuple(self.node(a, depth + 1) for a in args)
        start = min((n.first for n in nodes), default=first or 0)
        last = max((n.last for n in nodes), default=first or 0)
        return Node(op, start if first is None else first, last, nodes)

    def prefix(self, op: str, e: exp.Expr, depth: int) -> Node:
        node = self.over(op, e, depth=depth)
        before = node.first - 1
        while before > 0 and self.tokens[before].text == "(":
            before -= 1
        starts = self.tokens[max(before, 0)].text.upper() in {"NOT", "-"}
        return Node(op, max(before, 0) if starts else node.first, node.last, node.args)

    def chain(self, e: exp.Expr, depth: int) -> Node:
        """Flatten `a AND b AND c`, which sqlglot nests to the left, without recursion."""
        kind = type(e)
        args: list[exp.Expr] = []
        pending = [e]
        while pending:
            top = pending.pop()
            while isinstance(top, exp.Paren):
                top = top.this
            if type(top) is kind:
                pending += [top.expression, top.this]
            else:
                args.append(top)
        return self.over(_CHAINS[kind], *args, depth=depth)

    def test(self, e: exp.Is, depth: int) -> Node:
        match e.expression:
            case exp.Null():
                return self.over("is_null", e.this, depth=depth)
            case exp.Boolean() as b:
                return self.over("is_true" if b.this else "is_false", e.this, depth=depth)
            case _:
                raise self.refused(e)

    def case(self, e: exp.Case, depth: int) -> Node:
        """Arguments: the operand or a `none` leaf, condition and result of each branch, ELSE if there is one."""
        parts: list[Node] = [self.node(e.this, depth + 1) if e.this else Node("none", 0, 0)]
        for branch in e.args["ifs"]:
            parts += [self.node(branch.this, depth + 1), self.node(branch.args["true"], depth + 1)]
        if e.args.get("default"):
            parts.append(self.node(e.args["default"], depth + 1))
        known = [p for p in parts if p.op != "none"]
        first = min(p.first for p in known)
        while first > 0 and self.tokens[first].text.upper() != "CASE":
            first -= 1
        return Node("case", first, max(p.last for p in known), tuple(parts))

    def refused(self, e: exp.Expr | None) -> Refused:
        inside = [int(c.name[1:]) for c in e.find_all(exp.Column) if c.name in self.named] if e else []
        at = self.tokens[min(inside)].at if inside else self.tokens[0].at
        match e:
            case exp.In():
                return Refused("E501", "IN without a list", at, "write `x IN ('a', 'b')`")
            case exp.Tuple():
                return Refused("E503", "a row of values is not in the language", at, "compare each value, with AND")
            case exp.Is():
                return Refused(
                    "E503", "IS takes NULL, TRUE, FALSE or DISTINCT FROM", at, "write `=` or `IS NOT DISTINCT FROM`"
                )
            case _:
                return Refused(
                    "E503", "a construct outside the expression language", at, "see docs/expressions.md for the list"
                )

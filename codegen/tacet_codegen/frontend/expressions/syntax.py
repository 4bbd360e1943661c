"""Tokens -> a tree of operators, through sqlglot, which is shown placeholders for everything but operators.

sqlglot says what binds to what; which operators there are, and what they are called, is said here. A node knows its
first and last token, so that every mistake has its exact place.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from tacet_codegen.frontend.expressions.problems import Refused
from tacet_codegen.frontend.expressions.scan import MAX_NESTING, Token

MAX_DEPTH = 64
_SEPARATORS = {"CAST": "AS", "EXTRACT": "FROM", "POSITION": "IN"}
"""Functions whose arguments SQL separates with a word."""
_TYPED = {"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL"}
_UNITS = {u + s for u in ("YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "QUARTER") for s in ("", "S")}
_REFUSED_WORDS = {
    "SELECT": ("a sub-query", "join reference data with `lookups`"),
    "WITH": ("a sub-query", "join reference data with `lookups`"),
    "EXISTS": ("a sub-query", "join reference data with `lookups`, and test `IS NULL`"),
    "OVER": ("a window function", "an expression sees one row"),
    "FILTER": ("an aggregate", "an expression sees one row"),
    "ILIKE": ("the operator ILIKE", "write `LOWER(x) LIKE 'pattern'`"),
    "SIMILAR": ("the operator SIMILAR TO", "write `REGEXP_LIKE(x, 'pattern')`"),
    "RLIKE": ("the operator RLIKE", "write `REGEXP_LIKE(x, 'pattern')`"),
    "REGEXP": ("the operator REGEXP", "write `REGEXP_LIKE(x, 'pattern')`"),
    "GLOB": ("the operator GLOB", "write `LIKE`"),
    "DIV": ("the operator DIV", "write `/`: it truncates on integers"),
    "XOR": ("the operator XOR", "write `<>` between two conditions"),
    "COLLATE": ("a collation", "text is compared by its code points"),
    "AT": ("AT TIME ZONE", "all time is UTC"),
    "ANY": ("a quantified comparison", "write `IN`"),
    "SOME": ("a quantified comparison", "write `IN`"),
    "ALL": ("a quantified comparison", "write `AND`"),
    "LAMBDA": ("a lambda", "an expression has no variables of its own"),
    "SYMMETRIC": ("BETWEEN SYMMETRIC", "write the lower limit first"),
    "UNKNOWN": ("IS UNKNOWN", "write `IS NULL`"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """An operator (`and`, `eq`, `call`, ...) over its arguments, or a leaf (`column`, `string`, ...) with its token.

    `name` is the function's, the type's or the column's name as written; `extra` a leaf's second part (an interval's
    unit, LIKE's escape character).
    """

    op: str
    first: int
    last: int
    args: tuple[Node, ...] = ()
    name: str = ""
    extra: str | None = None


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
        if len(node.args) < 2 or node.op in {"call", "case", "cast"}:  # noqa: PLR2004
            return self.at(node)
        after = node.args[0].last + 1
        while after < node.last and self.tokens[after].text == ")":
            after += 1
        return self.tokens[after].at


def read(tokens: tuple[Token, ...]) -> Syntax:
    """Return the tree. Raises Refused."""
    leaves, pieces = _Rewriter(tokens).run()
    sql = " ".join(text for text, _ in pieces)
    try:
        parsed = sqlglot.parse_one(sql)
    except ParseError as error:
        raise _syntax_error(error, pieces, tokens) from None
    except RecursionError:
        raise _too_deep(tokens[0].at) from None
    return Syntax(_Converter(tokens, leaves).node(parsed, 0), tokens)


def _too_deep(at: int) -> Refused:
    return Refused(
        "E512", f"an expression nested more than {MAX_DEPTH} deep", at, "split it into fields or rules of their own"
    )


def _syntax_error(error: ParseError, pieces: list[tuple[str, int]], tokens: tuple[Token, ...]) -> Refused:
    end = int(error.errors[0].get("col") or 0) if error.errors else 0
    offset = 0
    index = len(tokens) - 1
    for text, token in pieces:
        offset += len(text) + 1
        if offset > end:
            index = token
            break
    token = tokens[index]
    return Refused(
        "E501",
        f"the expression cannot be read near `{token.text}`",
        token.at,
        "is an operand, a comma or a parenthesis missing?",
    )


@dataclass(slots=True)
class _Frame:
    """An open parenthesis or CASE; `separator` is the word that this call takes for a comma."""

    at: int
    text: str
    separator: str | None = None


class _Rewriter:
    """Writes the text that sqlglot reads: operators as they are, `t<i>` for a leaf, `f<i>(` for a call."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.leaves: dict[int, Node] = {}
        self.pieces: list[tuple[str, int]] = []
        self.frames: list[_Frame] = []
        self.prefixes = 0

    def run(self) -> tuple[dict[int, Node], list[tuple[str, int]]]:
        i = 0
        while i < len(self.tokens):
            i = self.step(i)
        if self.frames:
            frame = self.frames[-1]
            raise Refused(
                "E501",
                f"`{frame.text}` is not closed",
                frame.at,
                "write `END`" if frame.text == "CASE" else "write `)`",
            )
        return self.leaves, self.pieces

    def text(self, i: int) -> str:
        return self.tokens[i].text.upper() if 0 <= i < len(self.tokens) else ""

    def kind(self, i: int) -> str:
        return self.tokens[i].kind if 0 <= i < len(self.tokens) else ""

    def emit(self, text: str, i: int) -> int:
        self.pieces.append((text, i))
        return i + 1

    def leaf(self, node: Node) -> int:
        if self.pieces and self.pieces[-1][0][0] == "t" and self.pieces[-1][0][1:].isdigit():
            token = self.tokens[node.first]
            raise Refused(
                "E501",
                f"`{token.text}` follows a value with no operator between them",
                token.at,
                "write an operator before it",
            )
        self.leaves[node.first] = node
        self.emit(f"t{node.first}", node.first)
        return node.last + 1

    def step(self, i: int) -> int:
        token = self.tokens[i]
        prefix = token.text == "-" or self.text(i) == "NOT"
        self.prefixes = self.prefixes + 1 if prefix else 0
        if self.prefixes > MAX_DEPTH:
            raise _too_deep(token.at)
        match token.kind:
            case "number":
                return self.leaf(Node("number", i, i, name=token.text))
            case "string":
                return self.string(i)
            case "path":
                return self.leaf(Node("path", i, i, name=token.text))
            case "operator":
                return self.operator(i)
            case "word":
                return self.word(i)
            case _:
                return self.name(i)

    def string(self, i: int) -> int:
        if self.text(i + 1) == "ESCAPE" and self.kind(i + 2) == "string":
            return self.leaf(Node("string", i, i + 2, name=self.tokens[i].value, extra=self.tokens[i + 2].value))
        return self.leaf(Node("string", i, i, name=self.tokens[i].value))

    def operator(self, i: int) -> int:
        token = self.tokens[i]
        if token.text == "(":
            self.push(_Frame(token.at, "("))
        elif token.text == ")":
            if not self.frames or self.frames[-1].text != "(":
                raise Refused("E501", "`)` closes nothing", token.at, "take it out, or write the `(`")
            self.frames.pop()
        return self.emit(token.text, i)

    def push(self, frame: _Frame) -> None:
        self.frames.append(frame)
        if len(self.frames) > MAX_NESTING:
            raise _too_deep(frame.at)

    def word(self, i: int) -> int:
        word = self.text(i)
        if self.frames and word == self.frames[-1].separator:
            return self.separator(i, word)
        match word:
            case "NULL" | "TRUE" | "FALSE" if (
                self.text(i - 1) != "IS" and self.text(i - 2) + self.text(i - 1) != "ISNOT"
            ):
                return self.leaf(Node("constant", i, i, name=word))
            case "CASE":
                self.push(_Frame(self.tokens[i].at, "CASE"))
            case "END":
                if not self.frames or self.frames[-1].text != "CASE":
                    raise Refused("E501", "`END` closes no CASE", self.tokens[i].at, "take it out")
                self.frames.pop()
            case "AS":
                raise Refused(
                    "E502",
                    "a name with AS is not in the language",
                    self.tokens[i].at,
                    "the field is named by the contract",
                )
            case "ESCAPE":
                raise Refused(
                    "E511", "ESCAPE takes two pieces of text", self.tokens[i].at, "write `LIKE 'pattern' ESCAPE '!'`"
                )
            case _:
                pass
        return self.emit(word, i)

    def separator(self, i: int, word: str) -> int:
        self.frames[-1].separator = None
        i = self.emit(",", i)
        if word != "AS":
            return i
        last = i
        depth = 0
        while last < len(self.tokens) and (depth or self.tokens[last].text != ")"):
            depth += {"(": 1, ")": -1}.get(self.tokens[last].text, 0)
            last += 1
        if last == i or last == len(self.tokens):
            raise Refused("E501", "CAST without a type", self.tokens[i - 1].at, "write `CAST(x AS long)`")
        name = "".join(t.text for t in self.tokens[i:last])
        return self.leaf(Node("type", i, last - 1, name=name))

    def name(self, i: int) -> int:
        token, upper = self.tokens[i], self.text(i)
        if upper in _TYPED and self.kind(i + 1) == "string":
            return self.typed(i, upper)
        if upper == "INTERVAL" and self.kind(i + 1) == "number":
            raise Refused(
                "E508",
                "an interval's number stands in quotes",
                self.tokens[i + 1].at,
                f"write `INTERVAL '{self.tokens[i + 1].text}' DAY`",
            )
        after_value = bool(self.pieces) and (self.pieces[-1][0] == ")" or self.pieces[-1][0][0] == "t")
        if self.text(i + 1) == "(" and "." not in token.text:
            if upper in {"SELECT", "EXISTS", "ANY", "SOME", "ALL"} or (after_value and upper in _REFUSED_WORDS):
                raise self.refused(i)
            frame = _Frame(self.tokens[i + 1].at, "(", _SEPARATORS.get(upper))
            self.emit(f"f{i}", i)
            self.push(frame)
            self.emit("(", i + 1)
            return i + 2
        operand = not after_value and upper not in {"SELECT", "WITH", "UNKNOWN", "SYMMETRIC"}
        if upper in _REFUSED_WORDS and not operand:
            raise self.refused(i)
        return self.leaf(Node("column", i, i, name=token.text))

    def refused(self, i: int) -> Refused:
        what, hint = _REFUSED_WORDS[self.text(i)]
        return Refused("E503", f"{what} is not in the language", self.tokens[i].at, hint)

    def typed(self, i: int, kind: str) -> int:
        value = self.tokens[i + 1].value
        if kind != "INTERVAL":
            return self.leaf(Node(kind.lower(), i, i + 1, name=value))
        unit = self.text(i + 2)
        if unit not in _UNITS:
            at = self.tokens[min(i + 2, len(self.tokens) - 1)].at
            raise Refused(
                "E508",
                "an interval without a unit",
                at,
                "write `INTERVAL '1' DAY`, with YEAR, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND",
            )
        return self.leaf(Node("interval", i, i + 2, name=value, extra=unit.removesuffix("S")))


_BINARY: dict[type[exp.Expression], str] = {
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
_CHAINS: dict[type[exp.Expression], str] = {exp.And: "and", exp.Or: "or", exp.DPipe: "concat"}


class _Converter:
    """sqlglot's tree -> ours; what is not named here is refused."""

    def __init__(self, tokens: tuple[Token, ...], leaves: dict[int, Node]) -> None:
        self.tokens = tokens
        self.leaves = leaves
        self.named = {f"t{i}" for i in leaves}

    def node(self, e: exp.Expression | None, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _too_deep(self.tokens[0].at)
        while isinstance(e, exp.Paren):
            e = e.this
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

    def over(self, op: str, *args: exp.Expression, depth: int, first: int | None = None) -> Node:
        nodes = tuple(self.node(a, depth + 1) for a in args)
        start = min((n.first for n in nodes), default=first or 0)
        last = max((n.last for n in nodes), default=first or 0)
        return Node(op, start if first is None else first, last, nodes)

    def prefix(self, op: str, e: exp.Expression, depth: int) -> Node:
        node = self.over(op, e, depth=depth)
        before = node.first - 1
        while before > 0 and self.tokens[before].text == "(":
            before -= 1
        starts = self.tokens[max(before, 0)].text.upper() in {"NOT", "-"}
        return Node(op, max(before, 0) if starts else node.first, node.last, node.args)

    def chain(self, e: exp.Expression, depth: int) -> Node:
        """Flatten `a AND b AND c`, which sqlglot nests to the left, without recursion."""
        kind, args = type(e), []
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

    def refused(self, e: exp.Expression | None) -> Refused:
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

"""Tokens -> the text that sqlglot reads: operators as they are, `t<i>` for each leaf, `f<i>(` for each call.

What stands in the place of a leaf is a Node with its tokens; words that SQL has and the language has not are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.frontend.expressions.problems import Refused
from tacet_codegen.frontend.expressions.scan import MAX_NESTING

if TYPE_CHECKING:
    from tacet_codegen.frontend.expressions.scan import Token

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


def too_deep(at: int) -> Refused:
    """Return the mistake of an expression that nobody could read."""
    return Refused(
        "E512", f"an expression nested more than {MAX_DEPTH} deep", at, "split it into fields or rules of their own"
    )


@dataclass(slots=True)
class _Frame:
    """An open parenthesis or CASE; `separator` is the word that this call takes for a comma."""

    at: int
    text: str
    separator: str | None = None


class Rewriter:
    """Writes the text that sqlglot reads: operators as they are, `t<i>` for a leaf, `f<i>(` for a call."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.leaves: dict[int, Node] = {}
        self.pieces: list[tuple[str, int]] = []
        self.frames: list[_Frame] = []
        self.prefixes = 0

    def run(self) -> tuple[dict[int, Node], list[tuple[str, int]]]:
        """Return the leaves by token, and the pieces of the text, each with its token. Raises Refused."""
        i = 0
        while i < len(self.tokens):
            i = self._step(i)
        if self.frames:
            frame = self.frames[-1]
            raise Refused(
                "E501",
                f"`{frame.text}` is not closed",
                frame.at,
                "write `END`" if frame.text == "CASE" else "write `)`",
            )
        return self.leaves, self.pieces

    def _text(self, i: int) -> str:
        return self.tokens[i].text.upper() if 0 <= i < len(self.tokens) else ""

    def _kind(self, i: int) -> str:
        return self.tokens[i].kind if 0 <= i < len(self.tokens) else ""

    def _emit(self, text: str, i: int) -> int:
        self.pieces.append((text, i))
        return i + 1

    def _leaf(self, node: Node) -> int:
        if self.pieces and self.pieces[-1][0][0] == "t" and self.pieces[-1][0][1:].isdigit():
            token = self.tokens[node.first]
            raise Refused(
                "E501",
                f"`{token.text}` follows a value with no operator between them",
                token.at,
                "write an operator before it",
            )
        self.leaves[node.first] = node
        self._emit(f"t{node.first}", node.first)
        return node.last + 1

    def _step(self, i: int) -> int:
        token = self.tokens[i]
        prefix = token.text == "-" or self._text(i) == "NOT"
        self.prefixes = self.prefixes + 1 if prefix else 0
        if self.prefixes > MAX_DEPTH:
            raise too_deep(token.at)
        match token.kind:
            case "number":
                return self._leaf(Node("number", i, i, name=token.text))
            case "string":
                return self._string(i)
            case "path":
                return self._leaf(Node("path", i, i, name=token.text))
            case "operator":
                return self._operator(i)
            case "word":
                return self._word(i)
            case _:
                return self._name(i)

    def _string(self, i: int) -> int:
        if self._text(i + 1) == "ESCAPE" and self._kind(i + 2) == "string":
            return self._leaf(Node("string", i, i + 2, name=self.tokens[i].value, extra=self.tokens[i + 2].value))
        return self._leaf(Node("string", i, i, name=self.tokens[i].value))

    def _operator(self, i: int) -> int:
        token = self.tokens[i]
        if token.text == "(":
            self._push(_Frame(token.at, "("))
        elif token.text == ")":
            if not self.frames or self.frames[-1].text != "(":
                raise Refused("E501", "`)` closes nothing", token.at, "take it out, or write the `(`")
            self.frames.pop()
        return self._emit(token.text, i)

    def _push(self, frame: _Frame) -> None:
        self.frames.append(frame)
        if len(self.frames) > MAX_NESTING:
            raise too_deep(frame.at)

    def _word(self, i: int) -> int:
        word = self._text(i)
        if self.frames and word == self.frames[-1].separator:
            return self._separator(i, word)
        match word:
            case "NULL" | "TRUE" | "FALSE" if (
                self._text(i - 1) != "IS" and self._text(i - 2) + self._text(i - 1) != "ISNOT"
            ):
                return self._leaf(Node("constant", i, i, name=word))
            case "CASE":
                self._push(_Frame(self.tokens[i].at, "CASE"))
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
        return self._emit(word, i)

    def _separator(self, i: int, word: str) -> int:
        self.frames[-1].separator = None
        i = self._emit(",", i)
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
        return self._leaf(Node("type", i, last - 1, name=name))

    def _name(self, i: int) -> int:
        token, upper = self.tokens[i], self._text(i)
        if upper in _TYPED and self._kind(i + 1) == "string":
            return self._typed(i, upper)
        if upper == "INTERVAL" and self._kind(i + 1) == "number":
            raise Refused(
                "E508",
                "an interval's number stands in quotes",
                self.tokens[i + 1].at,
                f"write `INTERVAL '{self.tokens[i + 1].text}' DAY`",
            )
        after_value = bool(self.pieces) and (self.pieces[-1][0] == ")" or self.pieces[-1][0][0] == "t")
        if self._text(i + 1) == "(" and "." not in token.text:
            if upper in {"SELECT", "EXISTS", "ANY", "SOME", "ALL"} or (after_value and upper in _REFUSED_WORDS):
                raise self._refused(i)
            frame = _Frame(self.tokens[i + 1].at, "(", _SEPARATORS.get(upper))
            self._emit(f"f{i}", i)
            self._push(frame)
            self._emit("(", i + 1)
            return i + 2
        operand = not after_value and upper not in {"SELECT", "WITH", "UNKNOWN", "SYMMETRIC"}
        if upper in _REFUSED_WORDS and not operand:
            raise self._refused(i)
        return self._leaf(Node("column", i, i, name=token.text))

    def _refused(self, i: int) -> Refused:
        what, hint = _REFUSED_WORDS[self._text(i)]
        return Refused("E503", f"{what} is not in the language", self.tokens[i].at, hint)

    def _typed(self, i: int, kind: str) -> int:
        value = self.tokens[i + 1].value
        if kind != "INTERVAL":
            return self._leaf(Node(kind.lower(), i, i + 1, name=value))
        unit = self._text(i + 2)
        if unit not in _UNITS:
            at = self.tokens[min(i + 2, len(self.tokens) - 1)].at
            raise Refused(
                "E508",
                "an interval without a unit",
                at,
                "write `INTERVAL '1' DAY`, with YEAR, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND",
            )
        return self._leaf(Node("interval", i, i + 2, name=value, extra=unit.removesuffix("S")))

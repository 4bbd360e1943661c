"""`list<struct{lat: double, lon: double}>` -> a type, with the place of what is wrong in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.frontend.reading import IDENTIFIER, cut, did_you_mean
from tacet_codegen.frontend.reserved import reserved_by
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_runtime.plan.types import Encoding, PrimitiveType, Type

PRIMITIVES: dict[str, PrimitiveType] = {
    "boolean": t.BooleanType(),
    "int": t.IntType(),
    "long": t.LongType(),
    "float": t.FloatType(),
    "double": t.DoubleType(),
    "date": t.DateType(),
    "time": t.TimeType(),
    "timestamp": t.TimestampType(),
    "timestamptz": t.TimestamptzType(),
    "string": t.StringType(),
    "uuid": t.UuidType(),
    "binary": t.BinaryType(),
}
NAMES = (*PRIMITIVES, "decimal(p,s)", "list<T>", "map<string,T>", "struct{name: T}")
MAX_NESTING = 8

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>(){},:])")

ENCODINGS: dict[type, tuple[Encoding, ...]] = {
    t.BooleanType: ("json", "string"),
    t.IntType: ("json", "string"),
    t.LongType: ("json", "string"),
    t.FloatType: ("json", "string"),
    t.DoubleType: ("json", "string"),
    t.DecimalType: ("json", "string"),
    t.DateType: ("iso8601",),
    t.TimeType: ("iso8601",),
    t.TimestampType: ("iso8601", "epoch_millis", "epoch_micros", "epoch_seconds"),
    t.TimestamptzType: ("iso8601", "epoch_millis", "epoch_micros", "epoch_seconds"),
    t.StringType: ("json", "string"),
    t.UuidType: ("json", "string"),
    t.BinaryType: ("base64",),
}
"""Which encodings each type has; the first is the default. A nested type has those of its leaves."""


ELSEWHERE = {
    "VARCHAR": "string", "TEXT": "string", "CHAR": "string", "STR": "string", "INTEGER": "int", "BIGINT": "long", "SMALLINT": "int", "TINYINT": "int",
    "REAL": "float", "NUMBER": "double", "NUMERIC": "decimal(p,s)", "BOOL": "boolean", "BLOB": "binary", "BYTES": "binary", "DATETIME": "timestamp", "ARRAY": "list<T>", "OBJECT": "struct{name: T}",
}  # fmt: skip
"""Names that SQL, Python and JSON have for our types, for a hint."""


class _Wrong(Exception):  # noqa: N818
    def __init__(self, offset: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.offset, self.message, self.hint = offset, message, hint


def parse_type(text: Scalar, problems: Problems) -> Type | None:
    """Read a type, or say what is wrong with it and where."""
    try:
        return _Parser(text.value).whole()
    except _Wrong as wrong:
        problems.add("E210", f"type `{cut(text.value)}`: {wrong.message}", text.at(wrong.offset), wrong.hint)
        return None


class _Parser:
    """Recursive descent over a handful of tokens; nesting is bounded."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Type:
        result = self._type()
        if self._text[self._at :].strip():
            raise self._wrong("text after the type", "remove it")
        return result

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match[1] if match else ""

    def _next(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self._wrong(
                "it ends too early" if not self._text[self._at :].strip() else "unexpected character",
                f"known types: {', '.join(NAMES)}",
            )
        self._at = match.end()
        return match[1]

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            got = self._peek() or "the end"
            raise self._wrong(f"expected `{token}`, got `{got}`", f"known types: {', '.join(NAMES)}")
        self._next()

    def _type(self) -> Type:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._wrong(f"nested deeper than {MAX_NESTING}", "flatten it")
        start = len(self._text) - len(self._text[self._at :].lstrip())
        name = self._next()
        result = self._named(name, start)
        self._depth -= 1
        return result

    def _named(self, name: str, start: int) -> Type:
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name == "decimal":
            return self._decimal()
        if name == "list":
            self._expect("<")
            element = self._type()
            self._expect(">")
            return t.ListType(element)
        if name == "map":
            return self._map()
        if name == "struct":
            return self._struct()
        near = ELSEWHERE.get(name.upper())
        raise _Wrong(
            start,
            f"`{cut(name)}` is not known",
            f"did you mean `{near}`?"
            if near
            else did_you_mean(
                name, [*PRIMITIVES, "decimal", "list", "map", "struct"], f"known types: {', '.join(NAMES)}"
            ),
        )

    def _decimal(self) -> Type:
        self._expect("(")
        precision = self._number()
        self._expect(",")
        scale = self._number()
        self._expect(")")
        if not 1 <= precision <= 38 or scale > precision:
            raise self._wrong(f"decimal({precision},{scale}) cannot be", "precision is 1 to 38, scale 0 to precision")
        return t.DecimalType(precision, scale)

    def _number(self) -> int:
        token = self._next()
        if not token.isdigit() or len(token) > 3:
            raise self._wrong(f"expected a number, got `{cut(token)}`", "write decimal(precision,scale)")
        return int(token)

    def _map(self) -> Type:
        self._expect("<")
        if self._next() != "string":
            raise self._wrong("a map's keys are strings", "write map<string,T>")
        self._expect(",")
        value = self._type()
        self._expect(">")
        return t.MapType(value)

    def _struct(self) -> Type:
        self._expect("{")
        members: list[t.Member] = []
        seen: set[str] = set()
        while True:
            name = self._next()
            if not IDENTIFIER.fullmatch(name) or reserved_by(name) or name.casefold() in seen:
                raise self._wrong(
                    f"member `{cut(name)}` cannot be",
                    "members are identifiers, unreserved, unique without regard to case",
                )
            seen.add(name.casefold())
            self._expect(":")
            members.append(t.Member(name, self._type()))
            if self._peek() != ",":
                break
            self._next()
        self._expect("}")
        return t.StructType(tuple(members))

    def _wrong(self, message: str, hint: str) -> _Wrong:
        return _Wrong(min(self._at, max(len(self._text) - 1, 0)), message, hint)


def encodings(type_: Type) -> tuple[Encoding, ...]:
    """Return the encodings that a type can have, the default first."""
    match type_:
        case t.ListType(element):
            return encodings(element)
        case t.MapType(value):
            return encodings(value)
        case t.StructType(members):
            moments = ENCODINGS[t.TimestamptzType]
            return ("json", *(e for e in moments if any(e in encodings(m.type) for m in members)))
        case _:
            return ENCODINGS[type(type_)]

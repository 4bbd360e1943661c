"""Random expressions over given columns, as text: what people write, and what goes wrong at the edges of types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.expressions import Scope, parse
from tacet_runtime.plan import types as t
from tacet_runtime.plan.casts import spelled

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from tacet_runtime.plan.types import Type

KINDS = ("boolean", "int", "long", "double", "decimal", "string", "date", "timestamp", "timestamptz")
_TEXTS = ("", "a", "A b ", "x", "ROW", "é€😀", "straße", "50%", "12", "-7", "1.50", "2026-02-29", "2024-02-29", "true")
_PATTERNS = ("a%", "%", "_", "", "%b%", "é%", "R_W")
_REGEXES = ("^a", "[0-9]+", "^.$", "a|R", "^[A-Z]{3}$", "é")
_DATES = ("0001-01-01", "1970-01-01", "2024-02-29", "2026-11-20", "9999-12-31")
_STAMPS = ("0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2026-11-20 12:00:00", "9999-12-31 23:59:59.999999")
_SPANS = ("INTERVAL '1' DAY", "INTERVAL '28' DAY", "INTERVAL '1' MONTH", "INTERVAL '100' YEAR", "INTERVAL '9998' YEAR")
_SHORT = (*_SPANS, "INTERVAL '1' HOUR", "INTERVAL '0.001' SECOND")
_COMPARED = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")


def kind(type_: Type) -> str:
    """Return a type's kind: its name without parameters."""
    return type(type_).__name__.removesuffix("Type").lower()


class Expressions:
    """Draws expressions over columns; what the compiler refuses (too many digits, no such column) is drawn again."""

    def __init__(self, rng: random.Random, columns: Mapping[str, Type]) -> None:
        self._rng = rng
        self._columns = dict(columns)
        self._by_kind: dict[str, list[str]] = {}
        for name, type_ in columns.items():
            self._by_kind.setdefault(kind(type_), []).append(name)

    def of(self, type_: Type, depth: int = 3) -> str | None:
        """Return an expression of exactly this type, or None when twenty draws gave none."""
        for _ in range(20):
            text = self._exact(type_, depth)
            if self._fits(text, type_):
                return text
        return None

    def condition(self, depth: int = 3) -> str:
        """Return a condition."""
        return self.of(t.BooleanType(), depth) or "TRUE"

    def _fits(self, text: str, type_: Type) -> bool:
        problems: list[object] = []
        found = parse(text, lambda at: Span("t", 1, at + 1), Scope(self._columns), problems, expected=type_)  # type: ignore[arg-type]
        return found is not None and not problems

    def _exact(self, type_: Type, depth: int) -> str:
        name = kind(type_)
        if name in {"list", "map", "struct", "binary", "time", "float", "uuid"} or name not in KINDS:
            same = [c for c, of in self._columns.items() if of == type_]
            return self._rng.choice(same) if same else f"CAST(NULL AS {spelled(type_)})"
        text = self._draw(name, depth)
        return f"CAST({text} AS {spelled(type_)})" if name == "decimal" else text

    def _draw(self, name: str, depth: int) -> str:
        rng = self._rng
        if depth <= 0 or rng.random() < 0.2:
            own = self._by_kind.get(name)
            return rng.choice(own) if own and rng.random() < 0.75 else self._constant(name)
        common: list[Callable[[], str]] = [
            lambda: f"CASE WHEN {sub('boolean')} THEN {sub()} WHEN {sub('boolean')} THEN {sub()} ELSE {sub()} END",
            lambda: f"CASE WHEN {sub('boolean')} THEN {sub()} END",
            lambda: f"COALESCE({sub()}, {sub()})",
            lambda: f"NULLIF({sub()}, {sub()})",
        ]

        def sub(of: str = name) -> str:
            return self._draw(of, depth - 1)

        return rng.choice([*common, *self._own(name, sub), *self._own(name, sub)])()

    def _own(self, name: str, sub: Callable[..., str]) -> list[Callable[[], str]]:
        match name:
            case "boolean":
                return self._booleans(sub)
            case "int" | "long" | "double":
                return self._numbers(name, sub)
            case "decimal":
                return self._decimals(sub)
            case "string":
                return self._strings(sub)
            case _:
                return self._moments(name, sub)

    def _booleans(self, sub: Callable[..., str]) -> list[Callable[[], str]]:
        pick = self._rng.choice

        def compared() -> str:
            of = pick(("int", "long", "double", "decimal", "date", "timestamp", "timestamptz"))
            return f"({sub(of)} {pick(_COMPARED)} {sub(of)})"

        def listed() -> str:
            of = pick(("int", "string", "date"))
            return f"({sub(of)} {pick(('IN', 'NOT IN'))} ({sub(of)}, {sub(of)}, NULL))"

        def between() -> str:
            of = pick(("int", "double", "date", "timestamptz"))
            return f"({sub(of)} {pick(('BETWEEN', 'NOT BETWEEN'))} {sub(of)} AND {sub(of)})"

        return [
            compared,
            compared,
            listed,
            between,
            lambda: f"({sub()} {pick(('AND', 'OR'))} {sub()})",
            lambda: f"(NOT {sub()})",
            lambda: f"({sub()} IS {pick(('NULL', 'NOT NULL', 'TRUE', 'NOT FALSE'))})",
            lambda: f"({self._any()} IS {pick(('NULL', 'NOT NULL'))})",
            lambda: f"({sub('string')} {pick(('=', '<>'))} {sub('string')})",
            lambda: f"({sub('string')} {pick(('LIKE', 'NOT LIKE'))} {_quoted(pick(_PATTERNS))})",
            lambda: f"REGEXP_LIKE({sub('string')}, {_quoted(pick(_REGEXES))})",
            lambda: f"STARTS_WITH({sub('string')}, {sub('string')})",
            lambda: f"CAST({sub('string')} AS boolean)",
            lambda: f"ARRAY_CONTAINS({self._any('list')}, {sub('string')})",
            lambda: f"ARRAY_CONTAINS({self._any('list')}, {sub('int')})",
            lambda: f"(CAST({sub('string')} AS uuid) = {self._any('uuid')})",
            lambda: f"(CAST({sub('timestamp')} AS time) <= {self._any('time')})",
            lambda: f"({self._any('float')} < {sub('double')})",
        ]

    def _numbers(self, name: str, sub: Callable[..., str]) -> list[Callable[[], str]]:
        pick = self._rng.choice
        whole = name in {"int", "long"}
        from_ = {"int": ("long", "double", "decimal", "string"), "long": ("int", "double", "decimal", "string")}
        found: list[Callable[[], str]] = [
            lambda: f"({sub()} {pick(('+', '-', '*'))} {sub()})",
            lambda: f"({sub()} {pick(('/', '%') if whole else ('/',))} {sub()})",
            lambda: f"- ({sub()})",
            lambda: f"ABS({sub()})",
            lambda: f"{pick(('GREATEST', 'LEAST'))}({sub()}, {sub()})",
            lambda: f"CAST({sub(pick(from_.get(name, ('int', 'long', 'decimal', 'string'))))} AS {name})",
        ]
        if name == "int":
            found += [
                lambda: f"LENGTH({sub('string')})",
                lambda: f"POSITION({sub('string')} IN {sub('string')})",
                lambda: f"SIGN({sub(pick(('int', 'double', 'decimal')))})",
                lambda: (
                    f"EXTRACT({pick(('YEAR', 'MONTH', 'DAY', 'ISODOW', 'DOY'))} FROM {sub(pick(('date', 'timestamptz')))})"
                ),
                lambda: f"CARDINALITY({self._any(pick(('list', 'map')))})",
            ]
        if name == "long":
            found.append(
                lambda: (
                    f"TIMESTAMPDIFF({pick(('MICROSECOND', 'HOUR', 'DAY'))}, {sub('timestamptz')}, {sub('timestamptz')})"
                )
            )
        if name == "double":
            found.append(lambda: f"{pick(('FLOOR', 'CEIL', 'ROUND'))}({sub()})")
        return found

    def _decimals(self, sub: Callable[..., str]) -> list[Callable[[], str]]:
        pick = self._rng.choice
        forms = ("10,2", "38,4", "20,10", "5,5", "38,0")
        return [
            lambda: f"CAST(({sub()} {pick(('+', '-', '*'))} {sub()}) AS decimal({pick(forms)}))",
            lambda: f"CAST({sub(pick(('int', 'long', 'decimal', 'string')))} AS decimal({pick(forms)}))",
            lambda: f"{pick(('FLOOR', 'CEIL', 'ROUND', 'ABS'))}({sub()})",
        ]

    def _strings(self, sub: Callable[..., str]) -> list[Callable[[], str]]:
        pick = self._rng.choice
        return [
            lambda: f"({sub()} || {sub()})",
            lambda: f"{pick(('LOWER', 'UPPER', 'TRIM', 'LTRIM', 'RTRIM'))}({sub()})",
            lambda: f"SUBSTRING({sub()}, {pick((1, 2, 5))}{pick(('', ', 0', ', 2', ', 99'))})",
            lambda: f"{pick(('LEFT', 'RIGHT'))}({sub()}, {pick((0, 1, 3, 99))})",
            lambda: f"REPLACE({sub()}, {_quoted(pick(('a', 'é', 'ab')))}, {sub()})",
            lambda: f"CAST({sub(pick(('int', 'long', 'decimal', 'boolean', 'date')))} AS string)",
            lambda: f"CAST({self._any('uuid')} AS string)",
        ]

    def _moments(self, name: str, sub: Callable[..., str]) -> list[Callable[[], str]]:
        pick = self._rng.choice
        others = {"date": "timestamptz", "timestamp": "date", "timestamptz": "timestamp"}
        units = ("year", "quarter", "month", "day") + (("hour", "minute") if name != "date" else ())
        found: list[Callable[[], str]] = [
            lambda: f"({sub()} {pick('+-')} {pick(_SPANS if name == 'date' else _SHORT)})",
            lambda: f"DATE_TRUNC('{pick(units)}', {sub()})",
            lambda: f"CAST({sub(others[name])} AS {name})",
            lambda: f"{pick(('GREATEST', 'LEAST'))}({sub()}, {sub()})",
        ]
        if name == "date":
            found.append(lambda: f"CAST({sub('string')} AS date)")
        return found

    def _any(self, name: str | None = None) -> str:
        found = list(self._columns) if name is None else self._by_kind.get(name)
        return self._rng.choice(found) if found else "missing"  # no such column: drawn again

    def _constant(self, name: str) -> str:
        pick = self._rng.choice
        match name:
            case "int":
                return str(pick((0, 1, 2, -1, 7, 2147483647, -2147483648)))
            case "long":
                return f"CAST({pick((0, 1, 1000, 9223372036854775807, -9223372036854775808, 3000000000))} AS long)"
            case "double":
                return pick(("0e0", "1e0", "-2.5e0", "1e308", "1e-300", "0.5e0"))
            case "decimal":
                return pick(("0.5", "-1.25", "99999999.99", "3.0"))
            case "string":
                return _quoted(pick(_TEXTS))
            case "boolean":
                return pick(("TRUE", "FALSE", "CAST(NULL AS boolean)"))
            case "date":
                return f"DATE '{pick(_DATES)}'"
            case "timestamp":
                return f"TIMESTAMP '{pick(_STAMPS)}'"
            case _:
                return f"CAST(TIMESTAMP '{pick(_STAMPS)}' AS timestamptz)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

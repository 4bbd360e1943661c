"""Random repositories, by seed: a raw event in two versions, producers, reference data and a derived event.

Everything the language has comes up: types and encodings, paths, limits, presences over versions, omissions, rules,
filters, corrections, lookups, expressions, agreements. Nothing here says what is right: engines are compared.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_codegen.frontend.types import PRIMITIVES, encodings
from tacet_runtime.plan import types as t
from tacet_runtime.steps.typing import typer
from tests.conformance.expressions import Expressions, spelled
from tests.conformance.tokens import random_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tacet_runtime.plan.types import Type

OWNER = {"team": "t"}
_KEYS = ("a", "b", "id", "name", "in-ner", "Kind", "x_1")
_HARD_KEYS = ("a b", "a.b", "", "KIND", "ß", "\U0001f600", "*", "$", "a'b", "0")
_PATTERNS = ("[A-Z]{2}", "[a-z]*", "a|b|", "[0-9]+-[0-9]+", "x.*", "(ab)?c?", "é+", "\\w*", "[^x]*")
_VERSIONS = {
    "semver": ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.0.0+b7", "1.2.3", "2.0.0", "1.0", "x", "01.0.0", ""],
    "dotted": ["0.9", "1", "1.0", "1.0.0", "1.2.3.4", "2", "2.0.1", "x", "1..2"],
    "integer": ["0", "9", "10", "0010", "11", "20", "-1", "1.0", "x"],
    "date": ["2025-12-31", "2026-01-01", "2026-06-30", "2026-13-01", "x", "2026-1-1"],
}
_RANGES = {
    "semver": (">=1.0.0 <2.0.0", ">=2.0.0"),
    "dotted": (">=1 <2", ">=2"),
    "integer": (">=10 <20", ">=20"),
    "date": (">=2026-01-01 <2026-06-30", ">=2026-06-30"),
}
DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
"""Around the days that omissions begin and end."""


@dataclass
class Random:
    """A repository: files by path below its root, and what its messages are made from."""

    seed: int
    files: dict[str, str] = field(default_factory=dict)
    producers: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    keys: dict[str, list[str]] = field(default_factory=dict)
    """Field -> JSON texts of keys that a lookup knows."""

    def write(self, root: Path) -> None:
        """Write the files."""
        for name, text in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")


def repository(seed: int) -> Random:
    """Return the repository of a seed."""
    return _Maker(seed).make()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.made = Random(seed)
        self.exploded = self.rng.random() < 0.5
        self.hard = self.rng.random() < 0.1
        self.nested = self.rng.random() < 0.35
        self.used: set[str] = set()

    def make(self) -> Random:
        scheme = self.rng.choice(list(_RANGES))
        fields = self._base(scheme)
        wide = self.made.seed % 25 == 24
        for number in range(self.rng.randint(65, 90) if wide else self.rng.randint(2, 11)):
            fields[f"f{number}"] = self._field()
        self._conditions(fields)
        older = self._older(fields)
        if older is not None:
            self._put("g/ev/1.0.0.yaml", self._event("1.0.0", older, scheme))
        self._put("g/ev/1.1.0.yaml", self._event("1.1.0", fields, scheme))
        self._producers(fields, scheme, older is not None)
        self._derived(fields)
        return self.made

    def _put(self, name: str, value: Any) -> None:
        self.made.files[f"contracts/{name}"] = json.dumps(value, indent=1, ensure_ascii=False)

    def _base(self, scheme: str) -> dict[str, dict[str, Any]]:
        rng = self.rng
        version: Type = t.StringType()
        if scheme == "integer":
            version = rng.choice([t.StringType(), t.IntType(), t.LongType()])
        if scheme == "date":
            version = rng.choice([t.StringType(), t.DateType()])
        identity = rng.choice(
            [t.LongType(), t.UuidType(), t.StringType(), t.IntType(), t.DateType(), t.DecimalType(9, 2)]
        )
        fields = {
            "id": {**self._typed(identity), "presence": "required", "identity": True, "path": self._path("$", "key")},
            "app": {"type": "string", "presence": "required", "path": self._path("$", "app")},
            "ver": {"type": spelled(version), "presence": "required", "path": self._path("$", "ver")},
            "at": {**self._typed(t.TimestamptzType()), "presence": "required", "path": self._path("$", "at")},
        }
        if rng.random() < 0.3:
            fields["at"]["on_bug"] = "reject"
        if self.exploded:
            fields["item"] = {"type": "int", "path": "$index", "presence": "required", "identity": True}
        self.scheme, self.version_type = scheme, version
        return fields

    def _path(self, root: str, last: str | None = None) -> str:
        """Return a path that no other field has."""
        rng = self.rng
        while True:
            keys = _KEYS + _HARD_KEYS if self.hard else _KEYS
            steps = [rng.choice(keys) for _ in range(rng.choice([0, 0, 1, 1, 2]))]
            steps.append(last or f"{rng.choice(keys)}{rng.randrange(9)}")
            if last and steps[:-1]:
                steps = steps[-2:]
            text = root + "".join(_step(s) for s in steps)
            below = any(other.startswith(text + ".") or text.startswith(other + ".") for other in self.used)
            if text.casefold() not in {u.casefold() for u in self.used} and not below:
                self.used.add(text)
                return text
            last = None if last is None else last + "x"

    def _typed(self, type_: Type) -> dict[str, Any]:
        possible = encodings(type_)
        encoding = self.rng.choice(possible)
        found: dict[str, Any] = {"type": spelled(type_)}
        if encoding != "json" and (encoding != possible[0] or self.rng.random() < 0.3):
            found["encoding"] = encoding
        return found

    def _type(self, depth: int = 0) -> Type:
        rng = self.rng
        if self.nested and depth < 3 and rng.random() < 0.3:
            match rng.randrange(3):
                case 0:
                    return t.ListType(self._type(depth + 1))
                case 1:
                    return t.MapType(self._type(depth + 1))
                case _:
                    names = rng.sample(["a", "b", "m1", "Kind"], rng.randint(1, 3))
                    return t.StructType(tuple(t.Member(n, self._type(depth + 1)) for n in names))
        if rng.random() < 0.15:
            precision = rng.choice([1, 4, 9, 18, 19, 38])
            return t.DecimalType(precision, rng.choice([0, precision, rng.randint(0, precision), min(2, precision)]))
        return rng.choice(list(PRIMITIVES.values()))

    def _field(self) -> dict[str, Any]:
        rng = self.rng
        type_ = self._type()
        root = "$item" if self.exploded and rng.random() < 0.6 else "$"
        found = {**self._typed(type_), "path": self._path(root), "presence": rng.choice(["required", "optional"])}
        found |= self._limits(type_)
        if rng.random() < 0.15:
            found["on_bug"] = "reject"
        return found

    def _limits(self, type_: Type) -> dict[str, Any]:
        rng = self.rng
        match type_:
            case t.StringType():
                return rng.choice(
                    [{}, {}, {"one_of": ["ROW", "US", "a", "", "é"]}, {"pattern": rng.choice(_PATTERNS)},
                     {"one_of": ["ROW", "b'", "US"], "pattern": "[A-Z]+"}]
                )  # fmt: skip
            case t.IntType() | t.LongType():
                return rng.choice([{}, {"range": [0, 100]}, {"range": [None, 0]}, {"range": [-(2**31), 2**31 - 1]}])
            case t.FloatType() | t.DoubleType():
                return rng.choice([{}, {"range": [-0.5, 0.1]}, {"range": [0, None]}, {"range": [-1e30, 1e30]}])
            case t.DecimalType(precision, scale):
                low = f"0.{'0' * (scale - 1)}1" if scale else "1"
                return rng.choice([{}, {"range": ["0", None]}, {"range": [low, low]} if precision else {}])
            case t.DateType():
                return rng.choice([{}, {"range": ["2000-01-01", "2026-12-31"]}])
            case t.TimeType():
                return rng.choice([{}, {"range": ["00:00:00", "12:00:00.5"]}])
            case t.TimestampType():
                return rng.choice([{}, {"range": ["1970-01-01T00:00:00", None]}])
            case t.TimestamptzType():
                return rng.choice([{}, {"range": ["1970-01-01T00:00:00Z", "2026-11-20T18:03:11.25Z"]}])
            case _:
                return {}

    def _conditions(self, fields: dict[str, dict[str, Any]]) -> None:
        """Turn some presences into conditions over the fields."""
        self.types = {name: _parsed(f["type"]) for name, f in fields.items()}
        draw = Expressions(self.rng, self.types)
        for name, of in fields.items():
            if name.startswith("f") and self.rng.random() < 0.3:
                of["presence"] = {"required_when": draw.condition(2)}

    def _older(self, fields: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]] | None:
        """Return the version before: some fields less, other presences, one field more; or None."""
        rng = self.rng
        if rng.random() < 0.3:
            return None
        kept = {n: dict(f) for n, f in fields.items() if not n.startswith("f") or rng.random() < 0.75}
        draw = Expressions(rng, {n: self.types[n] for n in kept})
        for name, of in kept.items():
            if name.startswith("f"):
                of["presence"] = rng.choice(["required", "optional", {"required_when": draw.condition(2)}])
        if rng.random() < 0.3:
            kept["gone"] = {"type": "int", "path": "$.gone", "presence": rng.choice(["required", "optional"])}
            some = [n for n in kept if n.startswith("f")]
            if some:
                kept[rng.choice(some)]["presence"] = {"required_when": "gone > 0"}
        return kept

    def _event(self, version: str, fields: dict[str, dict[str, Any]], scheme: str) -> dict[str, Any]:
        rng = self.rng
        source: dict[str, Any] = {"topic": "q", "format": "json", "event_time": "at"}
        if self.exploded:
            source["explode"] = "$.items" if not self.hard else '$."it ems"'
        if rng.random() < 0.6:
            source["select"] = rng.choice(
                ["$.type = 'a'", "$.type IN ('a', 'b') AND $.n > 0", "$.on", "COALESCE($.n, 1) = 1", "NOT $.off"]
            )
        event = {
            "event": "ev", "version": version, "status": "released", "owner": OWNER, "doc": "d", "source": source,
            "producer": {"name": "app", "version": "ver", "scheme": scheme},
            "unknown_fields": rng.choice(["report", "report", "report", "keep", "reject"]),
            "fields": fields,
        }  # fmt: skip
        draw = Expressions(rng, {n: _parsed(f["type"]) for n, f in fields.items()})
        rules = {
            f"r{n}": {"check": draw.condition(), "else": rng.choice(["reject", "flag", "flag"])}
            for n in range(rng.randint(0, 3) if self.made.seed % 25 != 24 else 62)
        }
        if rules:
            event["rules"] = rules
        payload = rng.choice([{}, {"payload": "drop"}])
        event["sinks"] = {"iceberg": {"table": "g.ev", "partition": ["day(at)"], **payload}}
        return event

    def _producers(self, fields: dict[str, dict[str, Any]], scheme: str, older: bool) -> None:
        rng = self.rng
        plain = [n for n, f in fields.items() if not f.get("identity")]
        for name in rng.sample(["ios", "tv os", "web"], rng.randint(1, 2)):
            self.made.producers.append(name)
            versions = {}
            for number, bounds in enumerate(_RANGES[scheme][: rng.randint(1, 2)]):
                omits = {}
                for of in rng.sample(plain, min(len(plain), rng.randint(0, 3))):
                    days = sorted(rng.choices(DAYS, k=2))
                    dated = {k: v for k, v in zip(("since", "expires"), days, strict=True) if rng.random() < 0.6}
                    omits[of] = {"id": f"{name.replace(' ', '-')}-{number}-{of}", "reason": "unknown", **dated}
                versions[bounds] = {"contract": rng.choice(["1.0.0", "1.1.0"]) if older else "1.1.0"}
                if omits:
                    versions[bounds]["omits"] = omits
            self._put(
                f"g/ev/producers/{name}.yaml", {"producer": name, "event": "ev", "owner": OWNER, "versions": versions}
            )
        self.made.producers += ["other", ""]
        self.made.versions = _VERSIONS[scheme]

    def _derived(self, fields: dict[str, dict[str, Any]]) -> None:
        rng = self.rng
        columns = dict(self.types)
        event: dict[str, Any] = {
            "event": "out", "version": "1.0.0", "status": "released", "owner": OWNER, "doc": "d",
            "from": {"event": "ev", "versions": ">=1.0.0 <2.0.0"},
        }  # fmt: skip
        raw = Expressions(rng, self.types)
        event["filters"] = {f"d{n}": {"drop_when": raw.condition(2)} for n in range(rng.randint(0, 2))}
        event["corrections"] = self._corrections(fields, raw)
        event["lookups"] = self._lookups(columns)
        event["fields"] = self._outputs(fields, columns)
        types = {n: columns[f["from"]] if "from" in f else _parsed(f["type"]) for n, f in event["fields"].items()}
        results = Expressions(rng, types)
        event["agreements"] = {
            f"g{n}": {"check": results.condition(2), "else": rng.choice(["flag", "flag", "reject"])}
            for n in range(rng.randint(0, 2))
        }
        event["sinks"] = {"iceberg": {"table": "g.out"}}
        event["quality"] = {"window": rng.choice(["5m", "1h", "1s", "7d"])}
        self._put("g/out/1.0.0.yaml", {k: v for k, v in event.items() if v != {}})

    def _corrections(self, fields: Mapping[str, Mapping[str, Any]], raw: Expressions) -> dict[str, Any]:
        rng = self.rng
        found = {}
        plain = [n for n, f in fields.items() if not f.get("identity")]
        for number in range(rng.randint(0, 2)):
            sets = {}
            for name in rng.sample(plain, rng.randint(1, min(2, len(plain)))):
                value = raw.of(self.types[name], 2)
                if value is not None:
                    sets[name] = value
            if sets:
                found[f"c{number}"] = {"when": raw.condition(2), "set": sets}
        return found

    def _lookups(self, columns: dict[str, Type]) -> dict[str, Any]:
        rng = self.rng
        usable = [n for n, of in self.types.items() if isinstance(of, _KEYED)]
        found = {}
        for number in range(rng.choice([0, 0, 1, 1, 2])):
            keys = rng.sample(usable, min(len(usable), rng.choice([1, 1, 2])))
            if not keys:
                continue
            table = f"t{number}"
            own = {f"k{at}": self.types[name] for at, name in enumerate(keys)}
            more = {f"v{at}": rng.choice(_PLAIN) for at in range(rng.randint(1, 3))}
            required = {name: name in own or rng.random() < 0.3 for name in {**own, **more}}
            self._table(table, own, more, required, keys)
            found[table] = {
                "table": table, "version": ">=1.0.0", "on": {f"k{at}": name for at, name in enumerate(keys)},
                "missing": rng.choice(["keep", "keep", "reject"]),
            }  # fmt: skip
            columns |= {f"{table}.{name}": of for name, of in {**own, **more}.items()}
        return found

    def _table(
        self, name: str, own: dict[str, Type], more: dict[str, Type], required: dict[str, bool], keys: list[str]
    ) -> None:
        rng = self.rng
        fields = {
            c: {"type": spelled(of), "presence": "required" if required[c] else "optional"}
            for c, of in {**own, **more}.items()
        }
        self._put(
            f"g/{name}/1.0.0.yaml",
            {"table": name, "version": "1.0.0", "status": "released", "owner": OWNER, "doc": "d", "key": list(own),
             "source": {"file": f"data/{name}.csv"}, "fields": fields},
        )  # fmt: skip
        rows: dict[tuple[Any, ...], list[str]] = {}
        for _ in range(12):
            key = [_cell(rng, of) for of in own.values()]
            value = tuple(_value(cell, of) for cell, of in zip(key, own.values(), strict=True))
            rows[value] = [
                *key,
                *("" if not required[c] and rng.random() < 0.4 else _cell(rng, of) for c, of in more.items()),
            ]
        lines = [",".join({**own, **more}), *(",".join(_csv(c) for c in row) for row in rows.values())]
        self.made.files[f"data/{name}.csv"] = "".join(f"{line}\n" for line in lines)
        for at, of in enumerate(keys):
            quoted = not isinstance(self.types[of], t.IntType | t.LongType | t.DecimalType)
            texts = [json.dumps(row[at]) if quoted else row[at] for row in rows.values()]
            self.made.keys.setdefault(of, []).extend(texts)

    def _outputs(self, fields: Mapping[str, Mapping[str, Any]], columns: dict[str, Type]) -> dict[str, Any]:
        rng = self.rng
        found: dict[str, Any] = {n: {"from": n} for n, f in fields.items() if f.get("identity")}
        draw = Expressions(rng, columns)
        for name in columns:
            if name not in found and rng.random() < 0.5:
                found[f"o_{name.replace('.', '_')}"] = {"from": name}
        for number in range(rng.randint(1, 6)):
            type_ = rng.choice(_PLAIN)
            text = draw.of(type_)
            if text is not None:
                found[f"x{number}"] = {"type": spelled(type_), "expr": text}
        return found


_KEYED = (
    t.BooleanType, t.IntType, t.LongType, t.DateType, t.StringType, t.UuidType, t.DecimalType, t.TimestampType,
    t.TimestamptzType, t.TimeType,
)  # fmt: skip
_PLAIN: tuple[Type, ...] = (
    t.BooleanType(), t.IntType(), t.LongType(), t.DoubleType(), t.DecimalType(10, 2), t.StringType(), t.DateType(),
    t.TimestampType(), t.TimestamptzType(),
)  # fmt: skip


def _step(key: str) -> str:
    plain = key.replace("-", "_").isidentifier() and key.isascii()
    return f".{key}" if plain else '."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parsed(text: str) -> Type:
    from tacet_codegen.frontend.types import _Parser

    return _Parser(text).whole()


def _cell(rng: random.Random, type_: Type) -> str:
    """Return a CSV cell: a value that events are likely to have, too."""
    if isinstance(type_, t.StringType):
        return rng.choice(["a", "ROW", "US", "é", "ios", "web", "x,y", "b'"])
    if isinstance(type_, t.IntType | t.LongType):
        return str(rng.randint(-3, 12))
    if isinstance(type_, t.TimestampType | t.TimestamptzType):
        zone = "Z" if isinstance(type_, t.TimestamptzType) else ""
        return f"{rng.choice(DAYS)}T{rng.randrange(24):02}:00:00{zone}"
    if isinstance(type_, t.DateType):
        return rng.choice([*DAYS, "0001-01-01"])
    encoding = "json" if not isinstance(type_, t.TimeType) else "iso8601"
    text = random_token(rng, type_, encoding)
    return json.loads(text) if text.startswith('"') else text


def _value(cell: str, type_: Type) -> Any:
    plain = isinstance(type_, t.BooleanType | t.IntType | t.LongType | t.DecimalType | t.DoubleType)
    return typer(type_, "string" if plain else "iso8601", 1_000)(cell)


def _csv(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n') else cell

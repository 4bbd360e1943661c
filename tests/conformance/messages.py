"""Random messages for a plan: fields sent well, wrongly, as null or not at all; then whole messages damaged."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Literal, PathValue
from tacet_runtime.plan.walk import walk
from tests.conformance.contracts import DAYS
from tests.conformance.tokens import edges, random_token, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tacet_runtime.plan.model import Field, Plan

DAMAGE = (
    b"", b" ", b"null", b"[]", b"{}", b"0", b'"x"', b"true", b"{} {}", b"{}x", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00",
    b"\x1f\x8b\x08\x00\x00", b"{" * 100, b"[" * 1_000, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a":NaN}', b'{"a":Infinity}',
    b'{"a":-Infinity}', b'{"a":1,}', b'{"a":[1,]}', b'{"a":01}', b'{"a":.5}', b'{"a":1.}', b'{"a":+1}', b"{'a':1}", b"{a:1}",
    b'{"a":1}//x', b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\t"}',
    b'{"a":"\\x41"}', b'{"a":"\\u12"}', b'{"":1}', b'{"a":1e400}', b'{"a":' + b"9" * 5_000 + b"}", b'{"a":tru}', b'{"a" 1}',
    b'{"a":1 "b":2}', b'\x00{"a":1}', b'{"a":1}\x00', b'{"a":"\x7f"}', b"\x0b{}", b"{}\xc2\xa0", b'{"\\ud800":1}', b'{"a":--1}',
)  # fmt: skip
"""Messages that are whole on their own: hazards.md, "Hostile events"."""


class Messages:
    """Draws messages for a plan. `producers`, `versions`, `keys`: values that the plan knows something about."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        producers: Sequence[str] = (),
        versions: Sequence[str] = (),
        keys: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._rng = random.Random(seed)
        self._parents = random.Random(~seed)
        self._source = plan.source
        self._given = {**(keys or {})}
        if producers:
            self._given[plan.source.producer_name] = [json.dumps(p) for p in producers]
        if versions:
            text = next(f for f in plan.source.fields if f.name == plan.source.producer_version).type
            plain = isinstance(text, t.IntType | t.LongType)
            self._given[plan.source.producer_version] = [
                v if plain and v.removeprefix("-").isdigit() else json.dumps(v) for v in versions
            ]
        self._pool = {f.name: [self._token(f) for _ in range(5)] for f in plan.source.fields}
        self._edges = {
            f.name: [*edges(f.type, f.encoding), *tokens(f.type, f.encoding, seed, 0)] for f in plan.source.fields
        }
        self._constants = [
            json.dumps(e.value) for e in walk(plan.source.select) if isinstance(e, Literal)
        ] if plan.source.select is not None else []  # fmt: skip
        self._mood = 0.1

    def draw(self, count: int) -> Iterator[bytes]:
        """Yield messages: most of them whole, some damaged, some of another kind altogether."""
        rng = self._rng
        for number in range(count):
            self._mood = 0.02 if number % 3 else 0.25
            chance = rng.random()
            if chance < 0.02:
                yield rng.choice(DAMAGE)
                continue
            if chance > 0.9975:
                yield self._large()
                continue
            data = self._message()
            yield damaged(rng, data) if chance < 0.06 else data

    def _message(self) -> bytes:
        rng = self._rng
        root: dict[str, Any] = {}
        for part in walk(self._source.select) if self._source.select is not None else ():
            if isinstance(part, PathValue) and rng.random() < 0.97:
                wanted = rng.random() < 0.8
                token = (
                    rng.choice([*self._constants, "true", "1", '"a"'])
                    if wanted
                    else random_token(rng, part.type, "json")
                )
                self._put(root, part.path.steps, token)
        self._fields(root, "$")
        explode = self._source.explode
        if explode is not None and rng.random() < 0.97:
            count = rng.choice([0, 1, 1, 2, 3]) if rng.random() < 0.99 else rng.choice([999, 1_000, 1_001])
            items = [self._item() for _ in range(count)] if count < 9 else ["{}"] * count
            wrong = rng.choice(["null", "{}", '"x"', "[[]]", "[null]", "[1,{}]"])
            self._put(root, explode.steps, "[" + ",".join(items) + "]" if rng.random() < 0.97 else wrong)
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            self._put(
                root,
                (rng.choice(["noise", "n2", "a b", "é", "\u2028", ""]),),
                rng.choice(["1", "null", '{"x":[1]}', '"y"']),
            )
        return self._written(root).encode("utf-8", "surrogatepass")

    def _large(self) -> bytes:
        """Return a message at or beyond a limit: bytes, keys, depth, or a string that a field has."""
        rng = self._rng
        data = self._message()[:-1] + b"," if rng.random() < 0.9 else b"{"
        over = rng.choice([-1, 0, 1])
        match rng.randrange(4):
            case 0:
                fill = b'"z":"' + b"x" * (1_048_576 + over - len(data) - 7) + b'"'
            case 1:
                fill = b",".join(b'"%d":0' % n for n in range(10_000 + over - rng.choice([0, 5])))
            case 2:
                fill = b'"z":' + b"[" * (63 + over) + b"]" * (63 + over)
            case _:
                texts = [
                    f.path.steps[-1]
                    for f in self._source.fields
                    if f.path.steps and isinstance(f.type, t.StringType | t.BinaryType)
                ]
                size = (65_536 + over) // rng.choice([1, 2]) * rng.choice([1, 2])
                fill = (
                    json.dumps(rng.choice([*texts, "z"])).encode()
                    + b':"'
                    + rng.choice([b"x" * size, "é".encode() * (size // 2)])
                    + b'"'
                )
                data = b"{" + fill + b"," + data[1:-1]
                return data + b"}" if len(data) > len(fill) + 2 else b"{" + fill + b"}"
        return data + fill + b"}"

    def _item(self) -> str:
        if self._rng.random() < 0.02:
            return self._rng.choice(["null", "1", "[]", '"x"', "true"])
        item: dict[str, Any] = {}
        self._fields(item, "$item")
        if self._rng.random() < 0.1:
            item["extra"] = "1"
        return self._written(item)

    def _fields(self, root: dict[str, Any], at: str) -> None:
        for field in self._source.fields:
            if field.path.root == at and field.path.steps:
                token = self._sent(field)
                if token is not None:
                    self._put(root, field.path.steps, token)

    def _sent(self, field: Field) -> str | None:
        """Return a field's text, None for absent; identity and producer are mostly sent as they should be."""
        rng = self._rng
        bad = self._mood * (0.2 if field.identity else 1)
        chance = rng.random()
        if chance < bad:
            return None
        if chance < bad * 1.7:
            return "null"
        if chance < bad * 2.9:
            return rng.choice(self._edges[field.name])
        given = self._given.get(field.name)
        if given and rng.random() < 0.9:
            return rng.choice(given)
        return rng.choice(self._pool[field.name]) if rng.random() < 0.6 else self._token(field)

    def _token(self, field: Field) -> str:
        """Return a text of the field's type that conditions are likely to tell apart: small, near, in the list."""
        rng = self._rng
        if field.one_of and rng.random() < 0.8:
            return json.dumps(rng.choice(field.one_of), ensure_ascii=rng.random() < 0.5)
        match field.type:
            case t.IntType() | t.LongType() if rng.random() < 0.6:
                return _quoted(str(rng.randint(-3, 12)), field.encoding)
            case t.StringType() if rng.random() < 0.7:
                return json.dumps(rng.choice(["a", "ROW", "US", "é", "", "x", "A b ", "12", "2024-02-29", "1-1"]))
            case t.TimestampType() | t.TimestamptzType() if rng.random() < 0.8:
                return self._near(field)
            case t.DateType() if rng.random() < 0.6:
                return json.dumps(rng.choice([*DAYS, "0001-01-01", "9999-12-31"]))
            case t.DoubleType() | t.FloatType() if rng.random() < 0.5:
                return _quoted(rng.choice(["0", "-0", "0.5", "1", "-1.5", "0.1", "1e3"]), field.encoding)
            case _:
                return random_token(rng, field.type, field.encoding)

    def _near(self, field: Field) -> str:
        rng = self._rng
        seconds = 1_763_510_400 + 365 * 86_400 + rng.randrange(3) * 86_400 + rng.choice([0, -1, 3_600, 64_991])
        if field.encoding.startswith("epoch"):
            return str(seconds * {"epoch_seconds": 1, "epoch_millis": 1_000}.get(field.encoding, 1_000_000))
        day = rng.choice(DAYS)
        zone = rng.choice(["Z", "+00:00", "-01:30"]) if isinstance(field.type, t.TimestamptzType) else ""
        return json.dumps(f"{day}T{rng.choice(['00:00:00', '23:59:59.999999', '12:30:00.5', '18:03:11.25'])}{zone}")

    def _put(self, root: dict[str, Any], steps: tuple[str, ...], token: str) -> None:
        for step in steps[:-1]:
            inner = root.setdefault(step, {})
            if not isinstance(inner, dict):
                return
            root = inner
        root.setdefault(steps[-1], token)

    def _written(self, tree: dict[str, Any]) -> str:
        rng = self._rng
        parts = [
            f"{json.dumps(k, ensure_ascii=rng.random() < 0.1)}:{self._inner(v) if isinstance(v, dict) else v}"
            for k, v in tree.items()
        ]
        if parts and rng.random() < 0.02:
            parts.append(rng.choice(parts))
        if parts and rng.random() < 0.02:
            key, _, _ = rng.choice(parts).partition(":")
            parts.insert(rng.randrange(len(parts) + 1), f"{key}:{rng.choice(['null', '1', '[]', '{}'])}")
        if rng.random() < 0.2:
            rng.shuffle(parts)
        return "{" + rng.choice(["", "", " ", "\n"]) + ",".join(parts) + "}"

    def _inner(self, tree: dict[str, Any]) -> str:
        """Return an object on the way to a field; now and then something else stands there."""
        written = self._written(tree)
        other = self._parents.choice(["null", "null", "5", '"x"', "[]", "true", "{}", '[{"a":1}]'])
        return written if self._parents.random() < 0.98 else other


def _quoted(text: str, encoding: str) -> str:
    return json.dumps(text) if encoding == "string" else text


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return a message with a few bytes dropped, doubled, exchanged or put in."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 1, 2, 9]))
        match rng.randrange(5):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:end] + data[at:]
            case 2:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 3:
                data = (
                    data[:at]
                    + rng.choice(
                        [
                            b",",
                            b"{",
                            b"}",
                            b'"',
                            b"\\",
                            b"[",
                            b"]",
                            b":",
                            b"0",
                            b"-",
                            b"e9",
                            b"\\ud800",
                            b"NaN",
                            b"\xef\xbb\xbf",
                        ]
                    )
                    + data[at:]
                )
            case _:
                data = data[:at]
    return data

"""What is on a queue besides good events: keys that no contract names, other events, and bytes that are no JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tacet_runtime.plan.walk import path_values
from tacet_runtime.sample.values import WORDS
from tacet_runtime.steps.selection import selected
from tacet_runtime.steps.strict_json import decode

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from tacet_runtime.plan.model import Plan, Source

OTHERS: tuple[dict[str, Any], ...] = (
    {"type": "heartbeat", "ok": True},
    {"kind": "page_view", "page": "start", "ms": 312},
    {"event": "error", "code": 500, "stack": ["main", "render"]},
)
_ENCODER = msgspec.json.Encoder()
_HEX = 65_536


def encoded(tree: Any) -> bytes:
    """Return a message's bytes."""
    return _ENCODER.encode(tree)


class Padding:
    """Fills messages up to the usual size with what clients send besides."""

    def __init__(self, source: Source, rng: random.Random, size: int, noise: Mapping[str, Any]) -> None:
        self._rng = rng
        self._size = size
        self._given = 0
        self._taken = 0
        known = _first_steps(source)
        names = [_free(name, known) for name in ("context", "trace")]
        self._noise = {key: value for key, value in noise.items() if key not in known and key not in names}
        self._blank = source.unknown_fields == "reject"
        self._lead = [
            f',"{names[0]}":{{"sdk":"{WORDS[n]}/{n % 7}.{n % 5}","locale":"{WORDS[-n % 3 - 1]}",'.encode()
            for n in range(12)
        ]
        self._tests = [
            f'"test_{rng.randrange(100, 999)}":{{"cell":{rng.randrange(1, 9)},"since":"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"}},'.encode()
            for _ in range(200)
        ]
        self._trace = f'"{names[1]}":"'.encode()
        self._hex = rng.randbytes(_HEX // 2).hex().encode()

    def padded(self, tree: dict[str, Any]) -> bytes:
        """Return a message's bytes with noise, so that messages have the usual size on average."""
        if self._noise and not self._blank:
            tree = {**tree, **self._noise}
        return self.filled(encoded(tree))

    def filled(self, data: bytes) -> bytes:
        """Return an object's bytes, filled up."""
        self._given += self._size
        target = self._given - self._taken - int(self._size * 0.2 * self._rng.random()) + self._size // 10
        room = min(target - len(data), self._size)
        if room > 0 and self._blank:
            data = data[:-1] + b" " * room + b"}"
        elif room > 100 and len(data) > 2:
            data = data[:-1] + self._extra(room)
        self._taken += len(data)
        return data

    def _extra(self, room: int) -> bytes:
        random_ = self._rng.random
        parts = [self._lead[int(random_() * 12)]]
        left = room - len(parts[0]) - len(self._trace) - 3
        for _ in range(min(5, left // 100)):
            test = self._tests[int(random_() * 200)]
            parts.append(test)
            left -= len(test)
        left = max(left, 0)
        at = int(random_() * (_HEX - left)) if left < _HEX else 0
        parts += [self._trace, self._hex[at : at + left], b'"}}']
        return b"".join(parts)


def _first_steps(source: Source) -> set[str]:
    paths = [f.path for f in source.fields] + ([source.explode] if source.explode is not None else [])
    paths += [part.path for part in path_values(source.select)]
    return {path.steps[0] for path in paths if path.root == "$" and path.steps}


def _free(name: str, known: set[str]) -> str:
    while name in known:
        name += "_"
    return name


def others(plan: Plan, own: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return messages of other kinds: those that `select` leaves alone."""
    select = plan.source.select
    if select is None:
        return []
    found = [encoded(tree) for tree in own or OTHERS]
    return [data for data in found if not selected(select, decode(data, plan.limits))]


def broken(rng: random.Random, good: bytes) -> tuple[bytes, str]:
    """Return bytes that are no message, made of one that is, and the kind of reject that they deserve."""
    deep = b'{"a":' * 80 + b"1" + b"}" * 80
    candidates = (
        good[: rng.randrange(1, len(good) - 1)],
        b"",
        b"not json",
        good + b"}",
        good + good,
        b"\xff\xfe" + good,
        b"\xef\xbb\xbf" + good,
        good.replace(b":", b"=", 1),
        good[:-1] + b",}",
        good[:-1] + b',"ratio":NaN}',
        good[:-1] + b',"count":007}',
        good[:-1] + b',"name":"\xc3("}',
        good[:-1] + b"}//",
    )
    if rng.random() < 0.1:
        return deep, "too_deep"
    return rng.choice(candidates), "malformed"

"""The stream: messages in time, a little out of order, with retries, other events and broken bytes among them."""

from __future__ import annotations

import datetime as dt
import json
import random
from contextlib import ExitStack
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TextIO

from tacet_runtime.sample.clients import clients
from tacet_runtime.sample.messages import Writer
from tacet_runtime.sample.profile import Profile
from tacet_runtime.sample.scenarios import SCENARIOS, Label, Planter, plain_fields
from tacet_runtime.steps.selection import selected
from tacet_runtime.steps.strict_json import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.sample.messages import Message

_OTHERS = ({"type": "heartbeat", "ok": True}, {"kind": "page_view", "page": "start"}, {"event": "error", "code": 500})


class SampleError(Exception):
    """No sample can be made of this plan; the message says why."""


def write_sample(
    plan: Plan,
    out: Path,
    *,
    events: int,
    seed: int,
    scenario: str = "mixed",
    labels: Path | None = None,
    profile: Profile | None = None,
    keys: Mapping[str, Sequence[Any]] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write `events` messages, one a line; the same plan, seed and profile give the same bytes.

    `labels`: a file that gets one JSON object for each planted thing: `message` (the line, from 0), `index`, `field`,
    `planted`, `producer`, `version`, `expected`. Raises SampleError, OSError.
    """
    stream = _Stream(plan, seed, scenario, profile or Profile(), keys or {})
    with ExitStack() as files:
        target = files.enter_context(out.open("wb"))
        notes = files.enter_context(labels.open("w", encoding="utf-8")) if labels is not None else None
        for number in range(events):
            data, found, message = stream.next(number, events)
            target.write(data + b"\n")
            if notes is not None:
                _note(notes, number, found, message)
            if number % 1_000 == 999:
                advance(1_000)


def _note(notes: TextIO, number: int, labels: list[Label], message: Message | None) -> None:
    for label in labels:
        entry = {
            "message": number,
            "index": label.index,
            "field": label.field,
            "planted": label.planted,
            "producer": message.client.producer if message else None,
            "version": message.client.version if message else None,
            "expected": label.expected,
        }
        notes.write(json.dumps(entry) + "\n")


class _Stream:
    def __init__(
        self, plan: Plan, seed: int, scenario: str, profile: Profile, keys: Mapping[str, Sequence[Any]]
    ) -> None:
        self._rng = random.Random(seed)  # noqa: S311  (no secret: the same seed must give the same bytes)
        self._plan = plan
        self._profile = profile
        self._scenario = SCENARIOS[scenario]
        self._clients, shares = clients(plan.source, profile)
        self._shares = list(accumulate(shares))
        if not self._clients:
            raise SampleError("no producer is registered: write producers/NAME.yaml first")
        self._writer = Writer(plan.source, profile, keys)
        self._planter = Planter(plan.source, self._clients, plain_fields(plan.source))
        self._start = dt.datetime.fromisoformat(profile.start).replace(tzinfo=None)
        self._last: tuple[bytes, list[Label], Message] | None = None
        self._others = profile.others or _OTHERS
        self._checked = False

    def next(self, number: int, events: int) -> tuple[bytes, list[Label], Message | None]:
        """Return the next line, its labels, and the message that it came from."""
        rng, scenario = self._rng, self._scenario
        chance = rng.random()
        if chance < scenario.broken:
            return self._broken(rng), [Label("broken", expected="malformed")], None
        if chance < scenario.broken + scenario.duplicates and self._last is not None:
            data, labels, message = self._last
            return data, [*labels, Label("duplicate")], message
        if chance < scenario.broken + scenario.duplicates + scenario.others and self._plan.source.select is not None:
            return _bytes(rng.choice(self._others)), [Label("other", expected="skipped")], None
        message = self._message(rng, number, events)
        labels = scenario.plant(rng, message, self._planter)
        planted = {(label.index, label.field) for label in labels}
        labels += [
            Label("left_out", row, name, why) for row, name, why in message.left_out if (row, name) not in planted
        ]
        data = self._padded(rng, message.tree)
        self._last = (data, labels, message)
        return data, labels, message

    def _message(self, rng: random.Random, number: int, events: int) -> Message:
        client = rng.choices(self._clients, cum_weights=self._shares)[0]
        span = self._profile.seconds
        late = rng.expovariate(1 / 20) if rng.random() < 0.1 else 0.0
        moment = self._start + dt.timedelta(milliseconds=int((number / max(events, 1) * span - late) * 1_000))
        message = self._writer.write(rng, client, moment)
        if not self._checked:
            self._check(message)
        return message

    def _check(self, message: Message) -> None:
        """Tell early when no message that is made here is selected."""
        select = self._plan.source.select
        value = decode(_bytes(message.tree), self._plan.limits)
        if select is not None and not selected(select, value):
            raise SampleError(
                "`select` asks for more than `=`, IN and AND with constants: no message can be made for it"
            )
        self._checked = True

    def _padded(self, rng: random.Random, tree: dict[str, Any]) -> bytes:
        """Add what clients send besides: the profile's noise, then a trace that fills up to the usual size."""
        for key, value in self._profile.noise.items():
            tree.setdefault(key, value)
        data = _bytes(tree)
        missing = self._profile.bytes - len(data) - 24
        if missing > 0 and "trace" not in tree:
            filler = rng.randbytes(missing // 2).hex()
            tree["trace"] = {"spans": [filler[at : at + 32] for at in range(0, int(len(filler) * 0.91), 32)]}
            data = _bytes(tree)
        return data

    def _broken(self, rng: random.Random) -> bytes:
        good = _bytes(self._message(rng, 0, 1).tree)
        cut = rng.randrange(1, len(good))
        return rng.choice((good[:cut], b"", good + b"}", b"\xff\xfe" + good, b"not json", good.replace(b":", b"=", 1)))


def _bytes(tree: Any) -> bytes:
    return _encoder.encode(tree).encode("utf-8")


_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)

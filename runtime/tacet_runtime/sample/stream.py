"""The stream: messages in time, a little out of order, with retries, other events and broken bytes among them."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import localcontext
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from tacet_runtime.sample.clients import clients
from tacet_runtime.sample.faults import Site, open_fields
from tacet_runtime.sample.fields import SampleError
from tacet_runtime.sample.makers import makers
from tacet_runtime.sample.messages import Label, Writer, put, remove
from tacet_runtime.sample.noise import Padding, broken, encoded, others
from tacet_runtime.sample.output import opened
from tacet_runtime.sample.profile import Profile
from tacet_runtime.sample.scenarios import SCENARIOS, plant, possible
from tacet_runtime.sample.selecting import Selecting
from tacet_runtime.sample.shapes import Shapes
from tacet_runtime.sample.values import micros_of, within
from tacet_runtime.steps.constraints import bounds
from tacet_runtime.steps.selection import selected
from tacet_runtime.steps.strict_json import decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TextIO

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.conditions import Reference
    from tacet_runtime.sample.faults import Fault

_START = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
_LATE = 0.1
"""The share of messages that arrive out of order."""
_DIGITS = 100
"""Decimals have up to 38, and Python would round what is next to one of them to 28."""
_STEP = 500


class NoPlaceError(SampleError):
    """A scenario has no place in these contracts; `possible` are those that have."""

    def __init__(self, scenario: str, event: str, names: list[str]) -> None:
        super().__init__(f"`{scenario}` has no place in {event}: nothing in its contract can go wrong like that")
        self.possible = names


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a sample's bytes, besides the plan. `reference`: what lookups find."""

    seed: int
    scenario: str = "mixed"
    profile: Profile = field(default_factory=Profile)
    reference: Reference = field(default_factory=dict)


def write_sample(
    plan: Plan,
    recipe: Recipe,
    out: Path,
    *,
    events: int,
    labels: Path | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write `events` messages, one a line; the same plan and recipe give the same bytes.

    `out` may end in `.gz` or `.zst`. `labels`: a file that gets one JSON object for each planted thing: `message` (the
    line, from 0), `index` (the row), `field`, `planted`, `producer`, `version`, and `expected`: a verdict of the field, or
    `rejected:KIND`, `filtered:NAME`, `flagged:NAME`, `corrected:NAME`, `skipped` for row or message.
    Raises SampleError, NoPlaceError, OSError.
    """
    with ExitStack() as files:
        files.enter_context(localcontext(prec=_DIGITS))
        stream = Stream(plan, recipe)
        target = files.enter_context(opened(out))
        notes = files.enter_context(labels.open("w", encoding="utf-8", newline="\n")) if labels is not None else None
        for number in range(events):
            data, found, client = stream.next(number / events)
            target.write(data + b"\n")
            if notes is not None and found:
                _note(notes, number, found, client)
            if number % _STEP == _STEP - 1:
                advance(_STEP)
        advance(events % _STEP)


def _note(notes: TextIO, number: int, labels: list[Label], client: Client | None) -> None:
    producer, version = (_text(client.producer), _text(client.version)) if client is not None else ("null", "null")
    notes.writelines(
        f'{{"message":{number},"index":{"null" if label.index is None else label.index},'
        f'"field":{_text(label.field)},"planted":{_text(label.planted)},'
        f'"producer":{producer},"version":{version},"expected":{_text(label.expected)}}}\n'
        for label in labels
    )


@lru_cache(maxsize=10_000)
def _text(text: str | None) -> str:
    return json.dumps(text, ensure_ascii=False)


class Stream:
    """Messages of a plan, one after the other."""

    def __init__(self, plan: Plan, recipe: Recipe) -> None:
        profile, reference = recipe.profile, recipe.reference
        self._rng = random.Random(f"tacet {recipe.seed}")  # noqa: S311  (no secret: the same seed must give the same bytes)
        self._plan, self._profile, self._scenario = plan, profile, SCENARIOS[recipe.scenario]
        self._low, self._high = _limits(plan)
        self._start = _start(profile, plan, self._low, self._high)
        base = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=self._start)  # noqa: DTZ001
        made = makers(plan, profile, reference, self._rng, base)
        selecting = Selecting(plan.source, made, self._start)
        self._clients, shares = self._senders(selecting)
        self._shares = list(accumulate(shares))
        shapes = Shapes(plan.source, profile, made)
        self._writer = Writer(plan, shapes, selecting, reference, self._rng)
        site = Site(plan, _newest_first(self._clients), shapes, reference, base.date(), open_fields(plan))
        self._planted, without = plant(self._scenario, site)
        if without and len(without) == len(self._scenario.kinds):
            raise NoPlaceError(recipe.scenario, plan.source.event, possible(site))
        self._padding = Padding(plan.source, self._rng, profile.bytes, profile.noise)
        self._others = others(plan, profile.others)
        self._sent: deque[tuple[bytes, list[Label], Client]] = deque(maxlen=64)
        self._items = self._usual_items()

    def _senders(self, selecting: Selecting) -> tuple[list[Client], list[float]]:
        found, shares = clients(self._plan.source, self._profile)
        if not found:
            raise SampleError("no producer and version was found that their fields allow")
        kept = [(c, s) for c, s in zip(found, shares, strict=True) if s and selecting.ways(c)]
        if not kept:
            raise SampleError("`select` selects no message of any producer")
        return [c for c, _ in kept], [s for _, s in kept]

    def _usual_items(self) -> tuple[int, int]:
        """Return how many rows messages have: as many as the profile says, if they fit into its size."""
        low, high = self._profile.items
        if self._plan.source.explode is None:
            return 1, 1
        one, two = (self._size(count) for count in (1, 2))
        fitting = 1 + max(0, self._profile.bytes - one) // max(1, two - one)
        return min(low, fitting), max(min(low, fitting), min(high, 2 * fitting - 1))

    def _size(self, count: int) -> int:
        sizes = [
            len(encoded(self._writer.write(self._clients[n % len(self._clients)], self._start, count).tree))
            for n in range(16)
        ]
        self._check()
        return sum(sizes) // len(sizes)

    def _check(self) -> None:
        """Tell early when what is made here is not selected."""
        select = self._plan.source.select
        tree = self._writer.write(self._clients[0], self._start, 1).tree
        if select is not None and not selected(select, decode(encoded(tree), self._plan.limits)):
            raise SampleError("`select` and the fields ask for different values at one place of a message")

    def next(self, done: float) -> tuple[bytes, list[Label], Client | None]:
        """Return the next message's bytes, its labels, and who sent it; `done` is the share of the stream before it."""
        rng, scenario = self._rng, self._scenario
        chance = rng.random()
        if chance < scenario.broken:
            data, kind = broken(rng, self._padding.padded(self._message(done, None)[1]))
            return data, [Label("broken", expected=f"rejected:{kind}")], None
        chance -= scenario.broken
        if chance < scenario.duplicates and self._sent:
            data, labels, client = rng.choice(self._sent)
            return data, [Label("duplicate"), *labels], client
        chance -= scenario.duplicates
        if self._others and chance < scenario.others:
            return self._padding.filled(rng.choice(self._others)), [Label("other", expected="skipped")], None
        client, tree, labels = self._message(done, scenario.share)
        data = self._padding.padded(tree)
        if scenario.duplicates:
            self._sent.append((data, labels, client))
        return data, labels, client

    def _message(self, done: float, share: float | None) -> tuple[Client, dict[str, object], list[Label]]:
        rng = self._rng
        client = rng.choices(self._clients, cum_weights=self._shares)[0]
        fault = self._fault(client, share) if share is not None else None
        if fault is not None and fault.client is not None:
            client = fault.client
        late = rng.expovariate(1 / 20) if rng.random() < _LATE else 0.0
        micros = self._start + int((done * self._profile.seconds - late) * 1_000) * 1_000
        if fault is not None and fault.moment is not None:
            micros = fault.moment + int(done * 3_600_000) * 1_000
        skew = fault.skew if fault is not None else 0
        micros = within(micros, self._low, None if self._high is None else self._high - skew)
        message = self._writer.write(client, micros, rng.randint(*self._items), fault)
        if fault is None or not fault.whole or self._plan.source.explode is None:
            return client, message.tree, message.labels
        if fault.items is None:
            remove(message.tree, self._plan.source.explode.steps)
        else:
            put(message.tree, self._plan.source.explode.steps, fault.items)
        return client, message.tree, [Label(fault.kind, expected=fault.expected)]

    def _fault(self, client: Client, share: float) -> Fault | None:
        rng = self._rng
        if self._planted.anybody and rng.random() < self._scenario.anybody * len(self._planted.anybody):
            return rng.choice(self._planted.anybody)
        own = self._planted.by_client.get(client)
        return rng.choice(own) if own and rng.random() < share else None


def _newest_first(clients_: list[Client]) -> tuple[Client, ...]:
    """Return the newest build of each producer, then the ones before."""
    by_name: dict[str, list[Client]] = {}
    for client in clients_:
        by_name.setdefault(client.producer, []).insert(0, client)
    most = max(map(len, by_name.values()))
    return tuple(own[at] for at in range(most) for own in by_name.values() if at < len(own))


def _limits(plan: Plan) -> tuple[int | None, int | None]:
    """Return the range of event time, in microseconds since 1970."""
    time = next(f for f in plan.source.fields if f.name == plan.source.event_time)
    low, high = bounds(time.range, time.type) if time.range is not None else (None, None)
    return None if low is None else micros_of(low), None if high is None else micros_of(high)


def _start(profile: Profile, plan: Plan, low: int | None, high: int | None) -> int:
    """Return where event time begins (microseconds since 1970): where most omissions hold, within the field's range."""
    if profile.start is not None:
        return micros_of(profile.start)
    omissions = [o for r in plan.source.registrations for o in r.omissions]
    days = [_START.date().isoformat()] + [d for o in omissions for d in (o.expires, o.since) if d is not None]
    best = max(days, key=lambda d: sum((o.since or "") <= d <= (o.expires or "9999") for o in omissions))
    moment = micros_of(dt.datetime.fromisoformat(f"{best}T00:00:00+00:00"))
    span = int(profile.seconds * 1_000_000)
    return int(within(within(moment, None, None if high is None else high - span), low, None))

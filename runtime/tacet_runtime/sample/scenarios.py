"""What is planted: each scenario changes messages in one known way, and says so; labels come from nowhere else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Required
from tacet_runtime.sample.messages import put, remove
from tacet_runtime.sample.values import source_form

if TYPE_CHECKING:
    import random

    from tacet_runtime.plan.model import Field, Source
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.messages import Message


@dataclass(frozen=True, slots=True)
class Label:
    """One planted thing: in a row's field, in a row (`field` None), or in a whole message (`index` None)."""

    planted: str
    index: int | None = None
    field: str | None = None
    expected: str | None = None
    """The verdict, reject kind or outcome that this deserves, by construction."""


@dataclass(frozen=True, slots=True)
class Planter:
    """Everything a scenario needs to know about the source and its clients."""

    source: Source
    clients: list[Client]
    targets: list[Field] = field(default_factory=list)

    @property
    def faulty(self) -> Client:
        """The build that has the bug: the last version of the last producer."""
        return self.clients[-1]


Plant = Callable[["random.Random", "Message", Planter], list[Label]]


def plain_fields(source: Source) -> list[Field]:
    """Return fields that may go wrong without the row being lost: required, no identity, read by nothing else here."""
    special = {source.event_time, source.producer_name, source.producer_version}
    return [
        f
        for f in source.fields
        if isinstance(f.presence, Required) and not f.identity and not f.reject_on_bug and f.name not in special
        and f.path.steps and not _read_by_conditions(f.name, source)
    ]  # fmt: skip


def _read_by_conditions(name: str, source: Source) -> bool:
    from tacet_runtime.plan.model import RequiredWhen  # noqa: PLC0415
    from tacet_runtime.plan.walk import columns  # noqa: PLC0415

    conditions = [p.condition for v in source.versions for p in v.presence.values() if isinstance(p, RequiredWhen)]
    return any(name in columns(c) for c in [*conditions, *(r.check for r in source.rules)])


def _items(message: Message, source: Source) -> list[Any]:
    """Return the roots of the rows: the elements, or the message itself."""
    if source.explode is None:
        return [message.tree]
    node: Any = message.tree
    for step in source.explode.steps:
        node = node[step]
    return list(node)


def _roots(message: Message, target: Field, source: Source) -> list[tuple[int, Any]]:
    """Return (row, root) of each place where a field stands."""
    if target.path.root == "$item":
        return list(enumerate(_items(message, source)))
    return [(0, message.tree)]


def _rows(message: Message, target: Field, index: int) -> list[int]:
    return [index] if target.path.root == "$item" else list(range(len(message.rows)))


def _of(planter: Planter, message: Message) -> Field | None:
    """Return the field that goes wrong in this client: one that its contract demands."""
    day = message.moment.date().isoformat()
    client = message.client
    fine = (f for f in planter.targets if f.name in client.fields and client.omission(f.name, day) is None)
    return next(fine, None)


def logging_bug(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """One build forgets a field that it registered, in half of its messages."""
    target = _of(planter, message)
    if message.client != planter.faulty or target is None or rng.random() > 0.5:
        return []
    labels = []
    for index, root in _roots(message, target, planter.source):
        if remove(root, target.path.steps):
            labels += [Label("logging_bug", row, target.name, "logging_bug") for row in _rows(message, target, index)]
    return labels


def null_instead(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """One build sends null where it registered a value."""
    target = _of(planter, message)
    if message.client != planter.faulty or target is None or rng.random() > 0.3:
        return []
    labels = []
    for index, root in _roots(message, target, planter.source):
        if remove(root, target.path.steps):
            put(root, target.path.steps, None)
            labels += [Label("null", row, target.name, "logging_bug") for row in _rows(message, target, index)]
    return labels


def wrong_type(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """One build sends another JSON type."""
    target = _of(planter, message)
    if message.client != planter.faulty or target is None or rng.random() > 0.2:
        return []
    labels = []
    for index, root in _roots(message, target, planter.source):
        if remove(root, target.path.steps):
            put(
                root,
                target.path.steps,
                {"value": 1} if not isinstance(target.type, t.MapType | t.StructType) else "text",
            )
            labels += [Label("wrong_type", row, target.name, "invalid:type") for row in _rows(message, target, index)]
    return labels


def out_of_range(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """One build sends a number above its range."""
    ranged = [
        f for f in planter.source.fields
        if f.range is not None and f.range.high is not None and isinstance(f.type, t.IntType | t.LongType)
        and not f.identity and not f.reject_on_bug and f.path.steps and f.encoding == "json"
    ]  # fmt: skip
    if not ranged or message.client != planter.faulty or rng.random() > 0.2:
        return []
    target = ranged[0]
    high = target.range.high if target.range else None
    if not isinstance(high, int) or high >= 2**31 - 2:
        return []
    labels = []
    for index, root in _roots(message, target, planter.source):
        if remove(root, target.path.steps):
            put(root, target.path.steps, high + 1)
            labels += [
                Label("out_of_range", row, target.name, "invalid:range") for row in _rows(message, target, index)
            ]
    return labels


def clock_skew(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """One build's clock runs 90 seconds ahead."""
    source = planter.source
    target = next(f for f in source.fields if f.name == source.event_time)
    if message.client != planter.faulty or rng.random() > 0.3 or target.path.root != "$":
        return []
    moment = message.moment.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=90)
    put(message.tree, target.path.steps, source_form(moment, target.type, target.encoding))
    return [Label("clock_skew", row, target.name) for row in range(len(message.rows))]


def unknown_producer(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """A build that nobody registered sends, and leaves a field out."""
    source = planter.source
    target = next(f for f in source.fields if f.name == source.producer_version)
    if rng.random() > 0.02 or target.path.root != "$" or isinstance(target.type, t.IntType | t.LongType | t.DateType):
        return []
    put(message.tree, target.path.steps, "0-unregistered" if target.pattern is None else None)
    return [Label("unknown_producer", row, None, "unknown_producer") for row in range(len(message.rows))]


def nothing(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """Plant nothing."""
    del rng, message, planter
    return []


def mixed(rng: random.Random, message: Message, planter: Planter) -> list[Label]:
    """A bit of everything, one thing a message."""
    plant = rng.choices(
        (nothing, logging_bug, wrong_type, out_of_range, clock_skew, null_instead), (0.6, 0.2, 0.05, 0.05, 0.05, 0.05)
    )[0]
    return plant(rng, message, planter)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is planted in messages, and how much of the stream around them is trouble."""

    plant: Plant
    purpose: str
    broken: float = 0.0
    duplicates: float = 0.0
    others: float = 0.0


SCENARIOS: dict[str, Scenario] = {
    "mixed": Scenario(
        mixed, "a real day: bugs, omissions, duplicates, other events, broken messages", 0.002, 0.004, 0.03
    ),
    "clean": Scenario(nothing, "nothing is wrong; only what is declared is left out"),
    "omission": Scenario(nothing, "what is declared is left out, and labelled"),
    "logging_bug": Scenario(logging_bug, "one build forgets a field"),
    "null": Scenario(null_instead, "one build sends null"),
    "wrong_type": Scenario(wrong_type, "one build sends another JSON type"),
    "out_of_range": Scenario(out_of_range, "one build sends a number above its range"),
    "clock_skew": Scenario(clock_skew, "one build's clock runs ahead"),
    "unknown_producer": Scenario(unknown_producer, "a build that nobody registered"),
    "duplicates": Scenario(nothing, "clients retry", duplicates=0.2),
    "poison": Scenario(nothing, "half of the queue is no JSON", broken=0.5),
}

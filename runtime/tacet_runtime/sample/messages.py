"""One message of one client: values by field, decided by presence, put where their paths say."""

from __future__ import annotations

import datetime as dt
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Call, Literal, PathValue
from tacet_runtime.plan.model import Optional, RequiredWhen
from tacet_runtime.sample.values import maker, source_form
from tacet_runtime.steps.expressions import evaluate
from tacet_runtime.steps.results import Values

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Field, Source
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.profile import Profile

OPTIONAL_SHARE = 0.7


class Message:
    """A message as it was made: its tree, and for each row the typed values and what was left out on purpose."""

    __slots__ = ("client", "left_out", "moment", "rows", "tree")

    def __init__(self, client: Client, moment: dt.datetime) -> None:
        self.client = client
        self.moment = moment
        self.tree: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.left_out: list[tuple[int, str, str]] = []
        """(row, field, verdict that this deserves)."""


class Writer:
    """Makes messages. `keys`: field -> values that its lookup knows."""

    def __init__(self, source: Source, profile: Profile, keys: Mapping[str, Sequence[Any]]) -> None:
        self._source = source
        self._profile = profile
        self._keys = keys
        self._makers = {f.name: self._maker(f) for f in source.fields}
        self._presences = {version.version: version.presence for version in source.versions}
        self._selected = _selected(source.select) if source.select is not None else []
        self._message_fields = [f for f in _ordered(source) if f.path.root == "$"]
        self._row_fields = [f for f in _ordered(source) if f.path.root != "$"]

    def _maker(self, field: Field) -> Any:
        choice = self._profile.fields.get(field.name, {}).get("choice")
        if choice:
            weights = list(accumulate(1 / (rank + 1) ** 0.7 for rank in range(len(choice))))
            return lambda rng, _: rng.choices(choice, cum_weights=weights)[0]
        known = self._keys.get(field.name)
        if known:
            shares = list(accumulate(1 / (rank + 3) for rank in range(len(known))))
            return lambda rng, _: rng.choices(known, cum_weights=shares)[0]
        return maker(field)

    def write(self, rng: random.Random, client: Client, moment: dt.datetime) -> Message:
        """Return a message that a correct client of this version sends at this moment (naive, UTC)."""
        message = Message(client, moment)
        for steps, literal in self._selected:
            put(message.tree, steps, literal)
        shared = Values()
        day = moment.date().isoformat()
        late = [f for f in self._message_fields if not self._send(rng, f, message, None, shared, day)]
        source = self._source
        count = rng.randint(*self._profile.items) if source.explode is not None else 1
        items: list[dict[str, Any]] = [{} for _ in range(count)]
        for index in range(count):
            values = Values(shared)
            message.rows.append(values)
            for field in self._row_fields:
                if field.path.root == "$index":
                    values[field.name] = index
                    continue
                if not self._send(rng, field, message, items[index], values, day):
                    self._excuse(field, message, index, day, values)
            for field in late:
                self._excuse(field, message, index, day, values)
        if source.explode is not None:
            put(message.tree, source.explode.steps, items)
        return message

    def _send(
        self,
        rng: random.Random,
        field: Field,
        message: Message,
        item: dict[str, Any] | None,
        values: Values,
        day: str,
    ) -> bool:
        """Put a field's value into the message when a correct client sends it; tell whether it did."""
        client = message.client
        if field.name not in client.fields or client.omission(field.name, day) is not None:
            return False
        presence = self._presence(field, client)
        if isinstance(presence, Optional) and rng.random() > OPTIONAL_SHARE:
            return False
        if isinstance(presence, RequiredWhen) and evaluate(presence.condition, values)[0] is not True:
            return False
        value = self._value(rng, field, message)
        if value is None:
            return False
        values[field.name] = value
        root = message.tree if item is None else item
        steps = field.path.steps
        if field.path.root == "$item" and not steps:
            return True
        put(root, steps, source_form(value, field.type, field.encoding))
        return True

    def _presence(self, field: Field, client: Client) -> Any:
        contract = client.registration.contract if client.registration else self._source.version
        return self._presences[contract].get(field.name, field.presence)

    def _value(self, rng: random.Random, field: Field, message: Message) -> Any:
        source, client = self._source, message.client
        if field.name == source.event_time:
            return message.moment.replace(tzinfo=dt.UTC)
        if field.name == source.producer_name:
            return client.producer
        if field.name == source.producer_version:
            return _version_value(client.version, field.type)
        return self._makers[field.name](rng, message.moment)

    def _excuse(self, field: Field, message: Message, index: int, day: str, values: Values) -> None:
        """Note why a field was left out, by what was decided here."""
        client = message.client
        presence = self._presence(field, client)
        if isinstance(presence, RequiredWhen):
            needed = evaluate(presence.condition, values)[0]
            if needed is not True:
                message.left_out.append((index, field.name, "undetermined" if needed is None else "not_applicable"))
                return
        omission = client.omission(field.name, day)
        if omission is not None:
            message.left_out.append((index, field.name, f"declared_omission:{omission}"))
        elif client.registration is not None and field.name not in client.fields:
            message.left_out.append((index, field.name, f"declared_omission:predates-{field.since}"))
        elif isinstance(presence, Optional):
            message.left_out.append((index, field.name, "optional"))


def put(root: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """Put a value where steps lead, through objects that are made on the way."""
    node = root
    for step in steps[:-1]:
        inner = node.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = node[step] = {}
        node = inner
    node[steps[-1]] = value


def remove(root: Any, steps: tuple[str, ...]) -> bool:
    """Take a value away; tell whether it was there."""
    node = root
    for step in steps[:-1]:
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    return isinstance(node, dict) and node.pop(steps[-1], _NOTHING) is not _NOTHING


_NOTHING = object()


def _version_value(version: str, type_: Any) -> Any:
    if isinstance(type_, t.IntType | t.LongType):
        return int(version)
    return dt.date.fromisoformat(version) if isinstance(type_, t.DateType) else version


def _ordered(source: Source) -> list[Field]:
    """Return fields so that a condition's inputs come before it."""
    plain = [f for f in source.fields if not isinstance(f.presence, RequiredWhen)]
    return plain + [f for f in source.fields if isinstance(f.presence, RequiredWhen)]


def _selected(select: Expression) -> list[tuple[tuple[str, ...], Any]]:
    """Return what a message must hold to be selected, as far as the condition says so with `=`, IN and AND."""
    match select:
        case Call("and", args):
            return [found for arg in args for found in _selected(arg)]
        case Call("eq", (PathValue(path), Literal(_, value))) | Call("eq", (Literal(_, value), PathValue(path))):
            return [(path.steps, value)]
        case Call("in", (PathValue(path), Literal(_, value), *_)):
            return [(path.steps, value)]
        case _:
            return []

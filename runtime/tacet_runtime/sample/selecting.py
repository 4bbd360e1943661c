"""Messages that a contract selects: which values its paths must have, and where fields may keep their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk
from tacet_runtime.sample.clients import version_value
from tacet_runtime.sample.conditions import ABSENT, Assignment, assignments, holds
from tacet_runtime.sample.fields import SampleError, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Field, Source
    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.fields import Maker

_TRIED = 24


class Selecting:
    """Ways to be selected, for each client: steps of a path -> form, `ABSENT` where nothing may stand."""

    def __init__(self, source: Source, makers: Mapping[str, Maker], micros: int) -> None:
        self._source = source
        self._makers = makers
        self._micros = micros
        self._fields = {f.path.steps: f for f in source.fields if f.path.root == "$" and f.path.steps}
        named = {source.producer_name, source.producer_version}
        self._producer = [f for f in source.fields if f.name in named and f.path.root == "$"]
        self._known: dict[tuple[str, str], list[Assignment]] = {}
        read = [] if source.select is None else [e for e in walk(source.select) if isinstance(e, PathValue)]
        self._types = {e.path.steps: e.type for e in read}
        self.reads_fields = any(steps in self._fields for steps in self._types)
        self._found = assignments(source.select) if source.select is not None else [{}]
        if not self._found:
            raise SampleError("no message was found that `select` selects: it asks for more than could be tried")

    def ways(self, client: Client) -> list[Assignment]:
        """Return the ways for a client's messages; empty when its messages are never selected."""
        key = (client.producer, client.version)
        if key not in self._known:
            self._known[key] = self._ways(client) if self._source.select is not None else [{}]
        return self._known[key]

    def _ways(self, client: Client) -> list[Assignment]:
        select = self._source.select
        if select is None:
            return [{}]
        own = {f.path.steps: self._own(f, client) for f in self._producer}
        found: list[Assignment] = []
        for way in self._found:
            fixed = {**way, **{steps: value for steps, value in own.items() if steps in way}}
            if holds(select, fixed):
                found += self._loosened(select, fixed, own)
        return [way for at, way in enumerate(found) if way not in found[:at]][:_TRIED]

    def selects(self, way: Assignment, forms: Mapping[tuple[str, ...], Any]) -> bool:
        """Tell whether a message with these forms, besides the way's, is selected."""
        select = self._source.select
        given = {s: _null(typed(forms[s], type_)) for s, type_ in self._types.items() if s in forms}
        return select is None or holds(select, {**way, **given})

    def _own(self, field: Field, client: Client) -> Any:
        if field.name == self._source.producer_name:
            return client.producer
        found = version_value(client.version, field.type)
        return found if isinstance(found, int) else client.version

    def _loosened(self, select: Expression, way: Assignment, own: Assignment) -> list[Assignment]:
        """Let fields keep their own values where those are selected; else offer some of them that are."""
        ways = [way]
        for steps in [s for s in way if s in self._fields and s not in own]:
            field = self._fields[steps]
            made = [self._makers[field.name](self._micros, {})[1] for _ in range(_TRIED)]
            seen = [(form, typed(form, self._types[steps])) for form in made]
            fitting = [form for form, value in seen if holds(select, {**way, steps: _null(value)})]
            if len(fitting) == len(made) or field.name == self._source.event_time:
                ways = [{s: v for s, v in one.items() if s != steps} for one in ways]
            elif fitting:
                ways = [{**one, steps: form} for one in ways for form in fitting[:6]]
        return [{s: v for s, v in one.items() if s not in own} for one in ways[:_TRIED]]


def _null(value: Any) -> Any:
    return ABSENT if value is None else value

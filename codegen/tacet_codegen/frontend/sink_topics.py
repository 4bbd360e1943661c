"""Which topics all events write: one writer each, and no way from a topic back to where its messages come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.model import DerivedEvent, RawEvent


@dataclass(frozen=True, slots=True)
class _Written:
    """An event writes `topic`, from the messages of `source`."""

    source: str
    topic: str
    owner: str
    span: Span


def check_topics(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent], problems: Problems) -> None:
    """Check that no two events write one topic, and that no job consumes, by whatever way, what it writes."""
    written = list(_topics(raw_events, derived))
    owners: dict[str, str] = {}
    ways: dict[str, set[str]] = {}
    for one in written:
        ways.setdefault(one.source, set()).add(one.topic)
        other = owners.setdefault(one.topic, one.owner)
        if other != one.owner:
            text = f"topic `{one.topic}` is written by `{other}` and by `{one.owner}`"
            problems.add("E404", text, one.span, "give each event a topic of its own")
    for one in written:
        if one.source in _from(one.topic, ways):
            problems.add(
                "E404",
                f"topic `{one.topic}` leads back to `{one.source}`, from which `{one.owner}` is made: it would be consumed again, for ever",
                one.span,
                "write to a topic that no source of this event reads",
            )


def _from(topic: str, ways: Mapping[str, set[str]]) -> set[str]:
    """Return a topic and all that is made of it."""
    found, left = {topic}, [topic]
    while left:
        for following in ways.get(left.pop(), ()):
            if following not in found:
                found.add(following)
                left.append(following)
    return found


def _topics(raw_events: Iterable[RawEvent], derived: Iterable[DerivedEvent]) -> Iterable[_Written]:
    for raw in raw_events:
        if raw.sinks.kafka is not None:
            yield _Written(raw.source.topic, raw.sinks.kafka.topic, raw.header.qualified, raw.sinks.kafka.span)
    for event in derived:
        if event.sinks.kafka is not None:
            source = event.raw.source.topic
            yield _Written(source, event.sinks.kafka.topic, event.header.qualified, event.sinks.kafka.span)

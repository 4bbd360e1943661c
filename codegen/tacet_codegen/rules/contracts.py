"""Rules over one contract at a time: events and tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.ir.model import RawEvent
from tacet_codegen.rules.alerts import dead_alerts
from tacet_codegen.rules.base import Finding, Rule
from tacet_runtime.plan.expressions import Column, PathValue
from tacet_runtime.plan.model import Optional, RequiredWhen
from tacet_runtime.plan.walk import walk

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.ir.model import DerivedEvent, Header, Repository
    from tacet_runtime.plan.expressions import Expression

_PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|msisdn|ssn|passport|iban|ip|ip_address|birth_?date|birthday|surname|first_name|last_name"
    r"|full_name|street|postcode|zip_code|latitude|longitude|gps)(_|$)",
    re.IGNORECASE,
)
_LEVELS = ("none", "internal", "restricted")


def _headers(repository: Repository) -> Iterator[Header]:
    yield from (event.header for event in _events(repository))
    yield from (table.header for table in repository.tables)


def _undocumented(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for header in _headers(repository):
        if not header.doc:
            yield Finding(header.span, f"`{header.reference}` has no `doc`", "say in a sentence what one row of it is")


def _untold(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for header in _headers(repository):
        if not header.owner.notify:
            yield Finding(
                header.span,
                f"nobody is told about `{header.reference}`",
                'add `notify: ["slack:#channel"]` to the owner',
            )


def _timeless(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in repository.raw_events:
        field = next(f for f in event.fields if f.name == event.source.event_time)
        if isinstance(field.presence, Optional | RequiredWhen):
            yield Finding(
                field.span,
                f"event_time `{field.name}` is not required",
                "make it `presence: required`: a row without it is excused by no dated omission",
            )


def _conditions(event: RawEvent | DerivedEvent) -> Iterator[tuple[str, Expression, Span]]:
    """Yield what the condition is called, the condition, and its place."""
    if isinstance(event, RawEvent):
        yield from _raw_conditions(event)
        return
    for filter_ in event.filters:
        yield f"drop_when of `{filter_.name}`", filter_.drop_when, filter_.span
    for correction in event.corrections:
        yield f"when of `{correction.name}`", correction.when, correction.span
    for rule in event.agreements:
        yield f"check of `{rule.name}`", rule.check, rule.span


def _raw_conditions(event: RawEvent) -> Iterator[tuple[str, Expression, Span]]:
    if event.source.select is not None:
        yield "select", event.source.select, event.header.span
    for field in event.fields:
        if isinstance(field.presence, RequiredWhen):
            yield f"required_when of `{field.name}`", field.presence.condition, field.span
    for rule in event.rules:
        yield f"check of `{rule.name}`", rule.check, rule.span


def _events(repository: Repository) -> tuple[RawEvent | DerivedEvent, ...]:
    return (*repository.raw_events, *repository.derived_events)


def _constant(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in _events(repository):
        for what, condition, span in _conditions(event):
            if not any(isinstance(part, Column | PathValue) for part in walk(condition)):
                yield Finding(
                    span, f"{what} reads no field: it is the same for every row", "name a field in it, or remove it"
                )


def _said_twice(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in _events(repository):
        first: list[tuple[str, Expression]] = []
        for what, condition, span in _conditions(event):
            if what.startswith(("required_when", "when")):
                continue
            other = next((name for name, earlier in first if earlier == condition), None)
            if other is not None:
                yield Finding(
                    span, f"{what} says what {other} says", "remove one: rows would be counted under both names"
                )
            first.append((what, condition))


def _unused_lookup(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in repository.derived_events:
        used = {name.partition(".")[0] for field in event.fields for name in field.inputs if "." in name}
        for lookup in event.lookups:
            if lookup.name not in used and lookup.on_miss == "keep":
                yield Finding(
                    lookup.span, f"no field uses lookup `{lookup.name}`", "remove it: it is joined for every row"
                )


def _weaker_pii(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in repository.derived_events:
        raw = {field.name: field for field in event.raw.fields}
        for field in event.fields:
            for name in field.inputs:
                if name in raw and _LEVELS.index(field.pii) < _LEVELS.index(raw[name].pii):
                    yield Finding(
                        field.span,
                        f"`{field.name}` is `pii: {field.pii}`, and is made of `{name}`, which is `{raw[name].pii}`",
                        f"write `pii: {raw[name].pii}`, or waive it with the reason why nothing personal is left",
                    )
                    break


def _unreleased(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in repository.derived_events:
        if event.header.status == "draft":
            continue
        read = [(event.raw.header, event.header.span), *((k.table.header, k.span) for k in event.lookups)]
        for header, span in read:
            if header.status == "draft":
                yield Finding(
                    span,
                    f"`{event.header.reference}` is {event.header.status}, and reads the draft `{header.reference}`",
                    "release the draft first: it may still change",
                )


def _personal(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    for event in repository.raw_events:
        for field in event.fields:
            if field.pii == "none" and _PERSONAL.search(field.name):
                yield Finding(
                    field.span,
                    f"`{field.name}` sounds personal, and has no `pii`",
                    "write `pii: restricted` or `pii: internal`",
                )


CONTRACTS = (
    Rule(
        "W701", "warning", "every contract says in `doc` what one row of it is",
        "A consumer has to ask, or guess.", "Add one sentence.", _undocumented,
    ),
    Rule(
        "W702", "info", "somebody is told when something is wrong with a contract's data",
        "Alerts of a contract without `notify` reach nobody.", "Add `notify` to the owner.", _untold,
    ),
    Rule(
        "W703", "warning", "the event time is required",
        "Omissions are judged by event time; a row without one is excused by none that has a date.",
        "Make the field required, or choose another one.", _timeless,
    ),
    Rule(
        "W704", "warning", "every condition reads a field",
        "A condition that is the same for every row keeps all or drops all.",
        "Name a field in it, or remove it.", _constant,
    ),
    Rule(
        "W705", "warning", "no two conditions of an event say the same",
        "A row is counted under both names, and one of them is not what was meant.", "Remove one.", _said_twice,
    ),
    Rule(
        "W706", "warning", "every lookup is used",
        "A join that no field needs costs time in every batch.",
        "Use a column of it, or remove it. A lookup with `missing: reject` is used by that.", _unused_lookup,
    ),
    Rule(
        "W707", "warning", "a derived field is at least as personal as what it is made of",
        "`pii` decides who may read a column; a copy must not open what its source closes.",
        "Leave `pii` out, and it is taken over; or waive it with a reason.", _weaker_pii,
    ),
    Rule(
        "W708", "warning", "every alert can fire",
        "An alert on a verdict that its field never has looks like safety, and is none.",
        "Watch another metric or another field.", dead_alerts,
    ),
    Rule(
        "W709", "warning", "what is released reads only what is released",
        "A draft may change, and the released contract's meaning with it.", "Release the draft first.", _unreleased,
    ),
    Rule(
        "W710", "info", "a field whose name sounds personal says how personal it is",
        "Columns without `pii` are readable by everybody.", "Add `pii`, or waive it with a reason.", _personal,
    ),
)  # fmt: skip

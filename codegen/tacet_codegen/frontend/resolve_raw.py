"""A raw event as meant: conditions typed, presence settled, the version that first had each field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.frontend.expressions import Scope, parse
from tacet_codegen.frontend.promotion import check_types
from tacet_codegen.ir.model import RawEvent, RawField, Rule, SourceSpec
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Optional, Required, RequiredWhen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.raw import WrittenField, WrittenRaw, WrittenRule
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.frontend.written import Written
    from tacet_codegen.ir.model import Version
    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Presence


def resolve_raw(written: Written, problems: Problems) -> tuple[RawEvent, ...]:
    """Settle every raw event, oldest version first; what is wrong is left out, and its name is broken."""
    ordered = sorted(written.raw, key=lambda e: (e.header.qualified, e.header.version.key))
    check_types(((e.header.qualified, f.name, f.type, f.span) for e in ordered for f in e.fields), problems)
    since: dict[tuple[str, str], Version] = {}
    events = []
    for event in ordered:
        for field in event.fields:
            since.setdefault((event.header.qualified, field.name), event.header.version)
        resolved = _raw_event(event, since, problems)
        if resolved is not None:
            events.append(resolved)
        else:
            written.broken.add(event.header.qualified)
    return tuple(events)


def _raw_event(event: WrittenRaw, since: Mapping[tuple[str, str], Version], problems: Problems) -> RawEvent | None:
    before = problems.errors
    scope = Scope({f.name: f.type for f in event.fields})
    fields = [_raw_field(f, scope, since[event.header.qualified, f.name], problems) for f in event.fields]
    rules = [rule(r, scope, problems) for r in event.rules]
    select = condition(event.select, Scope({}, paths=True), problems) if event.select else None
    if problems.errors > before:
        return None
    return RawEvent(
        header=event.header,
        source=SourceSpec(
            event.topic, select, event.select.value if event.select else None, event.explode, event.event_time
        ),
        producer=event.producer,
        unknown_fields=event.unknown_fields,
        fields=tuple(f for f in fields if f),
        rules=tuple(r for r in rules if r),
        sinks=event.sinks,
    )


def _raw_field(written: WrittenField, scope: Scope, since: Version, problems: Problems) -> RawField | None:
    presence: Presence
    if written.when is not None:
        when = condition(written.when, scope, problems)
        if when is None:
            return None
        presence = RequiredWhen(when)
    else:
        presence = Required() if written.presence == "required" else Optional()
    return RawField(
        name=written.name,
        id=0,
        type=written.type,
        path=written.path,
        encoding=written.encoding,
        presence=presence,
        when=written.when.value if written.when else None,
        identity=written.identity,
        reject_on_bug=written.reject_on_bug,
        constraint=written.constraint,
        pii=written.pii,
        doc=written.doc,
        since=since,
        span=written.span,
    )


def condition(text: Scalar, scope: Scope, problems: Problems) -> Expression | None:
    """Type an expression that must be boolean."""
    return parse(text.value, text.at, scope, problems.found, expected=t.BooleanType())


def rule(written: WrittenRule, scope: Scope, problems: Problems) -> Rule | None:
    """Type a rule or an agreement."""
    check = condition(written.check, scope, problems)
    if check is None:
        return None
    return Rule(written.name, check, written.check.value, written.otherwise, written.severity, written.span)

"""Which verdicts a derived field can have at all, and the alerts that wait for one it cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tacet_codegen.rules.base import Finding
from tacet_runtime.plan.model import Optional, Required, RequiredWhen

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from tacet_codegen.ir.model import DerivedEvent, DerivedField, RawField, Repository

_NAMED = {"logging_bug_rate", "unknown_producer_rate", "declared_omission_rate"}


def dead_alerts(repository: Repository, _: dt.date | None) -> Iterator[Finding]:
    """Find alerts on a metric that is always zero."""
    for event in repository.derived_events:
        raw = {field.name: field for field in event.raw.fields}
        possible = {field.name: _metrics(field, event, raw) for field in event.fields}
        possible["*"] = set().union(*possible.values())
        for alert in event.quality.alerts if event.quality else ():
            if alert.metric not in possible[alert.field]:
                yield Finding(
                    alert.span,
                    f"alert on `{alert.field}` never fires: its {alert.metric} is always zero",
                    f"possible here: {', '.join(sorted(possible[alert.field]))}",
                )


def _metrics(field: DerivedField, event: DerivedEvent, raw: dict[str, RawField]) -> set[str]:
    found = {"null_rate"}
    if any("." in name for name in field.inputs):
        found.add("lookup_miss_rate")
    if event.corrections:
        found.add("corrected_rate")
    if any(rule.otherwise == "flag" for rule in (*event.agreements, *event.raw.rules)):
        found.add("flagged_rate")
    if field.taken_over is not None and field.taken_over in raw:
        return found | _of_source(raw[field.taken_over])
    if field.taken_over is not None:
        return found | {"logging_bug_rate", "optional_rate"}
    return found | {"expression_error_rate"}


def _of_source(source: RawField) -> set[str]:
    found = {"absent_rate", "invalid_rate"}
    if source.identity:
        return set()
    match source.presence:
        case Required():
            return found | _NAMED
        case RequiredWhen():
            return found | _NAMED | {"not_applicable_rate", "undetermined_rate"}
        case Optional():
            return found | {"optional_rate", "declared_omission_rate"}
        case _:
            assert_never(source.presence)

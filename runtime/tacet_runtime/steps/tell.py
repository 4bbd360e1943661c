"""What a step did, in words for a person: the text of `tacet explain --format text`. What it means is told elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.steps.results import Step
from tacet_runtime.steps.show import line_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal

    from tacet_runtime.steps.results import Reject, Row


def told_judgement(row: Row, producer: str, reasons: Mapping[str, str]) -> Iterator[Step]:
    """Yield who sent the row and when, what was sent as it should be, and each field that was not, with the reason."""
    yield Step("judge", f"producer: {line_text(producer)}")
    moment = row.event_time
    yield Step("judge", f"event time: {moment.isoformat() if moment is not None else 'none, no dated omission holds'}")
    present = [name for name, verdict in row.verdicts.items() if verdict == "present"]
    if present:
        yield Step("judge", f"present: {', '.join(present)}")
    for name, verdict in row.verdicts.items():
        if verdict == "present":
            continue
        if name in row.sent:
            yield Step("judge", f"{name}: {verdict} ({row.sent[name]})")
        else:
            how = "null" if name in row.nulls else "absent"
            yield Step("judge", f"{name}: {verdict} ({how}; {reasons[name]})")


def told_sent(value: str) -> str:
    """Say what was sent for a field, given as JSON."""
    return f"sent {line_text(value)}"


def told_parent(path: str, value: str) -> str:
    """Say what stood where a field's parent should be."""
    return f"{line_text(path)} is no object: {line_text(value)}"


def told_check(name: str, otherwise: Literal["reject", "flag"], *, holds: bool | None) -> str:
    """Say how a rule or an agreement went: only FALSE fails."""
    if holds is False:
        return f"{name}: FALSE, {'rejected' if otherwise == 'reject' else 'flagged'}"
    return f"{name}: {told_truth(holds)}"


def told_truth(value: Any) -> str:
    """Spell a truth value as SQL does."""
    return "NULL" if value is None else str(value).upper()


def told_reject(reject: Reject) -> str:
    """Say why something was rejected, and the line of the contract that says so."""
    of = f" of {reject.field}" if reject.field else ""
    detail = f": {reject.detail}" if reject.detail else ""
    return f"{reject.kind}{of}{detail} ({reject.line})"

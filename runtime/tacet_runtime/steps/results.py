"""What became of one message, complete: engines make rows of it, `tacet explain` prints it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import datetime as dt

Result: TypeAlias = Literal["emitted", "rejected", "filtered", "skipped"]


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a message or a row was kept apart. `line` is the place in the contract."""

    kind: str
    field: str | None = None
    detail: str | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage, and what it did."""

    stage: str
    text: str


class Values(dict[str, Any]):
    """Values by field; a field that only an older contract version had is NULL."""

    def __missing__(self, key: str) -> None:
        return None


@dataclass(slots=True)
class Row:
    """One exploded row on its way. Values and verdicts hold every field; `derived*` are empty before that stage."""

    index: int
    outcome: Result = "emitted"
    reject: Reject | None = None
    filter: str | None = None
    values: Values = field(default_factory=Values)
    """Raw fields as typed, before corrections."""
    verdicts: dict[str, str] = field(default_factory=dict)
    nulls: list[str] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    raw_flags: list[str] = field(default_factory=list)
    archived: bool = False
    """Whether the row passed identity, on_bug and rules: it belongs to the raw archive."""
    registered: str | None = None
    producer: str | None = None
    producer_version: str | None = None
    event_time: dt.datetime | None = None
    corrected: dict[str, Any] = field(default_factory=dict)
    corrected_verdicts: dict[str, str] = field(default_factory=dict)
    corrections: list[str] = field(default_factory=list)
    derived: dict[str, Any] = field(default_factory=dict)
    derived_verdicts: dict[str, str] = field(default_factory=dict)
    agreement_flags: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    """What was sent for the invalid fields, in words; only when steps are told."""

    @property
    def flags(self) -> list[str]:
        """Return the names of rules and agreements that flagged the row."""
        return [*self.raw_flags, *self.agreement_flags]

    def absences(self) -> dict[str, str]:
        """Return the raw fields that are missing or invalid, with their verdict."""
        return {name: verdict for name, verdict in self.verdicts.items() if verdict != "present"}

    def derived_absences(self) -> dict[str, str]:
        """Return the derived fields that are NULL, with the reason."""
        return {name: verdict for name, verdict in self.derived_verdicts.items() if verdict != "present"}


@dataclass(slots=True)
class MessageResult:
    """What became of one message."""

    outcome: Result
    reject: Reject | None = None
    """Set when the message was rejected whole; rows have their own."""
    filter: str | None = None
    rows: list[Row] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

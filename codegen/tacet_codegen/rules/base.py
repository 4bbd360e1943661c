"""What a rule is: an id, what it checks, and a function from all contracts to what it finds. One row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.ir.model import Repository


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule does not hold, and a way out."""

    span: Span
    message: str
    hint: str


if TYPE_CHECKING:
    Find: TypeAlias = Callable[[Repository, dt.date | None], Iterable[Finding]]
    """The second argument is today, or None when time is not to be looked at."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: `checks` completes "Checks that", `why` says what it costs when it does not hold."""

    id: str
    severity: Literal["warning", "info"]
    checks: str
    why: str
    way_out: str
    find: Find

"""`tacet check`: every contract, every problem at once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Usage, finish, message, show
from tacet.repository import there
from tacet_codegen.diagnostics import has_errors, in_order
from tacet_codegen.frontend import load
from tacet_codegen.frontend.released import newly_released
from tacet_codegen.rules import lint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tacet_codegen.diagnostics import Diagnostic
    from tacet_codegen.ir.model import Repository


def check(
    today: Annotated[
        str, typer.Option("--today", help="Judge omissions and waivers as on this day (YYYY-MM-DD, UTC).")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 for warnings too.")] = False,
) -> None:
    """Check every contract: all problems, each with position and a way out."""
    there()
    found, repository = diagnose(OPTIONS.contracts, _day(today))
    show(found)
    message(_summary(found, repository))
    failed = has_errors(found) or (strict and any(d.severity == "warning" for d in found))
    finish(1 if failed else 0)


def diagnose(contracts: Path, today: dt.date) -> tuple[Sequence[Diagnostic], Repository | None]:
    """Return everything that is wrong or worth a look, in order, and the contracts' meaning when there is no error."""
    loaded = load(contracts)
    if loaded.repository is None:
        return loaded.diagnostics, None
    return in_order([*loaded.diagnostics, *lint(loaded.repository, loaded.waivers, today)]), loaded.repository


def _day(text: str) -> dt.date:
    if not text:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise Usage(f"--today `{text}` is no day: write YYYY-MM-DD") from None


def _summary(found: Sequence[Diagnostic], repository: Repository | None) -> str:
    counts = [
        f"{number} {severity}{'s' if number > 1 else ''}"
        for severity in ("error", "warning")
        if (number := sum(d.severity == severity for d in found))
    ]
    if repository is None:
        return ", ".join(counts)
    events = len(repository.raw_events) + len(repository.derived_events)
    read = f"{events} events, {len(repository.tables)} tables, {len(repository.producers)} producers"
    new = len(newly_released(repository.headers, repository.lock))
    unlocked = f"\n{new} released and not in released.lock yet: `tacet build` locks them" if new else ""
    return f"{read}: {', '.join(counts) if counts else 'all good'}{unlocked}"

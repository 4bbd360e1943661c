"""`tacet check`: every contract, every problem at once."""

from __future__ import annotations

from tacet_codegen.diagnostics import has_errors
from tacet_codegen.frontend import load

from tacet.console import OPTIONS, finish, message, show


def check() -> None:
    """Check every contract: all problems, each with position and a way out. Example: tacet check --format github."""
    loaded = load(OPTIONS.contracts)
    show(loaded.diagnostics)
    if has_errors(loaded.diagnostics):
        errors = sum(d.severity == "error" for d in loaded.diagnostics)
        message(f"{errors} error{'s' if errors > 1 else ''}")
        finish(1)
    repository = loaded.repository
    if repository is not None:
        events = len(repository.raw_events) + len(repository.derived_events)
        message(f"{events} events, {len(repository.tables)} tables, {len(repository.producers)} producers: all good")

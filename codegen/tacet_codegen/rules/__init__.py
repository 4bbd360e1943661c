"""Lint: what is allowed and still worth a second look. Rules are rows; adding one touches one table and one test folder."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Diagnostic, in_order
from tacet_codegen.rules.contracts import CONTRACTS
from tacet_codegen.rules.producers import PRODUCERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_codegen.ir.model import Repository, Waiver
    from tacet_codegen.rules.base import Rule

RULES: tuple[Rule, ...] = (*CONTRACTS, *PRODUCERS)


def lint(repository: Repository, waivers: Iterable[Waiver], today: dt.date | None) -> tuple[Diagnostic, ...]:
    """Return what the rules find and no waiver accepts, and what is wrong with the waivers; `today` is in UTC."""
    found = [
        Diagnostic(rule.id, rule.severity, finding.message, finding.span, finding.hint)
        for rule in RULES
        for finding in rule.find(repository, today)
    ]
    given = tuple(waivers)
    accepted = {(waiver.rule, waiver.file) for waiver in given}
    left = [d for d in found if (d.code, d.span.file) not in accepted]
    present = {(d.code, d.span.file) for d in found}
    return tuple(in_order([*left, *_waivers(given, present, today)]))


def _waivers(waivers: Iterable[Waiver], present: set[tuple[str, str]], today: dt.date | None) -> Iterable[Diagnostic]:
    for waiver in waivers:
        if today is not None and dt.date.fromisoformat(waiver.expires) < today:
            message = f"waiver of {waiver.rule} for `{waiver.file}` ended on {waiver.expires}"
            yield Diagnostic(
                "E605", "error", message, waiver.span, "put right what it covers, or agree on a later date"
            )
        elif (waiver.rule, waiver.file) not in present:
            message = f"waiver of {waiver.rule} for `{waiver.file}` covers nothing"
            yield Diagnostic("W731", "warning", message, waiver.span, "remove it")

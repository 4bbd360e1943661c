"""`tacet explain`: one event through the reference interpreter, every step with its reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Outside, result, result_json
from tacet.failures import outside
from tacet.repository import compiled
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.show import message_json, value_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.derivation import Rows
    from tacet_runtime.steps.results import MessageResult, Row


def explain(
    contract: Annotated[str, typer.Argument(help="A raw or derived event: name, namespace.name, or with @version.")],
    files: Annotated[list[Path], typer.Argument(help="Each file is one message's bytes; `-` is stdin.")],
    warehouse: Annotated[Path, typer.Option(help="Where Iceberg lookups are.")] = Path("warehouse"),
) -> None:
    """Explain what becomes of events. JSON, one line a message; `--format text` tells every step."""
    found = compiled(contract, raw=True)
    lookups = lookup_rows(found.plan, found.root, warehouse)
    interpreter = Interpreter(found.plan, lookups, trace=True)
    for file in files:
        outcome = interpreter.message(_read(file, found.plan.limits.message_bytes))
        if OPTIONS.form_given and OPTIONS.form == "text":
            result(_told(outcome, found.plan))
        else:
            result_json(message_json(outcome, found.plan))


def lookup_rows(plan: Plan, root: Path, warehouse: Path) -> Mapping[str, Rows]:
    """Read the lookups that a plan names."""
    if plan.derived is None or not plan.derived.lookups:
        return {}
    from tacet_runtime.connectors.iceberg import open_catalog
    from tacet_runtime.connectors.lookups import load_lookups

    iceberg = any(lookup.source.kind == "iceberg" for lookup in plan.derived.lookups)
    with outside(warehouse):
        catalog = open_catalog(warehouse) if iceberg else None
        return {name: lookup.rows for name, lookup in load_lookups(plan, root, catalog).items()}


def _read(file: Path, limit: int) -> bytes:
    """Return a message's bytes, at most `limit` and one more, which is enough to refuse it."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(limit + 1)
        with file.open("rb") as opened:
            return opened.read(limit + 1)
    except OSError as error:
        raise Outside(f"cannot read {file}: {error.strerror}") from error


def _told(outcome: MessageResult, plan: Plan) -> str:
    lines = [f"message: {outcome.outcome}", *(f"  {step.stage}: {step.text}" for step in outcome.steps)]
    for row in outcome.rows:
        lines += [
            f"row {row.index}: {row.outcome}",
            *(f"  {step.stage}: {step.text}" for step in row.steps),
            *_values(row, plan),
        ]
    return "\n".join(lines)


def _values(row: Row, plan: Plan) -> list[str]:
    derived = plan.derived is not None and bool(row.derived_verdicts)
    fields = plan.derived.fields if derived and plan.derived else plan.source.fields
    values, verdicts = (row.derived, row.derived_verdicts) if derived else (row.values, row.verdicts)
    return [f"  {f.name} = {value_json(values.get(f.name), f.type)!r}  ({verdicts[f.name]})" for f in fields]

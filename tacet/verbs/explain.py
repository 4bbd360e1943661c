"""`tacet explain`: one event through the reference interpreter, every step with its reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Outside, result, result_json
from tacet.failures import outside
from tacet.places import catalog_of
from tacet.repository import compiled
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.show import message_json, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.derivation import Rows
    from tacet_runtime.steps.results import MessageResult, Row, Step


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
    from tacet_runtime.connectors.lookups import load_lookups

    iceberg = any(lookup.source.kind == "iceberg" for lookup in plan.derived.lookups)
    with outside(warehouse):
        catalog = catalog_of(warehouse) if iceberg else None
        return {name: lookup.rows for name, lookup in load_lookups(plan, root, catalog).items()}


def _read(file: Path, limit: int) -> bytes:
    """Return a message's bytes, at most `limit` and one more, which is enough to refuse it."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(limit + 1)
        with file.open("rb") as opened:
            return opened.read(limit + 1)
    except IsADirectoryError as error:
        raise Outside(f"{file} is a folder: name the file of one message, or `-` for standard input") from error
    except OSError as error:
        raise Outside(f"cannot read {file}: {error.strerror}") from error


def _told(outcome: MessageResult, plan: Plan) -> str:
    lines = [f"message: {outcome.outcome}", *_steps(outcome.steps)]
    for row in outcome.rows:
        lines += [f"row {row.index}: {row.outcome}", *_steps(row.steps), *_values(row, plan)]
    return "\n".join(lines)


def _steps(steps: list[Step]) -> Iterator[str]:
    """Yield a line for each step; a stage is named at its first."""
    before = ""
    for step in steps:
        yield f"  {step.stage if step.stage != before else '':<8} {step.text}"
        before = step.stage


def _values(row: Row, plan: Plan) -> list[str]:
    """Return the raw fields' values of a row that was not derived: a derived one told them already."""
    if row.derived_verdicts:
        return []
    known = [(f.name, value_text(row.values.get(f.name), f.type)) for f in plan.source.fields]
    return [f"  {'value':<8} {name} = {shown}" for name, shown in known if shown != "NULL"]

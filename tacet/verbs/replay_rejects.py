"""`tacet replay-rejects`: rejected messages run again after a contract was put right, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tacet.console import message, result_json
from tacet.history import audited, rows_changed, tell_unreached
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled


def replay_rejects(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
    engine: Annotated[Literal["embedded", "reference"], typer.Option(help="embedded or reference.")] = "embedded",
) -> None:
    """Run every rejected message again, from its bytes; what is accepted now takes its place in the tables."""
    from tacet_runtime.history import replay_rejects as replay

    found = compiled(job)
    with tables_of(found, warehouse, island) as (folder, catalog):
        audit = replay(found.plan, found.root, folder, engine, catalog=catalog)
    result_json(audited(audit))
    message(f"{audit.messages} rejected messages run again: {audit.changed} have another outcome now")
    tell_unreached(audit.scope, rows_changed(audit))

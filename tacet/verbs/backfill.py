"""`tacet backfill`: the raw archive run again, audited in a branch, then published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tacet.console import message, result_json
from tacet.history import FROM, NO_EVENT_TIME, TO, audited, rows_changed, tell_unreached, times
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled


def backfill(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    first: Annotated[str | None, typer.Option("--from", help=FROM)] = None,
    last: Annotated[str | None, typer.Option("--to", help=TO)] = None,
    no_event_time: Annotated[bool, typer.Option("--no-event-time", help=NO_EVENT_TIME)] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Replace the rows; without it, only say what would change.")
    ] = False,
    lookups: Annotated[
        Literal["recorded", "latest"], typer.Option(help="Which snapshot of reference data.")
    ] = "recorded",
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
    engine: Annotated[Literal["embedded", "reference"], typer.Option(help="embedded or reference.")] = "embedded",
) -> None:
    """Run messages of the raw archive again with the contracts of now; say what differs, and publish it on demand."""
    from tacet_runtime.history import backfill as run

    wanted = times(first, last, none=no_event_time)
    found = compiled(job)
    with tables_of(found, warehouse, island) as (folder, catalog):
        audit = run(
            found.plan, found.root, folder, wanted,
            publish=publish, latest=lookups == "latest", engine=engine, catalog=catalog,
        )  # fmt: skip
    result_json({**audited(audit), "published": publish})
    message(
        f"{audit.messages} messages run again: {audit.changed} differ" + ("" if publish else "; nothing is published")
    )
    tell_unreached(audit.scope, rows_changed(audit) if publish else "")

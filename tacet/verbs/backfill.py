"""`tacet backfill`: the raw archive run again, audited in a branch, then published."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

import typer

from tacet.console import Usage, message, result_json
from tacet.history import audited, outside
from tacet.repository import compiled


def backfill(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    first: Annotated[str, typer.Option("--from", help="Event time, ISO 8601, UTC without an offset; included.")],
    last: Annotated[str, typer.Option("--to", help="Event time; excluded.")],
    publish: Annotated[
        bool, typer.Option("--publish", help="Replace the rows; without it, only say what would change.")
    ] = False,
    lookups: Annotated[
        Literal["recorded", "latest"], typer.Option(help="Which snapshot of reference data.")
    ] = "recorded",
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = Path("warehouse"),
    engine: Annotated[Literal["embedded", "reference"], typer.Option(help="embedded or reference.")] = "embedded",
) -> None:
    """Run messages of the raw archive again with the contracts of now.

    Example: tacet backfill enriched_impression --from 2026-11-01 --to 2026-11-08 --publish
    """
    from tacet_runtime.history import backfill as run

    start, end = moment("--from", first), moment("--to", last)
    found = compiled(job)
    with outside(warehouse):
        audit = run(
            found.plan, found.root, warehouse, start, end, publish=publish, latest=lookups == "latest", engine=engine
        )
    result_json({**audited(audit), "published": publish})
    message(
        f"{audit.messages} messages run again: {audit.changed} differ" + ("" if publish else "; nothing is published")
    )


def moment(option: str, text: str) -> dt.datetime:
    """Return a point in time from an option. Raises Usage."""
    try:
        value = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Usage(f"{option} `{text}` is no ISO 8601 date or time") from error
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)

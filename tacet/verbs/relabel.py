"""`tacet relabel`: verdicts of one field judged again, after an omission was declared for what is past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tacet.console import Usage, message, result_json
from tacet.history import outside
from tacet.repository import compiled
from tacet.verbs.backfill import moment


def relabel(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    field: Annotated[str, typer.Option(help="The raw field whose verdicts are judged again.")],
    first: Annotated[str, typer.Option("--from", help="Event time, ISO 8601, UTC without an offset; included.")],
    last: Annotated[str, typer.Option("--to", help="Event time; excluded.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = Path("warehouse"),
) -> None:
    """Rewrite only the verdicts of one field, in the files that hold it.

    Example: tacet relabel enriched_impression --field row_index --from 2026-11-01 --to 2026-11-08
    """
    from tacet_runtime.relabel import relabel as run

    start, end = moment("--from", first), moment("--to", last)
    found = compiled(job)
    if field not in {f.name for f in found.plan.source.fields}:
        raise Usage(f"{found.plan.source.event} has no field `{field}`")
    with outside(warehouse):
        changed = run(found.plan, found.root, warehouse, field, start, end)
    result_json({"rows_changed": changed})
    message(", ".join(f"{count} {role} rows relabelled" for role, count in changed.items()))

"""`tacet relabel`: verdicts of one field judged again, after an omission was declared for what is past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.arguments import near
from tacet.console import Usage, message, result_json
from tacet.history import FROM, NO_EVENT_TIME, TO, tell_unreached, times, unreached
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan


def relabel(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    field: Annotated[str, typer.Option(help="The raw field whose verdicts are judged again.")],
    first: Annotated[str | None, typer.Option("--from", help=FROM)] = None,
    last: Annotated[str | None, typer.Option("--to", help=TO)] = None,
    no_event_time: Annotated[bool, typer.Option("--no-event-time", help=NO_EVENT_TIME)] = False,
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
) -> None:
    """Rewrite only the verdicts of one field, in the files that hold it."""
    from tacet_runtime.relabel import relabel as run

    wanted = times(first, last, none=no_event_time)
    found = compiled(job)
    if field not in {f.name for f in found.plan.source.fields}:
        raise Usage(_unknown(found.plan, field))
    with tables_of(found, warehouse, island) as (folder, catalog):
        done = run(found.plan, found.root, folder, field, wanted, catalog)
    result_json({"rows_changed": done.rows, **unreached(done.scope)})
    said = ", ".join(f"{count} {role} rows relabelled" for role, count in done.rows.items())
    message(said)
    tell_unreached(done.scope, said if any(done.rows.values()) else "")


def _unknown(plan: Plan, field: str) -> str:
    """Say why a field cannot be judged again, and what can: verdicts are those of raw fields."""
    source = plan.source
    for derived in plan.derived.fields if plan.derived else ():
        if derived.name == field and derived.taken_over and derived.inputs[0] in {f.name for f in source.fields}:
            return f"`{field}` is derived: name the field of {source.event} that it takes over, `{derived.inputs[0]}`"
        if derived.name == field:
            return f"`{field}` is derived: name a field of {source.event}, whose verdicts are judged again"
    return f"{source.event} has no field `{field}`{near(field, [f.name for f in source.fields])}"

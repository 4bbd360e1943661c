"""`tacet maintain`: merge small files, expire old snapshots, remove what no table names."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import Usage, message, result_json
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled

if TYPE_CHECKING:
    from tacet_runtime.maintenance import Maintained

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def maintain(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
    target_mib: Annotated[int, typer.Option(min=1, max=1024, help="The size of a merged file, MiB.")] = 64,
    keep: Annotated[str, typer.Option(help="No younger snapshot is expired: 90s, 30m, 12h, 5d.")] = "5d",
    grace: Annotated[str, typer.Option(help="Files younger than this are never removed.")] = "24h",
) -> None:
    """Merge small files, expire snapshots, and remove files that nothing names; rows and accounting stay as they are."""
    from tacet_runtime.maintenance import Settings
    from tacet_runtime.maintenance import maintain as run

    settings = Settings(target_mib * 1_048_576, _duration("--keep", keep), _duration("--grace", grace))
    found = compiled(job)
    with tables_of(found, warehouse, island) as (folder, catalog):
        done = run(found.plan, folder, settings, catalog)
    result_json({"tables": [_document(one) for one in done]})
    message(
        f"{sum(t.files_before for t in done)} files are {sum(t.files_after for t in done)} now; "
        f"{sum(t.snapshots_expired for t in done)} snapshots expired, {sum(t.files_removed for t in done)} files removed"
    )


def _document(one: Maintained) -> dict[str, object]:
    return {
        "table": one.table,
        "files_before": one.files_before,
        "files_after": one.files_after,
        "snapshots_expired": one.snapshots_expired,
        "files_removed": one.files_removed,
        "bytes_removed": one.bytes_removed,
    }


def _duration(option: str, text: str) -> dt.timedelta:
    found = re.fullmatch("([0-9]{1,6})([smhd])", text)
    if found is None:
        raise Usage(f"{option} `{text}` is no duration: a number and s, m, h or d, as 12h")
    return dt.timedelta(**{_UNITS[found[2]]: int(found[1])})

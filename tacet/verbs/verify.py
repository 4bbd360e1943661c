"""`tacet verify`: is every message of the ledger there, once, and does every table agree with it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tacet.console import OPTIONS, Outside, finish, result, result_json
from tacet.repository import compiled


def verify(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = Path("warehouse"),
) -> None:
    """Prove the accounting of a job from its tables alone; findings are named, and end with 1.

    Example: tacet verify enriched_impression --warehouse warehouse
    """
    import duckdb
    from pyiceberg.exceptions import NoSuchTableError

    from tacet_runtime.connectors.iceberg import TableError
    from tacet_runtime.exactly_once import Busy, Warehouse, owned
    from tacet_runtime.verify import verify as prove

    found = compiled(job)
    if not (warehouse / "catalog.db").exists():
        raise Outside(f"there is no warehouse in {warehouse}")
    try:
        with owned(warehouse, found.plan.job):
            proof = prove(Warehouse(found.plan, warehouse))
    except NoSuchTableError as error:
        raise Outside(f"{found.plan.job} has never run in {warehouse}: {error}") from error
    except (Busy, TableError, duckdb.Error, OSError) as error:
        raise Outside(str(error)) from error
    if OPTIONS.form == "json":
        findings = [{"kind": f.kind, "where": f.where, "detail": f.detail} for f in proof.findings]
        result_json({"messages": proof.messages, "rows": proof.rows, "files": proof.files, "findings": findings})
    else:
        for finding in proof.findings:
            result(f"{finding.kind}: {finding.where}: {finding.detail}")
        result(
            f"{proof.messages} messages, {proof.rows} rows, {proof.files} files: "
            + (f"{len(proof.findings)} findings" if proof.findings else "all accounted for, each once")
        )
    finish(1 if proof.findings else 0)

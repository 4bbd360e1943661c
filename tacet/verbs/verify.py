"""`tacet verify`: is every message of the ledger there, once, and does every table agree with it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tacet.console import OPTIONS, finish, result, result_json
from tacet.failures import existing, outside
from tacet.repository import compiled
from tacet.results import verified


def verify(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = Path("warehouse"),
) -> None:
    """Prove the accounting of a job from its tables alone; findings are named, and end with 1."""
    from tacet_runtime.exactly_once import Warehouse, owned
    from tacet_runtime.verify import verify as prove

    found = compiled(job)
    existing(warehouse)
    with outside(warehouse), owned(warehouse, found.plan.job):
        proof = prove(Warehouse(found.plan, warehouse))
    if OPTIONS.form == "json":
        result_json(verified(proof))
    else:
        for finding in proof.findings:
            result(f"{finding.kind}: {finding.where}: {finding.detail}")
        result(
            f"{proof.messages} messages, {proof.rows} rows, {proof.files} files: "
            + (f"{len(proof.findings)} findings" if proof.findings else "all accounted for, each once")
        )
    finish(1 if proof.findings else 0)

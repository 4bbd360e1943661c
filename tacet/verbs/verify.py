"""`tacet verify`: is every message of the ledger there, once, and does every table agree with it?"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, finish, message, result, result_json
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled
from tacet.results import verified

if TYPE_CHECKING:
    from tacet_runtime.exactly_once import Warehouse
    from tacet_runtime.service.waiting import Waiting
    from tacet_runtime.verify import Proof


def verify(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
) -> None:
    """Prove the accounting of a job from its tables alone; findings are named, and end with 1."""
    from tacet_runtime.exactly_once import Warehouse, owned
    from tacet_runtime.verify import verify as prove

    found = compiled(job)
    with tables_of(found, warehouse, island) as (folder, catalog), owned(folder, found.plan.job):
        store = Warehouse(found.plan, folder, catalog)
        proof = prove(store)
        served = store.served() if island is None else []
        late = _waiting(store, island) if island is not None else None if served else ()
    told = (
        f"the service on island {' and '.join(served)} writes these tables: commits that are in Kafka and not in every table yet "
        "are only seen with `--island FILE`"
    )
    if OPTIONS.form == "json":
        result_json(verified(proof, late))
        if served:
            message(told)
    else:
        if served:
            result(f"waiting: not known: {told}")
        _as_text(proof, late)
    finish(1 if proof.findings else 0)


def _waiting(store: Warehouse, island: Path) -> tuple[Waiting, ...] | None:
    """Return the commits that wait for their tables; None when Kafka does not say."""
    from tacet.service import read_island
    from tacet_runtime.connectors.kafka import BrokerError
    from tacet_runtime.plan.island import SettingError
    from tacet_runtime.service.refusal import Refused
    from tacet_runtime.service.waiting import waiting

    try:
        return waiting(store.plan, read_island(island), store.root, store.catalog)
    except (BrokerError, SettingError, Refused) as error:
        message(f"which commits wait for their tables is not known: {error}")
        return None


def _as_text(proof: Proof, late: tuple[Waiting, ...] | None) -> None:
    for kind, found in groupby(proof.findings, key=lambda f: f.kind):
        listed = list(found)
        for finding in listed:
            result(f"{kind}: {finding.where}: {finding.detail}")
        if proof.totals[kind] > len(listed):
            result(f"{kind}: and {proof.totals[kind] - len(listed)} more")
        result(f"  hint: {listed[0].hint}")
    for gap in proof.given_up:
        result(f"given up: {gap.source} {gap.first}..{gap.last} of partition {gap.partition}, with --accept-loss")
    for one in late or ():
        result(
            f"waiting: commits {one.first}..{one.last} of shard {one.shard} ({one.messages} messages) are in Kafka and not in "
            f"every table yet: the service brings them there; when it does not run, start shard {one.shard}"
        )
    end = f"{sum(proof.totals.values())} findings" if proof.findings else "all accounted for, each once"
    result(f"{proof.messages} messages, {proof.rows} rows, {proof.files} files: {end}")

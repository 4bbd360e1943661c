"""`tacet verify`: is every message of the ledger there, once, and does every table agree with it?"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, finish, message, result, result_json
from tacet.history import only
from tacet.places import OF_ISLAND, WAREHOUSE, tables_of
from tacet.repository import compiled
from tacet.results import verified

if TYPE_CHECKING:
    from tacet_runtime.verify import Proof
    from tacet_runtime.view import View, Waiting


def verify(
    job: Annotated[str, typer.Argument(help="The derived event: name, namespace.name, or with @version.")],
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    island: Annotated[Path | None, typer.Option(help=OF_ISLAND)] = None,
) -> None:
    """Prove the accounting of a job from its tables alone; findings are named, and end with 1."""
    from tacet_runtime.exactly_once import Warehouse
    from tacet_runtime.locking import owned
    from tacet_runtime.verify import verify as prove

    found = compiled(job)
    with tables_of(found, warehouse, island) as (folder, catalog), owned(folder, found.plan.job, reads=True):
        store = Warehouse(found.plan, folder, catalog)
        proof = prove(store, None if island is None else partial(_waiting, island))
        served = store.served() if island is None else []
    told = (
        f"the service on island {' and '.join(served)} writes these tables: commits that are in Kafka and not in every table yet "
        "are only seen with `--island FILE`"
    )
    if OPTIONS.form == "json":
        result_json(verified(proof))
        if served:
            message(told)
    else:
        if served:
            result(f"waiting: not known: {told}")
        _as_text(proof)
    finish(1 if proof.findings else 0)


def _waiting(island: Path, view: View) -> tuple[Waiting, ...] | None:
    """Return the commits that wait for their tables; None when Kafka does not say."""
    from tacet.service import read_island
    from tacet_runtime.connectors.kafka import BrokerError
    from tacet_runtime.plan.island import SettingError
    from tacet_runtime.service.refusal import Refused
    from tacet_runtime.service.waiting import waiting

    try:
        return waiting(view, read_island(island))
    except (BrokerError, SettingError, Refused) as error:
        message(f"which commits wait for their tables is not known: {error}")
        return None


def _as_text(proof: Proof) -> None:
    for kind, found in groupby(proof.findings, key=lambda f: f.kind):
        listed = list(found)
        for finding in listed:
            result(f"{kind}: {finding.where}: {finding.detail}")
        if proof.totals[kind] > len(listed):
            result(f"{kind}: and {proof.totals[kind] - len(listed)} more")
        result(f"  hint: {listed[0].hint}")
    for gap in proof.given_up:
        result(f"given up: {gap.source} {gap.first}..{gap.last} of partition {gap.partition}, with --accept-loss")
    for one in proof.waiting or ():
        known = "" if one.messages is None else f" ({one.messages} messages)"
        where = "in some tables" if one.messages is None else "in Kafka"
        result(
            f"waiting: {one}{known} are {where} and not in every table yet, and are not compared: the service brings them "
            f"there; when it does not run, start shard {one.shard}"
        )
    if proof.again.messages and proof.topics:
        result(
            f"run again: {proof.again.messages} messages have another outcome since they were consumed ({proof.again.rows:+} rows): "
            f"in the tables only, {only(proof.topics)}"
        )
    end = f"{sum(proof.totals.values())} findings" if proof.findings else "all accounted for, each once"
    result(f"{proof.messages} messages, {proof.rows} rows, {proof.files} files: {end}")

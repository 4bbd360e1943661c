"""A job, an island and a shard -> the parts of the service, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.iceberg_catalogs import open_of_island
from tacet_runtime.connectors.lookups import load_lookup, snapshot_of
from tacet_runtime.connectors.registry import SchemaRegistry, subject_of
from tacet_runtime.engines.processors import sized_processor, warmed
from tacet_runtime.process import settled
from tacet_runtime.service.lookups import Lookups, Source
from tacet_runtime.service.outputs import Outputs
from tacet_runtime.service.owner import shard_of
from tacet_runtime.service.parts import Parts
from tacet_runtime.service.protocol import Service
from tacet_runtime.service.refusal import Refused
from tacet_runtime.service.tables import Tables
from tacet_runtime.service.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from tacet_runtime.plan.island import Island
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.service.observe import Observer
    from tacet_runtime.service.refusal import Accept


def serve(  # noqa: PLR0913  (the command's own options, each once)
    plan: Plan,
    root: Path,
    island: Island,
    shard: int,
    engine: Literal["embedded", "reference"],
    accept: Accept,
    observer: Observer,
    stop: Callable[[], bool],
    *,
    expired: Callable[[str], None],
) -> None:
    """Run one shard of a job until `stop`. `root` is the repository; `expired` is told why, and must end the process.

    Raises Refused, TakenOver, Gone, BrokerError, Unsettled, RegistryError, SettingError, LookupError_, TableError,
    LedgerError, OSError; the next start goes on from what is committed.
    """
    owner = shard_of(plan, island, shard)
    watchdog = Watchdog(expired, stop, island.patience.stop_seconds)
    try:
        ids = schema_ids(plan, island)
        warehouse = root / island.warehouse
        with watchdog.limit("S0 catalog", 4 * (island.patience.call_seconds + 5)):
            catalog = open_of_island(island, warehouse)
        tables = Tables(plan, owner, warehouse, catalog)
        source = Source(
            lambda lookup: snapshot_of(lookup, root, catalog),
            lambda lookup: load_lookup(lookup, root, catalog, archive=tables.root / "lookups"),
        )
        with watchdog.limit("S0 lookups", 4 * (island.patience.call_seconds + 5)):
            lookups = Lookups(plan, source, lambda read: warmed(sized_processor(engine, plan, read)), observer)
        outputs = Outputs(plan, ids)
        settled()
        Service(Parts(owner, island, tables, lookups, outputs, watchdog, observer, accept)).run(stop)
    finally:
        watchdog.close()


def schema_ids(plan: Plan, island: Island) -> dict[str, int]:
    """Return the registered id of each Avro topic's schema. Raises Refused, NotRegistered, RegistryError."""
    wanted = {sink.topic: sink.avro_schema for sink in plan.topics if sink.avro_schema is not None}
    if not wanted:
        return {}
    if island.registry is None:
        raise Refused(f"{plan.job} writes Avro, and island {island.name} has no registry: add `registry: {{url: ...}}`")
    registry = SchemaRegistry(island.registry, island.patience.call_seconds)
    return {topic: registry.find(subject_of(topic), schema).id for topic, schema in wanted.items()}

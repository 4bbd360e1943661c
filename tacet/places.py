"""Where a verb finds a job's tables: in a warehouse with a catalog of its own, or in an island's folder and catalog."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tacet.console import Outside, Usage
from tacet.failures import existing, outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.catalog import Catalog

    from tacet.repository import Compiled
    from tacet_runtime.plan.island import Island

WAREHOUSE = Path("warehouse")
OF_ISLAND = "The tables are those of this island: its file, which names their folder and catalog."


def catalog_of(warehouse: Path) -> Catalog:
    """Open the catalog of a warehouse. Raises Outside when there is none: who only reads makes no folder."""
    from tacet_runtime.connectors.iceberg import open_catalog

    existing(warehouse)
    return open_catalog(warehouse)


def apart(inputs: Sequence[str], warehouse: Path) -> None:
    """Raise Usage when an input is in the warehouse, or holds it: the job would read its own files."""
    from tacet_runtime.connectors.inputs import shared

    found = shared(inputs, warehouse)
    if found is not None:
        inside = found.resolve().is_relative_to(warehouse.resolve())
        how = (
            f"input {found} is in the warehouse {warehouse}"
            if inside
            else f"the warehouse {warehouse} is in input {found}"
        )
        raise Usage(
            f"{how}, and the job would read its own files: name folders beside each other with '--input' and '--warehouse'"
        )


@contextmanager
def tables_of(found: Compiled, warehouse: Path, island: Path | None) -> Iterator[tuple[Path, Catalog | None]]:
    """Yield the folder of a job's tables, and the catalog when it is not the folder's own; what fails meanwhile is Outside.

    Raises Usage when the folder is named twice; ends with 1 for a broken island file.
    """
    if island is None:
        existing(warehouse)
        with outside(warehouse):
            yield warehouse, None
        return
    if warehouse != WAREHOUSE:
        raise Usage("--warehouse and --island: the island's file names the folder of the tables")
    from tacet.service import read_island

    place = read_island(island)
    folder = found.root / place.warehouse
    if place.catalog is None:
        existing(folder)
        with outside(folder):
            yield folder, None
        return
    with outside(folder, f"the catalog of island {place.name}"):
        yield folder, _catalog(found, place, folder)


def _catalog(found: Compiled, island: Island, folder: Path) -> Catalog:
    from tacet_runtime.connectors.iceberg_catalogs import open_of_island
    from tacet_runtime.exactly_once import Warehouse

    catalog = open_of_island(island, folder)
    ledger = next(table.name for table in found.plan.tables if table.role == "ledger")
    if not catalog.table_exists(ledger):
        Warehouse(found.plan, folder, catalog).see_names()
        raise Outside(
            f"there is no table {ledger} on island {island.name}: `tacet run {found.plan.job} --island` makes it"
        )
    return catalog

"""Iceberg tables through pyiceberg: created with exactly the plan's ids, appended to in commits that never retry.

pyiceberg renumbers the ids of a new table; so a table is made empty and gets its schema, partition spec and sort order
in a second commit. The library's own retry re-bases a stale append and doubles rows: it is off (`commit.retry`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, RESTError
from pyiceberg.io.pyarrow import (
    MetricModeTypes,
    MetricsMode,
    StatisticsCollector,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Transaction
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    AssertDefaultSpecId,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
)
from pyiceberg.typedef import Record
from pyiceberg.types import BinaryType
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from tacet_runtime.connectors.iceberg_columns import ColumnError, numbered, widened
from tacet_runtime.connectors.iceberg_types import iceberg_schema, misses_rows, partition_spec, sort_order
from tacet_runtime.connectors.locations import LocationError, local_path, location, sqlite_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from pyiceberg.catalog import Catalog
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from tacet_runtime.plan import model as p

CATALOG = "tacet"
PROPERTIES = {
    "format-version": "2",
    "commit.retry.num-retries": "0",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}

_PUT_BACK = "put the file back from a copy, or the warehouse back to where it was, if it was moved: Iceberg's metadata holds whole paths"


class TableError(Exception):
    """A table is not what the plan says, or cannot be reached; the message names it."""


@contextmanager
def readable(table: str) -> Iterator[None]:
    """Read a table's metadata: whatever a file that is gone or damaged makes of it is a TableError that names the table.

    What the catalog itself says, or does not, is none of that.
    """
    try:
        yield
    except (NoSuchTableError, SQLAlchemyError, RESTError, TableError):
        raise
    except Exception as error:
        if type(error).__module__.startswith("requests."):  # loaded where HTTP is spoken, not in every worker
            raise
        raise _unreadable(table, error) from error


def _unreadable(table: str, error: Exception) -> TableError:
    cause = str(error).partition(". Detail")[0].partition("\n")[0] or type(error).__name__
    return TableError(f"the metadata of {table} cannot be read: {cause}; {_PUT_BACK}")


def open_catalog(warehouse: Path) -> Catalog:
    """Open the warehouse's own catalog: one SQLite file beside the data. Raises TableError."""
    place = location_of(warehouse)
    try:
        warehouse.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(f"cannot make the warehouse {warehouse}: {error.strerror}") from error
    return sql_catalog(uri=sqlite_address(warehouse / "catalog.db"), warehouse=place)


def location_of(warehouse: Path) -> str:
    """Return a warehouse's location. Raises TableError for a path that its tables' metadata cannot have."""
    try:
        return location(warehouse)
    except LocationError as error:
        raise TableError(
            f"the warehouse {error}, and Iceberg's metadata holds whole paths as they are: name a folder without `#`, `?`, tabs and "
            "line ends in its whole path (`--warehouse`, in an island's file `warehouse`)"
        ) from error


def sql_catalog(**properties: str) -> Catalog:
    """Open a catalog in a database; a commit that fails is undone there, too.

    SQLAlchemy hands back a connection whose COMMIT failed (another process reads, SQLite is busy) with its transaction open:
    the next question on it would see what nobody else ever will.
    """
    catalog = SqlCatalog(CATALOG, **properties)
    event.listen(catalog.engine, "checkin", _undone)
    return catalog


def _undone(connection: Any, record: Any) -> None:
    if connection is None:
        return
    try:
        connection.rollback()
    except Exception as error:  # noqa: BLE001  (whatever a driver says of a connection that is gone)
        record.invalidate(error)


def ensure_table(catalog: Catalog, table: p.SinkTable) -> Table:
    """Return the table, made or widened so that it has the plan's columns; older columns stay, and so do the ids that it has.

    Raises TableError when a column was renamed or has another type, or the table another partition, than the plan says. Whether
    one may be made is for `iceberg_names.see_there` to say.
    """
    namespace = table.name.rpartition(".")[0]
    catalog.create_namespace_if_not_exists(namespace)
    try:
        found = catalog.load_table(table.name)
    except NoSuchTableError:
        found = catalog.create_table(table.name, Schema(), properties=dict(PROPERTIES))
    except FileNotFoundError as error:
        raise _unreadable(table.name, error) from error
    if not found.schema().fields:
        _first_schema(found, table)
        return catalog.load_table(table.name)
    table = own_ids(found, table)
    with _of(table):
        wanted = widened(found, table)
    if wanted is not None:
        transaction = found.transaction()
        transaction._apply((AddSchemaUpdate(schema_=wanted), SetCurrentSchemaUpdate(schema_id=-1)))  # noqa: SLF001
        transaction.commit_transaction()
        found = catalog.load_table(table.name)
    return _laid_out(catalog, found, table)


def own_ids(found: Table, table: p.SinkTable) -> p.SinkTable:
    """Return the plan's table with the ids that the table has for its columns. Raises TableError."""
    with _of(table):
        return numbered(found, table)


@contextmanager
def _of(table: p.SinkTable) -> Iterator[None]:
    try:
        yield
    except ColumnError as error:
        raise TableError(f"table {table.name}: {error}") from error


def _laid_out(catalog: Catalog, found: Table, table: p.SinkTable) -> Table:
    """Return the table with the plan's sort order; its partition cannot change under rows that are there."""
    spec = partition_spec(table)
    if _transforms(spec) != _transforms(found.spec()):
        has, said = (_layout(one, found.schema()) for one in (found.spec(), spec))
        if misses_rows(found.spec(), table):
            raise TableError(
                f"table {table.name} is partitioned by {has}, by which readers can miss rows, and the contract says {said}: change the "
                "table's in the catalog, too (`update_spec` of pyiceberg), and run `tacet maintain`: it writes rows that are there anew"
            )
        raise TableError(
            f"table {table.name} is partitioned by {has}, and the contract says {said}: keep the partition, "
            "or change the table's in the catalog, too (`update_spec` of pyiceberg: rows that are there keep theirs)"
        )
    order = [field.source_id for field in sort_order(table).fields]
    if order == [field.source_id for field in found.sort_order().fields]:
        return found
    number = max(found.sort_orders()) + 1
    updates = (AddSortOrderUpdate(sort_order=sort_order(table, number)), SetDefaultSortOrderUpdate(sort_order_id=-1))
    transaction = found.transaction()
    transaction._apply(updates if order else (SetDefaultSortOrderUpdate(sort_order_id=0),))  # noqa: SLF001
    transaction.commit_transaction()
    return catalog.load_table(table.name)


def _transforms(spec: PartitionSpec) -> list[tuple[int, str]]:
    return [(field.source_id, str(field.transform)) for field in spec.fields]


def _layout(spec: PartitionSpec, schema: Schema) -> str:
    """Return a partition spec as a person writes it."""
    written = [f"{transform}({schema.find_column_name(source)})" for source, transform in _transforms(spec)]
    return ", ".join(written) or "nothing"


def _first_schema(found: Table, table: p.SinkTable) -> None:
    updates: tuple[Any, ...] = (AddSchemaUpdate(schema_=iceberg_schema(table)), SetCurrentSchemaUpdate(schema_id=-1))
    if table.partition:
        updates += (AddPartitionSpecUpdate(spec=partition_spec(table)), SetDefaultSpecUpdate(spec_id=-1))
    if table.sort:
        updates += (AddSortOrderUpdate(sort_order=sort_order(table)), SetDefaultSortOrderUpdate(sort_order_id=-1))
    transaction = found.transaction()
    transaction._apply(updates)  # noqa: SLF001  (the public way renumbers the ids)
    transaction.commit_transaction()


def data_file(
    table: Table, path: Path, partition: Sequence[object], schema_id: int | None = None, spec_id: int | None = None
) -> DataFile:
    """Describe a finished Parquet file for a commit: size, rows, column statistics, partition values.

    `schema_id` and `spec_id` are what it was written with, when that may not be the table's present schema and partition spec.
    """
    return data_files(table, [(path, partition)], schema_id, spec_id)[0]


def data_files(
    table: Table,
    files: Sequence[tuple[Path, Sequence[object]]],
    schema_id: int | None = None,
    spec_id: int | None = None,
) -> list[DataFile]:
    """Describe finished Parquet files, each with its partition values, as `data_file` does; the schema is read once."""
    schema = table.schema() if schema_id is None else table.schemas()[schema_id]
    columns, mapping = _bounded(schema, table.properties), parquet_path_to_id_mapping(schema)
    order = table.sort_order().order_id if table.sort_order().fields else None
    found = []
    for path, partition in files:
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=pq.read_metadata(path), stats_columns=columns, parquet_column_mapping=mapping
        )
        one = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=location(path),
            file_format=FileFormat.PARQUET,
            partition=Record(*partition),
            file_size_in_bytes=path.stat().st_size,
            sort_order_id=order,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )
        one.spec_id = table.spec().spec_id if spec_id is None else spec_id
        found.append(one)
    return found


def _bounded(schema: Schema, properties: Mapping[str, str]) -> dict[int, StatisticsCollector]:
    """Return what to keep of each column: nothing of bytes and of what is nested (`encoded.storable` writes no bounds)."""
    top = {field.field_id for field in schema.fields if not isinstance(field.field_type, BinaryType)}
    plan = compute_statistics_plan(schema, dict(properties))
    none = MetricsMode(MetricModeTypes.NONE)
    return {number: of if number in top else replace(of, mode=none) for number, of in plan.items()}


def replace_files(
    table: Table,
    files: Sequence[DataFile],
    removed: Collection[str],
    properties: Mapping[str, str],
    summary: Mapping[str, str],
    branch: str = "main",
) -> None:
    """Add files, drop the ones whose paths are in `removed`, set properties: ONE commit on the metadata `table` holds.

    Raises what pyiceberg raises, and TableError when a file to be dropped is not there.
    """
    table.metadata.properties["commit.retry.num-retries"] = "0"  # as in `append_files`
    transaction = _Staged(table)
    if removed:
        old = {str(local_path(f.file_path)): f for f in live_files(table, branch)}
        if not set(removed) <= old.keys():
            raise TableError(f"{'.'.join(table.name())} does not have the files that are to be replaced")
        with (
            transaction.under(files[0].spec_id if files else None),
            transaction.update_snapshot(snapshot_properties=dict(summary), branch=branch).overwrite() as overwrite,
        ):
            for path in removed:
                overwrite.delete_data_file(old[path])
            for file in files:
                overwrite.append_data_file(file)
    elif files:
        with (
            transaction.under(files[0].spec_id),
            transaction.update_snapshot(snapshot_properties=dict(summary), branch=branch).merge_append() as update,
        ):
            for file in files:
                update.append_data_file(file)
    transaction.set_properties(dict(properties))
    transaction.commit_transaction()


class _Staged(Transaction):
    """A transaction that works out its metadata once for each update: the library copies all of history at every look.

    And whose files stay when it is refused: what was refused may have landed (a gateway sent it again when the first answer
    was lost), and readers need them then. Those that nothing names are `maintain`'s.
    """

    _known: tuple[int, TableMetadata] | None = None

    def _register_snapshot_producer(self, producer: object) -> None:
        """Let the library not know what it would delete."""

    @property
    def table_metadata(self) -> TableMetadata:
        if not self._updates:
            return self._table.metadata
        if self._known is None or self._known[0] != len(self._updates):
            self._known = (len(self._updates), super().table_metadata)
        return self._known[1]

    @contextmanager
    def under(self, spec: int | None) -> Iterator[None]:
        """Add files that were written with a partition spec: the library writes every manifest with the present one."""
        present = self.table_metadata.default_spec_id
        if spec is None or spec == present:
            yield
            return
        self._apply((SetDefaultSpecUpdate(spec_id=spec),), (AssertDefaultSpecId(default_spec_id=present),))
        yield
        self._apply((SetDefaultSpecUpdate(spec_id=present),))


def append_files(
    table: Table, files: Sequence[DataFile], properties: Mapping[str, str], summary: Mapping[str, str]
) -> None:
    """Add files and set properties, in ONE commit that is refused when `table` is not the newest: always a snapshot.

    A commit that only sets properties asserts nothing about the table; landing late, it would set a marker back.
    Raises what pyiceberg raises.
    """
    # The library's own retry would re-base a stale append: off, whatever others made of the property.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    transaction = _Staged(table)
    transaction.set_properties(dict(properties))
    for spec in sorted({file.spec_id for file in files}) or (None,):
        with (
            transaction.under(spec),
            transaction.update_snapshot(snapshot_properties=dict(summary)).fast_append() as update,
        ):
            for file in (one for one in files if one.spec_id == spec):
                update.append_data_file(file)
    transaction.commit_transaction()


def replace_branch(table: Table, branch: str, files: Sequence[DataFile], removed: Collection[str]) -> None:
    """Make a branch anew from what is there now, with files added and dropped; nobody who reads the table sees it."""
    drop_branch(table, branch)
    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    table.manage_snapshots().create_branch(snapshot.snapshot_id, branch).commit()
    replace_files(table.refresh(), files, removed, {}, {}, branch)


def drop_branch(table: Table, branch: str) -> None:
    """Remove a branch, when there is one; its files stay until `maintain`."""
    if branch in table.refs():
        table.manage_snapshots().remove_branch(branch).commit()


def data_paths(table: Table) -> list[Path]:
    """Return the path of every data file of the current snapshot; a file registered twice stands twice."""
    return [local_path(file.file_path) for file in live_files(table, "main")]


def live_files(table: Table, branch: str = "main") -> list[DataFile]:
    """Return every data file of a branch's newest snapshot; a file registered twice stands twice."""
    snapshot = table.metadata.snapshot_by_name(branch)
    manifests = snapshot.manifests(table.io) if snapshot else []
    return [
        entry.data_file
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    ]

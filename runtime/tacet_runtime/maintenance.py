"""Maintenance of a job's tables: small files merged, old snapshots expired, and what nobody names removed.

No row changes and no marker moves, so a run, `verify` and history go on as before. Each merge is one commit of one table, on the
metadata that was read: whoever commits in between makes it fail, and the next maintenance finds the same files again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException

from tacet_runtime.connectors.iceberg import (
    TableError,
    all_paths,
    data_file,
    live_files,
    local_path,
    replace_files,
)
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.connectors.snapshots import expire_snapshots, metadata_paths
from tacet_runtime.exactly_once import MARKER, Warehouse, owned
from tacet_runtime.faults import point
from tacet_runtime.reconsider import widened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pyiceberg.manifest import DataFile

    from tacet_runtime.plan.model import Plan, SinkTable

SMALL = 0.75
"""A file below this share of the target is merged with its neighbours."""
MERGED = 2
"""Fewer small files than this in a partition are left alone."""
FILES_A_COMMIT = 10_000


@dataclass(frozen=True, slots=True)
class Settings:
    """`target_bytes`: of a merged file; `keep`: snapshots younger than this stay; `grace`: files younger than this stay."""

    target_bytes: int = 67_108_864
    keep: dt.timedelta = dt.timedelta(days=5)
    grace: dt.timedelta = dt.timedelta(hours=24)


@dataclass(slots=True)
class Maintained:
    """What was done to one table."""

    table: str
    files_before: int
    files_after: int = 0
    snapshots_expired: int = 0
    files_removed: int = 0
    bytes_removed: int = 0


@dataclass(slots=True)
class _Group:
    """Small files of one partition that make one file together."""

    files: list[DataFile] = field(default_factory=list)
    size: int = 0


def maintain(plan: Plan, warehouse: Path, settings: Settings) -> list[Maintained]:
    """Merge, expire and remove, table by table. Raises Busy, Gap, TableError, OSError; every commit made until then holds."""
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse)
        store.open()
        now = dt.datetime.now(dt.UTC)
        done = [_table(store, sink, settings, now) for sink in store.tables.values()]
        _remove_orphans(store, done, now - settings.grace)
        return done


def _table(store: Warehouse, sink: SinkTable, settings: Settings, now: dt.datetime) -> Maintained:
    done = Maintained(sink.name, len(live_files(store.table(sink.role))))
    with store.folder() as folder:
        for number, chunk in enumerate(_chunks(_groups(store, sink.role, settings.target_bytes))):
            _merge(store, sink, chunk, folder, number)
    done.files_after = len(live_files(store.table(sink.role)))
    done.snapshots_expired = expire_snapshots(store.table(sink.role), now - settings.keep)
    return done


def _groups(store: Warehouse, role: str, target: int) -> Iterator[_Group]:
    """Yield what is to be merged: files of one partition under the present spec, smallest positions first."""
    partitions: dict[str, list[DataFile]] = {}
    table = store.table(role)
    for file in live_files(table):
        if not store.owns(local_path(file.file_path)):
            continue
        if file.spec_id == table.spec().spec_id and file.file_size_in_bytes < target * SMALL:
            partitions.setdefault(repr(file.partition), []).append(file)
    for _, files in sorted(partitions.items()):
        group = _Group()
        for file in sorted(files, key=lambda f: f.file_path):
            if group.size + file.file_size_in_bytes > target and group.files:
                yield group
                group = _Group()
            group.files.append(file)
            group.size += file.file_size_in_bytes
        yield group


def _chunks(groups: Iterable[_Group]) -> Iterator[list[_Group]]:
    """Gather groups into commits."""
    chunk: list[_Group] = []
    for group in groups:
        if len(group.files) < MERGED:
            continue
        chunk.append(group)
        if sum(len(one.files) for one in chunk) >= FILES_A_COMMIT:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _merge(store: Warehouse, sink: SinkTable, chunk: list[_Group], folder: Path, number: int) -> None:
    table = store.table(sink.role)
    added: list[DataFile] = []
    removed: set[str] = set()
    for at, group in enumerate(chunk):
        paths = [local_path(file.file_path) for file in group.files]
        rows = pa.concat_tables(widened(pq.ParquetFile(path).read(), sink) for path in paths)
        written = write_files(rows, sink, folder, f"merged-{number}-{at}")
        if sum(file.rows for file in written) != sum(file.record_count for file in group.files):
            raise TableError(
                f"table {sink.name}: its files have other numbers of rows than it says: run `tacet verify`"
            )
        added += [data_file(table, folder / file.path.rpartition("/")[2], file.partition) for file in written]
        removed.update(str(path) for path in paths)
    point("M1:before")
    try:
        replace_files(table, added, removed, {}, {"tacet.maintenance": "merge"})
    except CommitFailedException as error:
        raise TableError(f"table {sink.name}: somebody else committed meanwhile: run the same command again") from error
    point("M1:after")


def _remove_orphans(store: Warehouse, done: list[Maintained], before: dt.datetime) -> None:
    """Remove data and metadata files older than `before` that no snapshot or branch names: with the lock, nobody is about to."""
    by_table = {one.table: one for one in done}
    named = {path for sink in store.tables.values() for path in all_paths(store.table(sink.role))}
    for path in store.data_files():
        if path not in named and not _awaited(path, store):
            _remove(path, before, by_table[_table_of(path, store)])
    for sink in store.tables.values():
        table = store.table(sink.role)
        kept = metadata_paths(table)
        for path in sorted(local_path(table.metadata_location).parent.glob("*.avro")):
            if path not in kept:
                _remove(path, before, by_table[sink.name])


def _awaited(path: Path, store: Warehouse) -> bool:
    """Tell whether a file may be part of a commit of the service that a table does not have yet: see `service/owner.py`."""
    parts = path.parent.name.split(".")
    if len(parts) != 4 or not (parts[1].isdigit() and parts[2].isdigit()):
        return False
    marker = f"{MARKER}.{store.plan.job}.{parts[0]}.{parts[1]}"
    markers = [store.table(role).properties.get(marker, "0") for role in store.tables]
    return any(int(at) < int(parts[2]) for at in markers if at.isdigit())


def _table_of(path: Path, store: Warehouse) -> str:
    """Return the table whose file this is: a data file's name begins with its role."""
    role = path.name.partition("-")[0]
    return store.tables[role if role in store.tables else "ledger"].name


def _remove(path: Path, before: dt.datetime, done: Maintained) -> None:
    status = path.stat()
    if dt.datetime.fromtimestamp(status.st_mtime, dt.UTC) < before:
        path.unlink()
        done.files_removed += 1
        done.bytes_removed += status.st_size

"""Maintenance of a job's tables: small files merged, old snapshots expired, and what nobody names removed.

No row changes and no marker moves, so a run, `verify` and history go on as before. Each merge is one commit of one table, on the
metadata that was read: when a service commits in between, the table is read again, and the same files are replaced.

What a service wrote and its table does not have yet is named by an intent in Kafka, and stays, however old it is: the
folder of a batch has its number, the table has the number of its last commit.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from tacet_runtime.connectors.iceberg import (
    TableError,
    data_file,
    live_files,
    replace_files,
)
from tacet_runtime.connectors.iceberg_types import misses_rows
from tacet_runtime.connectors.locations import local_path
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.connectors.snapshots import all_paths, expire_snapshots, expiring, lost, metadata_paths
from tacet_runtime.exactly_once import MARKER, Gap, Warehouse
from tacet_runtime.faults import Planned, point
from tacet_runtime.locking import owned
from tacet_runtime.reconsider import widened
from tacet_runtime.released import release
from tacet_runtime.view import ahead, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from tacet_runtime.plan.model import Plan, SinkTable

SMALL = 0.75
"""A file below this share of the target is merged with its neighbours."""
MERGED = 2
"""Fewer small files than this in a partition are left alone."""
FILES_A_COMMIT = 10_000
ATTEMPTS = 8
_AT_LEAST_SECONDS = 20.0
"""So long it tries in any case: beside a service that commits several times a second most attempts are overtaken."""
IN_FLIGHT = dt.timedelta(hours=1)
"""Younger manifests may belong to a commit that a service is about to make."""
_Done = TypeVar("_Done")


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
    """Small files of one partition that make one file together, or files to be written `anew` whatever their number."""

    anew: bool = False
    files: list[DataFile] = field(default_factory=list)
    size: int = 0


def maintain(plan: Plan, warehouse: Path, settings: Settings, catalog: Catalog | None = None) -> list[Maintained]:
    """Merge, expire and remove, table by table. Raises Busy, Gap, TableError, OSError; every commit made until then holds."""
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse, catalog)
        store.open()
        now = dt.datetime.now(dt.UTC)
        done = [_table(store, sink, settings, now) for sink in store.tables.values()]
        _remove_orphans(store, done, now - settings.grace)
        return done


def _table(store: Warehouse, sink: SinkTable, settings: Settings, now: dt.datetime) -> Maintained:
    done = Maintained(sink.name, len(live_files(store.table(sink.role))))
    _see_rollback(store, sink)
    with store.folder() as folder:
        for number, chunk in enumerate(_chunks(_groups(store, sink.role, settings.target_bytes))):
            _merge(store, sink, chunk, folder, number)
    done.files_after = len(live_files(store.table(sink.role)))
    done.snapshots_expired = _again(sink, lambda: _expire(store, sink, now - settings.keep))
    return done


def _expire(store: Warehouse, sink: SinkTable, before: dt.datetime) -> int:
    """Expire old snapshots; what they alone name is noted as released first. Return how many."""
    table = store.table(sink.role)
    old = expiring(table, before)
    if old:
        release(store.root, store.plan.job, sink.name, all_paths(table) - all_paths(table, without=old))
        point("M2:before")
        expire_snapshots(table, old)
    return len(old)


def _see_rollback(store: Warehouse, sink: SinkTable) -> None:
    """Refuse a table that was rolled back below a service's commit: what it lost may be applied again, from its files."""
    table = store.table(sink.role)
    for name in table.properties:
        newest = lost(table, name) if name.startswith(f"{MARKER}.{store.plan.job}.") else None
        if newest is not None:
            raise Gap(
                f"table {sink.name} was rolled back to before snapshot {newest.snapshot_id}: roll it forward, or start the "
                "service with `--accept-rollback`; then maintain it"
            )


def _again(sink: SinkTable, commit: Callable[[], _Done]) -> _Done:
    """Commit, each time on what is newest, until nobody else was quicker. Raises TableError."""
    failed: Exception | None = None
    attempt, until = 0, time.monotonic() + _AT_LEAST_SECONDS
    while attempt < ATTEMPTS or time.monotonic() < until:
        try:
            return commit()
        except (TableError, OSError, Planned):
            raise
        except Exception as error:  # noqa: BLE001  a conflict, or an answer that was lost: only the table can tell
            failed = error
            attempt += 1
            time.sleep(min(0.2, 0.01 * 2**attempt))
    cause = str(failed).partition("\n")[0]
    raise TableError(
        f"table {sink.name}: others commit all the time: run the same command again, or let "
        f"the service commit less often (`pace.tables`) ({cause})"
    ) from failed


def _groups(store: Warehouse, role: str, target: int) -> Iterator[_Group]:
    """Yield what is to be merged: files of one partition under the present spec, smallest positions first.

    Files under an older one by which readers miss rows come along, to be written under the present one.
    """
    partitions: dict[tuple[bool, str], list[DataFile]] = {}
    view = look(store)
    table = view.tables[role]
    sink, present = store.tables[role], table.spec().spec_id
    left = {number for number, spec in table.specs().items() if number != present and misses_rows(spec, sink)}
    for file in live_files(table):
        path = local_path(file.file_path)
        if not store.owns(path) or view.waits(path):
            continue
        if file.spec_id in left or (file.spec_id == present and file.file_size_in_bytes < target * SMALL):
            partitions.setdefault((file.spec_id in left, f"{file.spec_id} {file.partition!r}"), []).append(file)
    for (anew, _), files in sorted(partitions.items()):
        group = _Group(anew)
        for file in sorted(files, key=lambda f: f.file_path):
            if group.size + file.file_size_in_bytes > target and group.files:
                yield group
                group = _Group(anew)
            group.files.append(file)
            group.size += file.file_size_in_bytes
        yield group


def _chunks(groups: Iterable[_Group]) -> Iterator[list[_Group]]:
    """Gather groups into commits."""
    chunk: list[_Group] = []
    for group in groups:
        if len(group.files) < MERGED and not group.anew:
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
        found = [widened(pq.ParquetFile(path).read(), sink) for path in paths]
        rows = pa.concat_tables(found, promote_options="default")
        written = write_files(rows, sink, folder, f"merged-{number}-{at}")
        if sum(file.rows for file in written) != sum(file.record_count for file in group.files):
            raise TableError(
                f"table {sink.name}: its files have other numbers of rows than it says: run `tacet verify`"
            )
        added += [data_file(table, folder / file.path.rpartition("/")[2], file.partition) for file in written]
        removed.update(str(path) for path in paths)
    point("M1:before")
    _again(sink, lambda: _replace(store.table(sink.role), added, removed))
    point("M1:after")


def _replace(table: Table, added: list[DataFile], removed: set[str]) -> None:
    """Put the merged files in the place of the small ones, unless an attempt whose answer was lost did it."""
    live = {str(local_path(file.file_path)) for file in live_files(table)}
    if not {str(local_path(file.file_path)) for file in added} <= live:
        replace_files(table, added, removed, {}, {"tacet.maintenance": "merge"})


def _remove_orphans(store: Warehouse, done: list[Maintained], before: dt.datetime) -> None:
    """Remove data and metadata files older than `before` that no snapshot or branch names, and no intent may name."""
    by_table = {one.table: one for one in done}
    tables = {role: store.table(role) for role in store.tables}
    named = {path for table in tables.values() for path in all_paths(table)}
    for path in store.data_files():
        role = _role_of(path, store)
        if path not in named and ahead(path, store.plan.job, tables[role]) is None:
            _remove(path, before, by_table[store.tables[role].name])
    for sink in store.tables.values():
        release(store.root, store.plan.job, sink.name, ())
    for role, table in tables.items():
        kept = metadata_paths(table)
        limit = before if _is_alone(table, store.plan.job) else min(before, dt.datetime.now(dt.UTC) - IN_FLIGHT)
        for path in sorted(local_path(table.metadata_location).parent.glob("*.avro")):
            if path not in kept:
                _remove(path, limit, by_table[store.tables[role].name])


def _is_alone(table: Table, job: str) -> bool:
    """Tell whether only runs over files commit to a table, and only this job's: those wait for our lock."""
    return all(name == f"{MARKER}.{job}" for name in table.properties if name.startswith(f"{MARKER}."))


def _role_of(path: Path, store: Warehouse) -> str:
    """Return the role of a data file, with which its name begins."""
    role = path.name.partition("-")[0]
    return role if role in store.tables else "ledger"


def _remove(path: Path, before: dt.datetime, done: Maintained) -> None:
    status = path.stat()
    if dt.datetime.fromtimestamp(status.st_mtime, dt.UTC) < before:
        path.unlink()
        done.files_removed += 1
        done.bytes_removed += status.st_size

"""The commit protocol for files in, Iceberg out: every message's rows are there once, whenever the process dies.

S3 files     data files written and synced below data/<job>/<run>/, which holds `unfinished` while the run lasts
S4 intent    a file that names them all, synced: intents/<seq>.json
S5 ledger    the ledger's rows and its marker, in ONE commit                        <- the commit point
S8 tables    every other table: its files and its marker, in ONE commit each
S9 done      the intent is removed

A start heals: an intent that the ledger has is applied to the tables whose marker is behind; one that it does not have
was never committed; then whatever an unfinished run left and no table names is removed. One process owns a job's warehouse (a lock file, held by the kernel).
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pyiceberg.exceptions import CommitFailedException

from tacet_runtime.connectors.iceberg import (
    TableError,
    data_files,
    ensure_table,
    open_catalog,
    own_ids,
    readable,
    replace_files,
)
from tacet_runtime.connectors.iceberg_names import missing_of, see_there
from tacet_runtime.connectors.locations import is_below, local_path
from tacet_runtime.connectors.parquet import Finished, partition_value, plain_value, synced, write_files
from tacet_runtime.connectors.snapshots import all_paths, forget, lost, set_forward
from tacet_runtime.faults import point
from tacet_runtime.ledger import ledger_table
from tacet_runtime.locking import Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from tacet_runtime.ledger import Entry
    from tacet_runtime.plan.model import Plan, SinkTable

MARKER = "tacet.seq"
UNFINISHED = "unfinished"
TIDY_EVERY = 20
"""After so many commits old snapshots are forgotten, or each commit would cost more than the one before."""
_BATCH = re.compile(r"([a-z0-9-]+\.[0-9]+)\.[0-9]+\.[0-9a-f]+")
"""What a service calls the folder of a batch: island, shard, commit, and what makes it unique."""
ORDER = ("ledger", "raw", "derived", "rejects", "metrics")
_AT_LEAST_SECONDS = 20.0
"""So long a commit is tried beside a service that is quicker."""
_PAUSE = 0.02


class Overtaken(TableError):  # noqa: N818
    """Another writer was quicker every time: nothing of this commit is in the table."""


class Gap(Exception):  # noqa: N818
    """A table's marker is ahead of the ledger, or more than one behind: somebody rolled a table back."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One commit, complete: its number and every file that belongs to it."""

    seq: int
    folder: str
    files: tuple[Finished, ...]
    removed: tuple[tuple[str, str], ...] = ()
    """(role, path) of data files that this commit replaces."""
    specs: Mapping[str, int] = field(default_factory=dict)
    """Role -> the partition spec that the table's files were written with; the present one when it is not told."""


def _way_back(table: Table) -> str:
    """Say what to do about a table that lacks commits."""
    if table.current_snapshot() is None:
        return (
            "it is empty, was it dropped? Drop the empty one, and put the catalog's entry back: "
            "register the newest metadata file of the one that was"
        )
    return "was it rolled back? Set it to the snapshot of that commit again; `tacet verify` says which commits it lacks"


class Warehouse:
    """A job's tables in one warehouse, and the one way to add to them."""

    def __init__(self, plan: Plan, root: Path, catalog: Catalog | None = None) -> None:
        """`root`: the folder of the data files; `catalog`: an island's, when it is not the warehouse's own file."""
        self.plan = plan
        self.root = root.absolute()
        self.catalog: Catalog = catalog or open_catalog(self.root)
        self._own_catalog = catalog is None
        self.tables: Mapping[str, SinkTable] = {table.role: table for table in plan.tables}
        self._data = self.root / "data" / plan.job
        self._intents = self.root / "intents" / plan.job
        self._markers = f"{MARKER}.{plan.job}"
        self._specs: dict[str, int] = {}

    def open(self, *, accept_rollback: bool = False) -> None:
        """Make or widen the tables, whose ids the plan has from then on, and heal what a crash left. Only with the lock held.

        Raises TableError, and Gap when a table was rolled back, unless `accept_rollback`: then what it lost is put back.
        """
        see_there(self.catalog, self.plan, self._markers, ran=self._data.exists())
        made = {table.role: ensure_table(self.catalog, table) for table in self.plan.tables}
        self._specs = {role: table.spec().spec_id for role, table in made.items()}
        own = tuple(own_ids(made[table.role], table) for table in self.plan.tables)
        self.plan = replace(self.plan, tables=own)
        self.tables = {table.role: table for table in own}
        self._heal()
        self._see_rollbacks(accept=accept_rollback)

    def table(self, role: str) -> Table:
        """Load a table's newest metadata. Raises TableError when the warehouse was copied or moved from elsewhere."""
        with readable(self.tables[role].name):
            found = self.catalog.load_table(self.tables[role].name)
        if self._own_catalog and not is_below(found.location(), self.root):
            raise TableError(
                f"the tables of {self.root} are in {found.location()}: Iceberg's metadata holds whole paths, so a warehouse "
                "is not copied or moved; use it where it was, or run again into a new one"
            )
        return found

    def see_names(self) -> None:
        """Raise TableError when the catalog has the job's tables under other names: what is there is not what was written."""
        missing_of(self.catalog, self.plan, self._markers, ran=self._data.exists())

    def has(self, role: str) -> bool:
        """Tell whether the catalog has a table."""
        with readable(self.tables[role].name):
            return self.catalog.table_exists(self.tables[role].name)

    def seq(self) -> int:
        """Return the number of the last commit."""
        return marker(self.table("ledger"), self.plan.job)

    def data_files(self) -> list[Path]:
        """Return every data file on the disk, named by a table or not: the job's own, and what lies in its tables' folders.

        A file that lies beside the jobs' folders is nobody's, so it counts for each.
        """
        tables = [local_path(self.table(role).location()) for role in self.tables if self.has(role)]
        below = {path for folder in (self._data, *tables) for path in folder.rglob("*.parquet")}
        return sorted(below | set(self._data.parent.glob("*.parquet")))

    def owns(self, path: Path) -> bool:
        """Tell whether a table's file is this job's: several jobs of one raw event share its archive in a warehouse.

        What stands outside every job's folder was rewritten by somebody else, and counts for each.
        """
        jobs = self._data.parent
        return path.is_relative_to(self._data) or not path.is_relative_to(jobs)

    def served(self) -> list[str]:
        """Return the islands whose service writes here: its markers stand in the ledger, and it names its files' folders after itself."""
        prefix = f"{MARKER}.{self.plan.job}."
        marks = self.table("ledger").properties if self.has("ledger") else {}
        shards = {name.removeprefix(prefix) for name in marks if name.startswith(prefix)}
        folders = self._data.iterdir() if self._data.exists() else ()
        shards |= {found[1] for folder in folders if (found := _BATCH.fullmatch(folder.name))}
        return sorted({shard.partition(".")[0] for shard in shards})

    def see_unserved(self) -> None:
        """Raise Busy when a service writes the tables: rows of files would be in them, and in none of its topics."""
        if islands := self.served():
            raise Busy(
                f"the service on island {islands[0]} writes the tables of {self.plan.job} in {self.root}: rows of files would be in "
                "its tables, and not in its topics; name another `--warehouse`, or send the messages to the topic that it reads"
            )

    def intents(self) -> list[Path]:
        """Return the intents that are not finished."""
        return sorted(self._intents.glob("*.json")) if self._intents.exists() else []

    def unfinished(self) -> set[Path]:
        """Return the data files that intents name: they belong to commits which the next start finishes or drops."""
        return {Path(file.path) for path in self.intents() for file in _read_intent(path).files}

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """Remove at once what a change that failed has written, unless an intent names it; what cannot be, the next start removes."""
        try:
            yield
        except Exception:
            if not self.intents():
                with suppress(Exception):
                    self._sweep()
            raise

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Make the folder for a run's data files, marked as unfinished until the run has ended well."""
        path = self._data / str(uuid.uuid4())
        path.mkdir(parents=True)
        (path / UNFINISHED).touch()
        synced(path)
        yield path
        (path / UNFINISHED).unlink()
        if not any(path.iterdir()):
            path.rmdir()

    def commit(
        self,
        seq: int,
        folder: Path,
        files: Sequence[Finished],
        entries: Sequence[Entry],
        removed: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Commit finished files with their accounts. After it returns, or after the next `open`, all tables have them."""
        ledger = write_files(ledger_table(entries, self.tables["ledger"]), self.tables["ledger"], folder, str(seq))
        synced(folder)
        point("S3:after")
        intent = Intent(seq, str(folder), (*ledger, *files), tuple(removed), self._specs)
        self._write_intent(intent)
        point("S4:after")
        try:
            self._apply(intent)
        except Overtaken:
            if self.seq() < seq:  # it was refused before the commit point: it never was
                self._remove_intent(seq)
            raise
        point("S9:before")
        self._remove_intent(seq)
        if seq % TIDY_EVERY == 0:
            for table in self.tables.values():
                forget(self.catalog.load_table(table.name))
        point("S9:after")

    def _apply(self, intent: Intent) -> None:
        for role in ORDER:
            table = self.tables.get(role)
            if table is None:
                continue
            point(f"S{'5' if role == 'ledger' else '8'}:before-{role}")
            self._apply_to(table, intent)
            point(f"S{'5' if role == 'ledger' else '8'}:after-{role}")

    def _apply_to(self, table: SinkTable, intent: Intent) -> None:
        name = f"{MARKER}.{self.plan.job}"
        removed = {path for role, path in intent.removed if role == table.role}
        files: list[DataFile] = []

        def attempt() -> None:
            loaded = self.catalog.load_table(table.name)
            at = marker(loaded, self.plan.job)
            if at >= intent.seq:
                return
            if at != intent.seq - 1:
                raise Gap(f"table {table.name} is at commit {at}, and commit {intent.seq} is due: was it rolled back?")
            if not files:
                of_role = [(Path(f.path), f.partition) for f in intent.files if f.role == table.role]
                files.extend(data_files(loaded, of_role, spec_id=intent.specs.get(table.role)))
            try:
                replace_files(loaded, files, removed, {name: str(intent.seq)}, {name: str(intent.seq)})
            except CommitFailedException:
                raise
            except Exception as error:
                # Whether it was done is not known: nothing is tried again here, the next start looks at the marker.
                cause = str(error).partition("\n")[0]
                raise TableError(f"cannot commit to {table.name}: {cause}; run the same command again") from error

        insist(table.name, attempt)

    def _heal(self) -> None:
        committed = self.seq()
        for path in sorted(self._intents.glob("*.json"), key=lambda p: int(p.stem)) if self._intents.exists() else []:
            intent = _read_intent(path)
            if intent.seq <= committed:
                self._apply(intent)
            path.unlink()
        for path in self._intents.glob("*.part") if self._intents.exists() else []:
            path.unlink()
        for role in ORDER:
            if role in self.tables and marker(self.table(role), self.plan.job) != committed:
                raise Gap(f"table {self.tables[role].name} is not at commit {committed}: {_way_back(self.table(role))}")
        self._sweep()

    def _see_rollbacks(self, *, accept: bool) -> None:
        """Refuse tables that went back to an older snapshot, or set them forward again: their files are still there."""
        for table in self.tables.values():
            loaded = self.catalog.load_table(table.name)
            newest = lost(loaded, f"{MARKER}.{self.plan.job}")
            if newest is None:
                continue
            words = f"table {table.name} was rolled back to before snapshot {newest.snapshot_id}"
            if not accept:
                raise Gap(f"{words}: `--accept-rollback` puts back what it lost; or set its current snapshot yourself")
            if not set_forward(loaded, newest):
                raise Gap(f"{words}, and written to since: set its current snapshot to {newest.snapshot_id} yourself")

    def _sweep(self) -> None:
        """Remove what unfinished runs left and no table names: nobody else writes here while the lock is held."""
        left = [mark.parent for mark in self._data.glob(f"*/{UNFINISHED}")] if self._data.exists() else []
        if not left:
            return
        named = {str(path) for role in self.tables for path in all_paths(self.table(role))}
        for folder in left:
            for path in folder.iterdir():
                if path.name != UNFINISHED and str(path) not in named:
                    path.unlink()
            (folder / UNFINISHED).unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def _write_intent(self, intent: Intent) -> None:
        self._intents.mkdir(parents=True, exist_ok=True)
        path = self._intents / f"{intent.seq}.json"
        part = path.with_suffix(".part")
        files = [
            {"role": f.role, "path": f.path, "partition": [plain_value(v) for v in f.partition], "rows": f.rows}
            for f in intent.files
        ]
        with part.open("w") as file:
            document = {"seq": intent.seq, "folder": intent.folder, "files": files, "removed": intent.removed}
            json.dump({**document, "specs": intent.specs}, file)
            file.flush()
            os.fsync(file.fileno())
        point("S4:before")
        part.replace(path)
        synced(self._intents)

    def _remove_intent(self, seq: int) -> None:
        (self._intents / f"{seq}.json").unlink(missing_ok=True)


def insist(table: str, commit: Callable[[], None]) -> None:
    """Commit, each time on what is newest, until no service was quicker. Raises Overtaken."""
    until = time.monotonic() + _AT_LEAST_SECONDS
    while True:
        try:
            return commit()
        except CommitFailedException as error:
            if time.monotonic() > until:
                cause = str(error).partition("\n")[0]
                raise Overtaken(f"cannot commit to {table}: {cause}; run the same command again") from error
        time.sleep(_PAUSE)


def marker(table: Table, job: str) -> int:
    """Return the number of the last commit of a job that a table has; 0 for none. Raises TableError when damaged."""
    text = table.properties.get(f"{MARKER}.{job}", "0")
    if not text.isdigit():
        raise TableError(f"table {'.'.join(table.name())}: marker `{text[:40]}` is no number")
    return int(text)


def _read_intent(path: Path) -> Intent:
    document = json.loads(path.read_text())
    files = tuple(
        Finished(f["role"], f["path"], tuple(partition_value(v) for v in f["partition"]), f["rows"])
        for f in document["files"]
    )
    removed = tuple((role, path) for role, path in document["removed"])
    return Intent(document["seq"], document["folder"], files, removed, document.get("specs", {}))

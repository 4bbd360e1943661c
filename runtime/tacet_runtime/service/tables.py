"""S8: Iceberg follows the intents. Each table has a marker, and gets the files of all due intents with it in ONE commit.

A conflict (409) or an answer that was lost look alike from here: the table is loaded again, and its marker tells. Check
and commit use the same metadata, so that a request that lands late is refused by the catalog.
"""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tacet_runtime.connectors.iceberg import TableError, append_files, data_file, ensure_table, live_files, own_ids
from tacet_runtime.connectors.iceberg_catalogs import cause
from tacet_runtime.connectors.iceberg_names import see_there
from tacet_runtime.connectors.snapshots import newest_of
from tacet_runtime.faults import point
from tacet_runtime.ledger import given_up_name
from tacet_runtime.service.intent import TableFiles
from tacet_runtime.service.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.plan.model import Plan, SinkTable
    from tacet_runtime.service.intent import Intent
    from tacet_runtime.service.owner import Shard

_T = TypeVar("_T")
ORDER = ("raw", "derived", "rejects", "metrics", "ledger")
ATTEMPTS = 8
AWAY = 3
"""After so many attempts a table that cannot even be loaded is left for later: who waits for it goes on meanwhile."""
TRYING_SECONDS = 6.0
"""And after so many seconds no other attempt is made: a catalog that hangs takes its time for each."""


class _OldAnswer(Exception):  # noqa: N818
    """The catalog says of a table what was so before a commit that it has."""


class Tables:
    """The tables of a job, as one shard adds to them."""

    def __init__(self, plan: Plan, shard: Shard, root: Path, catalog: Catalog) -> None:
        self.plan = plan
        self.root = root.absolute()
        self.shard = shard
        self.sinks: dict[str, SinkTable] = {table.role: table for table in plan.tables}
        self.roles = tuple(role for role in ORDER if role in self.sinks)
        self.catalog = catalog
        self.data = self.root / "data" / plan.job
        self._seen: dict[str, tuple[str, int, int]] = {}
        """Role -> uuid, schema and spec of the table when it was last loaded to be written to."""
        self._set: dict[str, int] = {}
        """Role -> the commit that a table was said by hand to have."""
        self._reached: dict[str, int] = {}
        """Role -> the last commit that this process knows a table to have."""

    def open(self) -> None:
        """Make or widen the tables, whose ids the sinks have from then on. Raises TableError."""
        _tried(
            "find the tables", partial(see_there, self.catalog, self.plan, self.shard.markers, ran=self.data.exists())
        )
        for role in self.roles:
            sink = self.sinks[role]
            table = _tried(f"open {sink.name}", partial(ensure_table, self.catalog, sink))
            self.sinks[role] = own_ids(table, sink)
            self._see(role, table)

    def load(self, role: str) -> Table:
        """Return a table's newest metadata. Raises what pyiceberg raises."""
        return self.catalog.load_table(self.sinks[role].name)

    def marker(self, table: Table) -> int:
        """Return the last commit of this shard that a table has: what its property says, unless its snapshots know better."""
        return max(_number(table, self.shard.marker), newest_of(table, self.shard.marker) or 0)

    def markers(self) -> dict[str, int]:
        """Return each table's marker. Raises TableError."""
        return {role: self.marker(self._loaded(role)) for role in self.roles}

    def lacking(self, intents: Iterable[Intent]) -> list[Intent]:
        """Return the intents that some table lacks. Raises TableError."""
        return after(min(self.markers().values()), intents)

    def _loaded(self, role: str) -> Table:
        try:
            return self.load(role)
        except TableError:
            raise
        except Exception as error:
            raise TableError(f"the catalog cannot be read: {cause(error)}") from error

    def describe(self, files: Iterable[Finished]) -> tuple[TableFiles, ...]:
        """Return finished files by table, with what the tables were when they were last seen. Every table is named."""
        by_role: dict[str, list[Finished]] = {role: [] for role in self.roles}
        for file in files:
            by_role[file.role].append(file)
        return tuple(TableFiles(role, *self._seen[role], tuple(found)) for role, found in by_role.items())

    def see_alone(self) -> None:
        """Raise Refused when a table has commits of another island. Raises TableError."""
        for role in self.roles:
            self._see_alone(self._loaded(role), role)

    def see_others(self, others: Iterable[Intent], whose: str) -> None:
        """Raise Refused when a commit of the island `whose` is to one of these very tables."""
        mine = {uuid: role for role, (uuid, _, _) in self._seen.items()}
        for intent in others:
            for other in intent.tables:
                if other.uuid in mine:
                    raise self._belongs(mine[other.uuid], whose)

    def _see_alone(self, table: Table, role: str) -> None:
        for island in self.shard.foreign(table.properties).values():
            raise self._belongs(role, island)

    def _belongs(self, role: str, island: str) -> Refused:
        return Refused(
            f"table {self.sinks[role].name} belongs to island {island}: island {self.shard.island} would write the same rows "
            f"once more; give it a warehouse (or catalog) of its own, or start as island {island}"
        )

    def _see(self, role: str, table: Table) -> None:
        self._seen[role] = (str(table.metadata.table_uuid), table.schema().schema_id, table.spec().spec_id)

    def apply(self, intents: Sequence[Intent]) -> None:
        """Bring every table to the last of the intents, which are in order. Raises TableError, Refused."""
        for role in self.roles:
            point(f"S8:before-{role}")
            self._apply_to(role, intents)
            point(f"S8:after-{role}")

    def _apply_to(self, role: str, intents: Sequence[Intent]) -> None:
        until = time.monotonic() + TRYING_SECONDS
        for attempt in range(ATTEMPTS):
            table = None
            try:
                table = self._newest(role)
                due = after(self.marker(table), intents)
                if not due:
                    return
                self._see_own(table, role)
                self._check(table, role, due)
                self._commit(table, role, due)
                self._reached[role] = due[-1].seq
            except (Refused, TableError):
                raise
            except Exception as error:  # a conflict, or an answer that was lost: only the table can tell
                if attempt + 1 >= (AWAY if table is None else ATTEMPTS) or time.monotonic() > until:
                    raise TableError(f"cannot commit to {self.sinks[role].name}: {cause(error)}") from error
                time.sleep(min(2.0, 0.05 * 2**attempt))
            else:
                return

    def _newest(self, role: str) -> Table:
        """Return a table as it is now. Raises _OldAnswer, and what pyiceberg raises."""
        table = self.load(role)
        at, reached = self.marker(table), self._reached.get(role, 0)
        if at < reached:
            raise _OldAnswer(
                f"the catalog says it is at commit {at}, and it was at {reached}: an old answer (a cache, a replica)? Or was the "
                "table put back: then start the service again, and it says what to do"
            )
        self._reached[role] = at
        return table

    def _check(self, table: Table, role: str, due: Sequence[Intent]) -> None:
        name, at = self.sinks[role].name, self.marker(table)
        if due[0].seq != at + 1:
            raise Refused(
                f"table {name} is at commit {at}, and the next intent that can be read is {due[0].seq}: "
                "restore the table, or start with --accept-loss and bring the rows back with `tacet backfill`"
            )
        for intent in due:
            files = files_of(intent, role)
            if str(table.metadata.table_uuid) != files.uuid:
                raise Refused(
                    f"table {name} is not the one that commit {intent.seq} was written for: restore that one when it was made anew; "
                    "when the contract gives the table another name, put the name back: an event keeps its table"
                )
            if files.files and files.spec not in table.specs():
                raise Refused(
                    f"table {name} no longer has the partition spec {files.spec}, which the files of commit {intent.seq} were written "
                    "with: put it back (`update_spec` of pyiceberg)"
                )

    def _commit(self, table: Table, role: str, due: Sequence[Intent]) -> None:
        files: list[DataFile] = []
        for intent in due:
            found = files_of(intent, role)
            files += [data_file(table, Path(f.path), f.partition, found.schema, found.spec) for f in found.files]
        live = set() if self.marker(table) else {file.file_path for file in live_files(table)}
        if twice := live & {file.file_path for file in files}:
            raise Refused(
                f"table {self.sinks[role].name} has {min(twice)} already, and neither its properties nor its snapshots say of which "
                f"commit: set its property {self.shard.marker} to the number of the last commit that it has"
            )
        marker = {self.shard.marker: str(due[-1].seq)}
        append_files(table, files, marker, marker)

    def _see_own(self, table: Table, role: str) -> None:
        """Raise Refused when a table is not as this shard left it: another island's, or rolled back."""
        self._see_alone(table, role)
        has, marker = newest_of(table, self.shard.marker), self.marker(table)
        if has is not None and has < marker and marker != self._set.get(role):
            raise self.refusal_of_rollback(role, has)

    def refusal_of_rollback(self, role: str, at: int) -> Refused:
        """Return what is said of a table that was rolled back to a commit."""
        return Refused(
            f"table {self.sinks[role].name} was rolled back to commit {at}: roll it forward, "
            "or start with --accept-rollback to apply the later commits again"
        )

    def rolled_back(self) -> dict[str, int]:
        """Return the tables whose present snapshot is older than their marker, and the commit that it has.

        The marker is a property and survives a rollback; the summary of the newest of our snapshots that the present
        one descends from does not lie. None of ours among them (a foreign compaction and expiry): nothing can be said.
        """
        found = {}
        for role in self.roles:
            table = self._loaded(role)
            has = newest_of(table, self.shard.marker)
            if has is not None and has < self.marker(table):
                found[role] = has
        return found

    def set_marker(self, role: str, at: int) -> None:
        """Say by hand which commit a table has, after a rollback or a loss that was accepted."""
        with self.load(role).transaction() as transaction:
            transaction.set_properties({self.shard.marker: str(at)})
        self._set[role] = self._reached[role] = at

    def give_up(self, source: str, gaps: Iterable[tuple[int, int, int]]) -> None:
        """Keep with the ledger what an accepted loss leaves out: partition, first and last (excluded). Raises TableError."""
        kept = {given_up_name(self.plan.job, source, number, first): str(last) for number, first, last in gaps}

        def keep() -> None:
            with self.load("ledger").transaction() as transaction:
                transaction.set_properties(kept)

        _tried("keep what is given up", keep)

    def make_folder(self, seq: int, unique: str) -> Path:
        """Make the folder of one batch's files. Raises OSError."""
        path = self.data / self.shard.folder(seq, unique)
        path.mkdir(parents=True)
        return path

    def discard(self, seq: int, unique: str) -> None:
        """Remove the folder of a batch that could not be written."""
        shutil.rmtree(self.data / self.shard.folder(seq, unique), ignore_errors=True)

    def sweep(self, intents: Sequence[Intent]) -> int:
        """S9: remove what attempts left that were never committed; return how many.

        Only after the intents were read by the process that fenced all others: what no intent of that number names can
        never be committed. Folders older than the oldest intent are left to `verify`.
        """
        if not self.data.exists():
            return 0
        kept = {intent.folder for intent in intents}
        oldest = intents[0].seq if intents else 1
        swept = 0
        for folder in self.data.iterdir():
            seq = self.shard.folder_seq(folder.name)
            if seq is not None and seq >= oldest and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
        return swept


def _tried(what: str, work: Callable[[], _T]) -> _T:
    """Return what the work returns, done again when another shard commits at this moment. Raises TableError."""
    attempt = 1
    while True:
        try:
            return work()
        except TableError:
            raise
        except Exception as error:
            if attempt == ATTEMPTS:
                raise TableError(f"cannot {what}: {cause(error)}") from error
        time.sleep(0.1 * attempt)
        attempt += 1


def after(commit: int, intents: Iterable[Intent]) -> list[Intent]:
    """Return the intents of later commits."""
    return [intent for intent in intents if intent.seq > commit]


def files_of(intent: Intent, role: str) -> TableFiles:
    """Return what an intent adds to a table. Raises Refused when the intent does not know the table."""
    for table in intent.tables:
        if table.role == role:
            return table
    raise Refused(f"commit {intent.seq} was written by a plan without {role}: run that one until it has caught up")


def _number(table: Table, name: str) -> int:
    text = table.properties.get(name, "0")
    if not text.isdigit():
        raise TableError(f"table {'.'.join(table.name())}: marker `{text[:40]}` is no number")
    return int(text)

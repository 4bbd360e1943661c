"""VIEW: a job's tables as of the commits that ALL of them have, although a commit reaches one table after the other.

A service brings its commits to each table in turn, and may be killed in between. Whoever compares tables, or changes several,
works on what all have: data files of later commits are as if they were not there yet. Their folders say whose they are
and of which commit (`island.shard.seq.…`); a merge takes only files that every table has the commits of, so that stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tacet_runtime.connectors.iceberg import data_paths
from tacet_runtime.connectors.snapshots import newest_of
from tacet_runtime.exactly_once import MARKER, ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pyiceberg.table import Table

    from tacet_runtime.exactly_once import Warehouse


Offsets: TypeAlias = tuple[str, int, int, int]
"""Source, partition, first offset, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Commits `first` to `last` of a shard that some table lacks."""

    shard: int
    first: int
    last: int
    messages: int | None = None
    """None when only Kafka knows."""
    ranges: tuple[Offsets, ...] = ()
    """Where in the source they are, when that is known."""

    def __str__(self) -> str:
        return f"commits {self.first}..{self.last} of shard {self.shard}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a change of history does not reach."""

    left_out: tuple[Waiting, ...] = ()
    """Commits that some table lacks: their messages were not run again."""
    topics: tuple[str, ...] = ()
    """Topics that a service wrote: what was sent there stays as it is."""
    no_event_time: int = 0
    """Messages with rows without a valid event time, which no span covers."""


class _Owned(NamedTuple):
    """Whose commit a data file belongs to."""

    island: str
    shard: int
    seq: int


@dataclass(frozen=True, slots=True)
class View:
    """Tables, each as it was when it was loaded, and what of them may be read together."""

    store: Warehouse
    tables: Mapping[str, Table]
    """Role -> the table, of those that there are."""
    commits: Mapping[tuple[str, int], tuple[int, int]]
    """(Island, shard) -> the last commit that every table has, and the last that any has."""

    def at(self, island: str, shard: int) -> int:
        """Return the last commit of a shard that every table has; 0 for none."""
        return self.commits.get((island, shard), (0, 0))[0]

    @property
    def partly(self) -> tuple[Waiting, ...]:
        """Return what some tables have and others do not have yet."""
        return tuple(Waiting(n, low + 1, high) for (_, n), (low, high) in sorted(self.commits.items()) if low < high)

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that have rows, too: those of a service that wrote to these tables."""
        return tuple(sink.topic for sink in self.store.plan.topics) if self.commits else ()

    @property
    def scope(self) -> Scope:
        """Return what a change of history on this view does not reach."""
        return Scope(self.partly, self.topics)

    def waits(self, path: Path) -> bool:
        """Tell whether a data file is of a commit that some table lacks."""
        of = _owned(path)
        return of is not None and of.seq > self.at(of.island, of.shard)

    def paths(self, role: str) -> list[Path]:
        """Return this job's data files of a table that may be read; a file registered twice stands twice."""
        found = data_paths(self.tables[role])
        return [path for path in found if self.store.owns(path) and not self.waits(path)]


def look(store: Warehouse) -> View:
    """Load the tables that there are. One that turned up while the others were loaded is loaded, too."""
    while True:
        there = {role: store.table(role) for role in ORDER if role in store.tables and store.has(role)}
        if all(role in there or not store.has(role) for role in store.tables):
            break
    owners = {owner for table in there.values() for owner in _owners(table, store.plan.job)}
    commits = {}
    for island, shard in owners:
        name = f"{MARKER}.{store.plan.job}.{island}.{shard}"
        ats = [_at(table, name) for table in there.values()]
        commits[island, shard] = min(ats), max(ats)
    return View(store, there, commits)


def begun(table: Table, job: str) -> bool:
    """Tell whether a table has commits of a job, of a run or of a service."""
    own = f"{MARKER}.{job}"
    return any(name == own or name.startswith(f"{own}.") for name in table.properties)


def ahead(path: Path, job: str, table: Table) -> int | None:
    """Return the commit of a data file, when a service wrote it for one that the table does not have."""
    of = _owned(path)
    if of is None or of.seq <= _at(table, f"{MARKER}.{job}.{of.island}.{of.shard}"):
        return None
    return of.seq


def _owners(table: Table, job: str) -> Iterator[tuple[str, int]]:
    for name in table.properties:
        match name.removeprefix(f"{MARKER}.{job}.").split("."):
            case [island, shard] if shard.isdigit() and name.startswith(f"{MARKER}.{job}."):
                yield island, int(shard)
            case _:
                pass


def _at(table: Table, marker: str) -> int:
    """Return the last commit that a table has: what its property says, unless its snapshots know better."""
    text = table.properties.get(marker, "0")
    return max(int(text) if text.isdigit() else 0, newest_of(table, marker) or 0)


def _owned(path: Path) -> _Owned | None:
    match path.parent.name.split("."):
        case [island, shard, seq, _] if shard.isdigit() and seq.isdigit():
            return _Owned(island, int(shard), int(seq))
        case _:
            return None

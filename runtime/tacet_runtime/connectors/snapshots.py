"""What a table's snapshots tell: who wrote them, whether somebody went back to an old one, and which can be forgotten.

Every commit of a job leaves its number in its snapshot's summary (`tacet.seq.<job>`), maintenance leaves `tacet.maintenance`.
A snapshot with neither is somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.connectors.locations import local_path

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

KEPT = 10
"""This many newest snapshots are always kept."""
FORGET_ABOVE = 30
"""Above this many, old ones are forgotten: what a commit costs grows with their number."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A snapshot that no job made: its id, what it did, and rows and files added and deleted."""

    snapshot: int
    operation: str
    added_rows: int
    deleted_rows: int


def said(snapshot: Snapshot) -> dict[str, str]:
    """Return what a snapshot's summary says beside its operation."""
    return dict(snapshot.summary.additional_properties) if snapshot.summary else {}


def operation(snapshot: Snapshot) -> str:
    """Return `append`, `overwrite`, `delete` or `replace`."""
    return snapshot.summary.operation.value if snapshot.summary else "append"


def line(table: Table) -> list[Snapshot]:
    """Return the current snapshot and its ancestors that are still known, newest first."""
    return list(ancestors(table))


def ancestors(table: Table) -> Iterator[Snapshot]:
    """Yield what `line` returns: who looks for the newest of a kind need not see them all."""
    at = table.current_snapshot()
    while at is not None:
        yield at
        at = table.snapshot_by_id(at.parent_snapshot_id) if at.parent_snapshot_id is not None else None


def foreign(table: Table) -> list[Foreign]:
    """Return commits in the current line that are no job's and change rows; a compaction changes none."""
    return [
        Foreign(s.snapshot_id, operation(s), _number(s, "added-records"), _number(s, "deleted-records"))
        for s in reversed(line(table))
        if not any(name.startswith("tacet.") for name in said(s)) and operation(s) != "replace"
    ]


def _number(snapshot: Snapshot, name: str) -> int:
    return int(said(snapshot).get(name, "0"))


def newest_of(table: Table, name: str) -> int | None:
    """Return the newest commit, by the property `name`, in the table's line; 0 when only snapshots outside it have one; None for none at all."""
    for snapshot in ancestors(table):
        value = said(snapshot).get(name, "")
        if value.isdigit():
            return int(value)
    return 0 if any(name in said(snapshot) for snapshot in table.snapshots()) else None


def lost(table: Table, name: str) -> Snapshot | None:
    """Return the newest commit of a job (by its property `name`) when the table's line has it not: it was rolled back."""
    ours = [s for s in table.snapshots() if name in said(s) and not _in_branch(table, s)]
    if not ours:
        return None
    newest = max(ours, key=lambda s: (s.sequence_number or 0, s.timestamp_ms))
    return None if any(s.snapshot_id == newest.snapshot_id for s in line(table)) else newest


def set_forward(table: Table, newest: Snapshot) -> bool:
    """Make a snapshot current when the current one is its ancestor; tell whether that was so."""
    current = table.current_snapshot()
    at: Snapshot | None = newest
    while at is not None and current is not None and at.snapshot_id != current.snapshot_id:
        at = table.snapshot_by_id(at.parent_snapshot_id) if at.parent_snapshot_id is not None else None
    if at is None:
        return False
    table.manage_snapshots().set_current_snapshot(newest.snapshot_id).commit()
    return True


def _in_branch(table: Table, snapshot: Snapshot) -> bool:
    return any(ref.snapshot_id == snapshot.snapshot_id for name, ref in table.refs().items() if name != "main")


def forget(table: Table) -> int:
    """Forget old snapshots whose files all stand in a later one, in one commit of their own; return how many.

    Kept are the newest ones, those that a branch or tag names, those outside the current line, and the last one before
    files were replaced: `maintain` forgets those by their age.
    """
    if len(table.snapshots()) <= FORGET_ABOVE:
        return 0
    newest_first = line(table)
    named = {ref.snapshot_id for ref in table.refs().values()}
    old = [
        before.snapshot_id
        for after, before in zip(newest_first[KEPT - 1 :], newest_first[KEPT:], strict=False)
        if operation(after) == "append" and before.snapshot_id not in named
    ]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
    return len(old)


def expiring(table: Table, before: dt.datetime) -> list[int]:
    """Return the ids of snapshots older than `before` that no branch or tag names."""
    heads = {ref.snapshot_id for ref in table.refs().values()}
    limit = int(before.timestamp() * 1000)
    return [s.snapshot_id for s in table.snapshots() if s.timestamp_ms < limit and s.snapshot_id not in heads]


def expire_snapshots(table: Table, old: list[int]) -> None:
    """Forget snapshots in one commit. Their files stay on the disk."""
    table.maintenance.expire_snapshots().by_ids(old).commit()


def metadata_paths(table: Table) -> set[Path]:
    """Return every manifest list and manifest that any snapshot names."""
    lists = {local_path(snapshot.manifest_list) for snapshot in table.snapshots()}
    return lists | {local_path(m.manifest_path) for s in table.snapshots() for m in s.manifests(table.io)}


def all_paths(table: Table, without: Collection[int] = ()) -> set[Path]:
    """Return the path of every data file that is live in any snapshot but those: history and branches included."""
    snapshots = [snapshot for snapshot in table.snapshots() if snapshot.snapshot_id not in without]
    manifests = {m.manifest_path: m for snapshot in snapshots for m in snapshot.manifests(table.io)}
    return {
        local_path(entry.data_file.file_path)
        for manifest in manifests.values()
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    }

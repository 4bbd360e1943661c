"""RECONSIDER: run messages that are in the tables already once more, and put what they give now in the place of what was.

The one way in which history changes; replays of rejects and backfills are both this. A message keeps its source
position. Messages that give the same rows are left alone; of the others all rows are replaced, in every table, by one
intent (`exactly_once.py`). The ledger is not rewritten: an entry with an empty range is added for each range that was
touched (an adjustment: the differences of its counts, and the range's filtered offsets as they are now).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tacet_runtime.batch import Batch, Counts
from tacet_runtime.connectors.arrow import arrow_schema
from tacet_runtime.connectors.iceberg import data_paths
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.ledger import Entry
from tacet_runtime.steps.sinks import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tacet_runtime.batch import Processor
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.exactly_once import Warehouse
    from tacet_runtime.plan.model import SinkTable

ROLES = ("raw", "derived", "rejects")
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one ledger entry's range that are to be run again, in offset order, with their bytes."""

    source: str
    partition: int
    first: int
    last: int
    offsets: tuple[int, ...]
    contents: tuple[bytes, ...]


@dataclass(slots=True)
class Audit:
    """What would change, or did: rows of the derived table, and its cells by (column, producer)."""

    messages: int = 0
    changed: int = 0
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Changes:
    """The new state, computed and written, not yet in any table."""

    audit: Audit = field(default_factory=Audit)
    files: list[Finished] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    touched: dict[str, set[int]] = field(default_factory=dict)
    """Source -> offsets of messages whose rows are replaced."""


def reconsider(
    store: Warehouse, processor: Processor, groups: Iterable[Messages], folder: Path, snapshots: Mapping[str, str]
) -> Changes:
    """Run messages again and write what differs below `folder`. Memory holds one group, and the offsets that changed."""
    changes = Changes()
    for number, group in enumerate(groups):
        _group(store, processor, group, changes, folder, snapshots, number)
    if changes.touched:
        for role in ROLES:
            _rewrite(store, role, changes, folder)
    return changes


def _group(
    store: Warehouse,
    processor: Processor,
    group: Messages,
    changes: Changes,
    folder: Path,
    snapshots: Mapping[str, str],
    number: int,
) -> None:
    offsets = pa.array(np.array(group.offsets, dtype=np.int64))
    outcome = processor.process(
        Batch(group.source, group.partition, offsets, pa.array(group.contents, pa.large_binary()))
    )
    old = {role: stored(store, role, group) for role in ROLES}
    new = {role: _by_offset(outcome.tables[role]) for role in ROLES}  # type: ignore[index]
    wanted = {o for o in group.offsets if any(old[r].get(o, []) != new[r].get(o, []) for r in ROLES)}
    changes.audit.messages += len(group.offsets)
    changes.audit.changed += len(wanted)
    if not wanted:
        return
    for offset in wanted:
        _audit(
            changes.audit,
            old["derived"].get(offset, []),
            new["derived"].get(offset, []),
            _producer(store, new, old, offset),
        )
    for role in ROLES:
        table = outcome.tables[role]  # type: ignore[index]
        rows = table.filter(pc.is_in(table.column("_offset"), pa.array(sorted(wanted), pa.int64())))
        changes.files += write_files(rows, store.tables[role], folder, f"again-{number}")
    changes.touched.setdefault(group.source, set()).update(wanted)
    changes.entries.append(_adjustment(store, group, wanted, old, new, snapshots))


def stored(store: Warehouse, role: str, group: Messages) -> dict[int, Rows]:
    """Return what a table has of a group's messages, by offset, in the plan's columns."""
    table: SinkTable = store.tables[role]
    wanted = pa.array(group.offsets, pa.int64())
    found: dict[int, Rows] = {}
    for path in data_paths(store.table(role)):
        place = pq.read_table(path, columns=["_source", "_offset"])
        mask = pc.and_(pc.equal(place.column("_source"), group.source), pc.is_in(place.column("_offset"), wanted))
        if not pc.any(mask).as_py():
            continue
        for offset, rows in _by_offset(widened(pq.read_table(path).filter(mask), table)).items():
            found.setdefault(offset, []).extend(rows)
    return {offset: sorted(rows, key=_index) for offset, rows in found.items()}


def widened(rows: pa.Table, table: SinkTable) -> pa.Table:
    """Return rows of an older file in the columns that the table has now; new ones are NULL."""
    schema = arrow_schema(table)
    arrays = [
        rows.column(f.name).cast(f.type) if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _by_offset(rows: pa.Table) -> dict[int, Rows]:
    found: dict[int, Rows] = {}
    for row in rows.to_pylist():
        found.setdefault(row["_offset"], []).append(row)
    return {offset: sorted(group, key=_index) for offset, group in found.items()}


def _index(row: Mapping[str, Any]) -> int:
    return -1 if row["_index"] is None else int(row["_index"])


def _producer(
    store: Warehouse, new: Mapping[str, dict[int, Rows]], old: Mapping[str, dict[int, Rows]], offset: int
) -> str:
    rows = new["raw"].get(offset) or old["raw"].get(offset)
    return str(rows[0].get(store.plan.source.producer_name)) if rows else "unknown"


def _audit(audit: Audit, old: Rows, new: Rows, producer: str) -> None:
    before, after = {_index(r): r for r in old}, {_index(r): r for r in new}
    audit.rows_added += len(after.keys() - before.keys())
    audit.rows_removed += len(before.keys() - after.keys())
    for index in before.keys() & after.keys():
        cells = [name for name, value in after[index].items() if before[index].get(name) != value]
        audit.rows_changed += bool(cells)
        audit.cells.update((name, producer) for name in cells)


def _outcome(derived: Rows, rejects: Rows) -> str:
    return "emitted" if derived else "rejected" if rejects else "filtered"


def _counted(offsets: set[int], tables: Mapping[str, dict[int, Rows]]) -> tuple[Counter[str], Counter[str]]:
    """Return (counts by `Counts` name, rejects by kind) of messages, from their rows."""
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for offset in offsets:
        raw, derived, rejects = (tables[role].get(offset, []) for role in ROLES)
        of_rows = [r for r in rejects if r["_index"] is not None]
        late = sum(r["kind"].startswith(("lookup:", "agreement:")) for r in of_rows)
        filtered = len(raw) - len(derived) - late
        outcome = _outcome(derived, rejects)
        counts["emitted_parents" if outcome == "emitted" else outcome] += 1
        counts.update(
            rows=len(derived) + len(of_rows) + filtered,
            emitted_rows=len(derived),
            rejected_rows=len(of_rows),
            filtered_rows=filtered,
        )
        kinds.update(r["kind"] for r in rejects)
    return counts, kinds


def _adjustment(
    store: Warehouse,
    group: Messages,
    wanted: set[int],
    old: Mapping[str, dict[int, Rows]],
    new: Mapping[str, dict[int, Rows]],
    snapshots: Mapping[str, str],
) -> Entry:
    now, kinds_now = _counted(wanted, new)
    was, kinds_was = _counted(wanted, old)
    # A message that is skipped now has no rows, which counts as filtered: its trace stays in the filtered ranges.
    now.subtract(was)
    kinds_now.subtract(kinds_was)
    filtered = _filtered_before(store, group) - wanted
    filtered |= {o for o in wanted if not new["derived"].get(o) and not new["rejects"].get(o)}
    names = (
        "skipped",
        "rejected",
        "filtered",
        "emitted_parents",
        "rows",
        "rejected_rows",
        "filtered_rows",
        "emitted_rows",
    )
    sums: dict[str, Any] = {name: now[name] for name in names}
    counts = Counts(**sums, rejected_by={k: n for k, n in sorted(kinds_now.items()) if n})
    return Entry(
        store.seq() + 1, group.source, group.partition, group.first, group.first, counts, (), ranges(sorted(filtered)),
        store.plan.digest, snapshots, None, None,
    )  # fmt: skip


def _filtered_before(store: Warehouse, group: Messages) -> set[int]:
    rows = [
        r
        for r in ledger_rows(store)
        if (r["source"], r["partition"], r["first_offset"]) == (group.source, group.partition, group.first)
    ]
    newest = max(rows, key=lambda r: r["seq"])
    return {o for r in newest["filtered_ranges"] for o in range(r["first"], r["last"])}


def ledger_rows(store: Warehouse) -> Rows:
    """Return the ledger, in order."""
    rows: Rows = store.table("ledger").scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda r: (r["source"], r["partition"], r["first_offset"], r["seq"]))


def _rewrite(store: Warehouse, role: str, changes: Changes, folder: Path) -> None:
    """Write each file that holds rows of touched messages anew, without them."""
    table: SinkTable = store.tables[role]
    for number, path in enumerate(data_paths(store.table(role))):
        rows = pq.read_table(path)
        keep = np.ones(rows.num_rows, dtype=bool)
        for source, offsets in changes.touched.items():
            hit = pc.and_(
                pc.equal(rows.column("_source"), source),
                pc.is_in(rows.column("_offset"), pa.array(list(offsets), pa.int64())),
            )
            keep &= ~hit.to_numpy()
        if keep.all():
            continue
        changes.removed.append((role, str(path)))
        changes.files += write_files(widened(rows.filter(pa.array(keep)), table), table, folder, f"kept-{number}")


def groups_of(store: Warehouse, contents: Iterator[tuple[str, int, int, bytes]]) -> Iterator[Messages]:
    """Group (source, partition, offset, bytes), in order, by the ledger entries that they belong to."""
    entries = [r for r in ledger_rows(store) if r["first_offset"] < r["last_offset"]]
    at = 0
    offsets: list[int] = []
    found: list[bytes] = []
    for source, partition, offset, data in contents:
        while not _holds(entries[at], source, partition, offset):
            if offsets:
                yield _messages(entries[at], offsets, found)
                offsets, found = [], []
            at += 1
        offsets.append(offset)
        found.append(data)
    if offsets:
        yield _messages(entries[at], offsets, found)


def _holds(entry: Mapping[str, Any], source: str, partition: int, offset: int) -> bool:
    return (entry["source"], entry["partition"]) == (source, partition) and entry["first_offset"] <= offset < entry[
        "last_offset"
    ]


def _messages(entry: Mapping[str, Any], offsets: list[int], contents: list[bytes]) -> Messages:
    place = (entry["source"], entry["partition"], entry["first_offset"], entry["last_offset"])
    return Messages(*place, tuple(offsets), tuple(contents))

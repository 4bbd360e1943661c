"""RECONSIDER: run messages that are in the tables already once more, and put what they give now in the place of what was.

The one way in which history changes; replays of rejects and backfills are both this. A message keeps its source
position. Messages that give the same rows are left alone; of the others all rows are replaced, in every table, by one
intent (`exactly_once.py`). The ledger is not rewritten: an entry with an empty range is added for each range that was
touched, an adjustment: the differences of its counts, the range's filtered offsets as they are now, and in
`skipped_ranges` the offsets that were touched, for which its lookups are the recorded ones from then on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tacet_runtime.batch import Batch, Counts
from tacet_runtime.connectors.arrow import wide_schema
from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.ledger import Entry
from tacet_runtime.places import Places
from tacet_runtime.steps.sinks import ranges
from tacet_runtime.view import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tacet_runtime.batch import Processor
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.exactly_once import Warehouse
    from tacet_runtime.plan.model import SinkTable
    from tacet_runtime.view import View

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
    entries: tuple[Mapping[str, Any], ...] = ()
    """The ledger's entry and its adjustments, oldest first."""

    def by_lookups(self) -> Iterator[tuple[dict[str, str], Messages]]:
        """Yield the messages that were last run with the same snapshots of lookups, and those snapshots."""
        last = dict.fromkeys(self.offsets, 0)
        for number, entry in enumerate(self.entries[1:], start=1):
            touched = offsets_in(entry["skipped_ranges"])
            last.update((offset, number) for offset in self.offsets if offset in touched)
        groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for at, offset in enumerate(self.offsets):
            snapshots = tuple(sorted(dict(self.entries[last[offset]]["lookups"]).items()))
            groups.setdefault(snapshots, []).append(at)
        for snapshots, places in groups.items():
            offsets = tuple(self.offsets[at] for at in places)
            contents = tuple(self.contents[at] for at in places)
            yield (
                dict(snapshots),
                Messages(self.source, self.partition, self.first, self.last, offsets, contents, self.entries),
            )


@dataclass(slots=True)
class Audit:
    """What would change, or did: rows of the derived table, and its cells by (column, producer)."""

    messages: int = 0
    changed: int = 0
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    lookups: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Messages by (lookup, recorded snapshot, snapshot used), where the two differ."""
    scope: Scope = field(default_factory=Scope)


@dataclass(slots=True)
class Changes:
    """The new state, computed and written, not yet in any table."""

    audit: Audit = field(default_factory=Audit)
    files: list[Finished] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    touched: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    """(Source, partition) -> offsets of messages whose rows are replaced."""


@dataclass(slots=True)
class _Work:
    """What a reconsideration works with."""

    store: Warehouse
    places: Mapping[str, Places]
    names: Mapping[str, set[str]]
    """Role -> the columns of the plan and those of the table; a file may have others, which nobody sees any more."""
    folder: Path
    seq: int
    changes: Changes = field(default_factory=Changes)


def reconsider(
    view: View,
    engine: Callable[[Mapping[str, str]], tuple[Processor, dict[str, str]]],
    groups: Iterable[Messages],
    folder: Path,
) -> Changes:
    """Run messages again and write what differs below `folder`. Memory holds one group, and the offsets that changed.

    `engine` gives for recorded snapshots of lookups a processor, and the snapshots that it uses.
    """
    store = view.store
    roles = [role for role in ROLES if role in store.tables]
    places = {role: Places(view.paths(role)) for role in roles}
    work = _Work(store, places, {role: _names(view, role) for role in roles}, folder, store.seq())
    work.changes.audit.scope = view.scope
    for group in groups:
        filtered = offsets_in(group.entries[-1]["filtered_ranges"])
        before = len(work.changes.entries)
        for recorded, part in group.by_lookups():
            processor, used = engine(recorded)
            _part(work, processor, part, used, filtered)
            _differing(work.changes.audit, recorded, used, len(part.offsets))
        entries = work.changes.entries
        entries[before:] = [replace(entry, filtered=ranges(sorted(filtered))) for entry in entries[before:]]
    if work.changes.touched:
        for role in work.places:
            _rewrite(work, role)
    return work.changes


def _names(view: View, role: str) -> set[str]:
    planned = {column.name for column in view.store.tables[role].columns}
    return planned | {field.name for field in view.tables[role].schema().fields}


def _differing(audit: Audit, recorded: Mapping[str, str], used: Mapping[str, str], messages: int) -> None:
    for name, snapshot in used.items():
        if recorded.get(name, "none") != snapshot:
            audit.lookups[name, recorded.get(name, "none"), snapshot] += messages


def _part(work: _Work, processor: Processor, group: Messages, snapshots: Mapping[str, str], filtered: set[int]) -> None:
    offsets = pa.array(np.array(group.offsets, dtype=np.int64))
    contents = pa.array(group.contents, pa.large_binary())
    outcome = processor.process(Batch(group.source, group.partition, offsets, contents))
    old = {role: stored(work, role, group) for role in ROLES}
    new = {role: _by_offset(outcome.tables[role]) if role in outcome.tables else {} for role in ROLES}  # type: ignore[index]
    wanted = {o for o in group.offsets if _differ(o, old, new)}
    audit = work.changes.audit
    audit.messages += len(group.offsets)
    audit.changed += len(wanted)
    if not wanted:
        return
    for offset in wanted:
        producer = _producer(work.store, new, old, offset)
        _audit(audit, old["derived"].get(offset, []), new["derived"].get(offset, []), producer)
    for role in work.places:
        table = outcome.tables[role]  # type: ignore[index]
        rows = table.filter(pc.is_in(table.column("_offset"), pa.array(sorted(wanted), pa.int64())))
        name = f"again-{len(work.changes.entries)}"
        work.changes.files += write_files(rows, work.store.tables[role], work.folder, name)
    work.changes.touched.setdefault((group.source, group.partition), set()).update(wanted)
    filtered -= wanted
    filtered |= {o for o in wanted if not new["derived"].get(o) and not new["rejects"].get(o)}
    work.changes.entries.append(_adjustment(work, group, wanted, old, new, snapshots))


def _differ(offset: int, old: Mapping[str, dict[int, Rows]], new: Mapping[str, dict[int, Rows]]) -> bool:
    """Tell whether a message gives other rows now; what was cut as too large says nothing new by being cut."""
    before, after = old["rejects"].get(offset, []), new["rejects"].get(offset, [])
    if [r["kind"] for r in before] == ["too_large"] and [r["kind"] for r in after] == ["malformed"]:
        return False
    return not all(_same(old[r].get(offset, []), new[r].get(offset, [])) for r in ROLES)


def _same(before: Rows, after: Rows) -> bool:
    """Tell whether rows are the same in the plan's columns, which are those of `after`."""
    return len(before) == len(after) and all(
        was[name] == value for was, now in zip(before, after, strict=True) for name, value in now.items()
    )


def stored(work: _Work, role: str, group: Messages) -> dict[int, Rows]:
    """Return what a table has of a group's messages, by offset: in the plan's columns, and in those that it has beside them."""
    found: dict[int, Rows] = {}
    if role not in work.places:
        return found
    for rows in work.places[role].rows(group.source, group.partition, group.offsets):
        wide = widened(rows, work.store.tables[role])
        known = [name for name in wide.column_names if name in work.names[role]]
        for offset, of_one in _by_offset(wide.select(known)).items():
            found.setdefault(offset, []).extend(of_one)
    return {offset: sorted(rows, key=_index) for offset, rows in found.items()}


def widened(rows: pa.Table, table: SinkTable) -> pa.Table:
    """Return rows of an older file in the plan's columns, of which new ones are NULL, and after them those that the plan has no more."""
    schema = wide_schema(table, rows.schema)
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
        names = before[index].keys() | after[index].keys()
        cells = sorted(name for name in names if before[index].get(name) != after[index].get(name))
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
    work: _Work,
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
    names = (
        "skipped", "rejected", "filtered", "emitted_parents", "rows", "rejected_rows", "filtered_rows", "emitted_rows",
    )  # fmt: skip
    sums: dict[str, Any] = {name: now[name] for name in names}
    counts = Counts(**sums, rejected_by={k: n for k, n in sorted(kinds_now.items()) if n})
    return Entry(
        work.seq + 1, group.source, group.partition, group.first, group.first, counts, ranges(sorted(wanted)), (),
        work.store.plan.digest, snapshots, None, None,
    )  # fmt: skip


def offsets_in(found: Iterable[Mapping[str, int]]) -> set[int]:
    """Return the offsets of the ledger's ranges."""
    return {offset for one in found for offset in range(one["first"], one["last"])}


def _ledger_rows(view: View) -> Rows:
    """Return the ledger, in order."""
    sink = view.store.tables["ledger"]
    files = (widened(pq.ParquetFile(path).read(), sink) for path in view.paths("ledger"))
    rows: Rows = [row for file in files for row in file.to_pylist()]
    return sorted(rows, key=lambda r: (r["source"], r["partition"], r["first_offset"], r["seq"]))


def _rewrite(work: _Work, role: str) -> None:
    """Write each file that holds rows of touched messages anew, without them."""
    table: SinkTable = work.store.tables[role]
    for number, (path, rows, keep) in enumerate(work.places[role].without(work.changes.touched)):
        work.changes.removed.append((role, str(path)))
        kept = widened(rows.filter(pa.array(keep)), table)
        work.changes.files += write_files(kept, table, work.folder, f"kept-{number}")


def groups_of(view: View, contents: Iterator[tuple[str, int, int, bytes]]) -> Iterator[Messages]:
    """Group (source, partition, offset, bytes), in order, by the ledger entries that they belong to. Raises TableError."""
    ledger = _ledger_rows(view)
    bases = [r for r in ledger if r["first_offset"] < r["last_offset"]]
    adjustments: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for row in ledger:
        if row["first_offset"] == row["last_offset"]:
            adjustments.setdefault((row["source"], row["partition"], row["first_offset"]), []).append(row)
    at = 0
    offsets: list[int] = []
    found: list[bytes] = []

    def gathered() -> Messages:
        base = bases[at]
        place = (base["source"], base["partition"], base["first_offset"])
        entries = (base, *adjustments.get(place, ()))
        return Messages(*place, base["last_offset"], tuple(offsets), tuple(found), entries)

    for source, partition, offset, data in contents:
        while at == len(bases) or not _holds(bases[at], source, partition, offset):
            if offsets:
                yield gathered()
                offsets, found = [], []
            if at == len(bases):
                place = f"message {offset} of {source}" + (f" (partition {partition})" if partition else "")
                raise TableError(f"no entry of the ledger has {place}: `tacet verify` says what is wrong")
            at += 1
        offsets.append(offset)
        found.append(data)
    if offsets:
        yield gathered()


def _holds(entry: Mapping[str, Any], source: str, partition: int, offset: int) -> bool:
    return (entry["source"], entry["partition"]) == (source, partition) and entry["first_offset"] <= offset < entry[
        "last_offset"
    ]

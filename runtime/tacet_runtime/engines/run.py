"""The embedded job, end to end: files in, batches through an engine, Parquet files, one commit for a few batches.

Only this process commits, in the order of the sources; workers (processes) read, compute and write files. What is in
memory at once is bounded by blocks and batches, whatever the size of the input.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from tacet_runtime.connectors.blocks import batches
from tacet_runtime.connectors.files import blocks, find_inputs, recognise
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.engines.workers import Pool
from tacet_runtime.exactly_once import Warehouse, owned
from tacet_runtime.faults import point
from tacet_runtime.ledger import Entry, added, checked, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tacet_runtime.batch import Batch, Counts, Processor, Range
    from tacet_runtime.connectors.files import Block, Framing, Input, Position
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.plan.model import Plan

EngineName: TypeAlias = Literal["embedded", "reference"]
BATCH_ROWS = 50_000
COMMIT_MESSAGES = 400_000
COMMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; what is computed does not depend on any of it."""

    engine: EngineName = "embedded"
    framing: Framing = "lines"
    workers: int = 1
    commit_messages: int = COMMIT_MESSAGES
    batch_rows: int = BATCH_ROWS


@dataclass(frozen=True, slots=True)
class Task:
    """One block to be computed into files of a commit's folder."""

    block: Block
    folder: Path
    number: int


@dataclass(frozen=True, slots=True)
class Done:
    """A computed block: its files and its account."""

    block: Block
    files: tuple[Finished, ...]
    counts: Counts
    skipped: tuple[Range, ...]
    filtered: tuple[Range, ...]


@dataclass(slots=True)
class Totals:
    """What a run did."""

    counts: list[Counts] = field(default_factory=list)
    commits: int = 0
    known: int = 0
    """Messages that were there already."""


def compute(task: Task, plan: Plan, processor: Processor, batch_rows: int) -> Done:
    """Run one block through the engine and write its files."""
    files: list[Finished] = []
    counts, skipped, filtered = [], [], []
    tables = {table.role: table for table in plan.tables}
    for number, batch in enumerate(batches(task.block, batch_rows)):
        outcome = processor.process(batch)
        for role, rows in outcome.tables.items():
            files += write_files(rows, tables[role], task.folder, f"{task.number}-{number}")
        counts.append(outcome.counts)
        skipped += outcome.skipped
        filtered += outcome.filtered
    return Done(task.block, tuple(files), added(counts), tuple(skipped), tuple(filtered))


def run(
    plan: Plan,
    root: Path,
    warehouse: Path,
    inputs: Sequence[str],
    options: Options,
    advance: Callable[[int], None] = lambda _: None,
) -> Totals:
    """Run the job over inputs; what the ledger has already is skipped.

    `root` is the repository, which lookup files are relative to. Raises SourceError, LookupError_, Busy, Gap,
    TableError, LedgerError, OSError (a full disk): nothing of the commit under way is then in any table, and the same
    command goes on from the last one.
    """
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse)
        store.open()
        found = find_inputs(inputs, store.root / "spool")
        lookups = load_lookups(plan, root, store.catalog, archive=store.root / "lookups")
        snapshots = {name: lookup.snapshot for name, lookup in lookups.items()}
        totals = Totals()
        ledger = store.table("ledger").scan(selected_fields=_POSITION).to_arrow().to_pylist()
        known = positions(sorted(ledger, key=lambda row: (row["source"], row["first_offset"])))
        starts = [(item, recognise(item, known.get(item.name, ()))) for item in found]
        totals.known = sum(start.messages for _, start in starts)
        processor = make_processor(options.engine, plan, lookups) if options.workers == 1 else None
        with store.folder() as folder, Pool(options.workers, plan, options, root, store.root, snapshots, processor) as pool:
            _Run(store, folder, options, snapshots, totals, advance).run(starts, pool)
        for item, _ in starts:
            if item.name == "-":
                item.path.unlink(missing_ok=True)
    return totals


_POSITION = ("source", "first_offset", "last_offset", "position_bytes", "position_digest")


class _Run:
    """Gathers computed blocks into commits."""

    def __init__(
        self,
        store: Warehouse,
        folder: Path,
        options: Options,
        snapshots: dict[str, str],
        totals: Totals,
        advance: Callable[[int], None],
    ) -> None:
        self._store = store
        self._options = options
        self._snapshots = snapshots
        self._totals = totals
        self._advance = advance
        self._seq = store.seq() + 1
        self._folder = folder

    def run(self, starts: Sequence[tuple[Input, Position]], pool: Pool) -> None:
        """Compute everything after the starts, and commit it."""
        pending: list[Done] = []
        began = time.monotonic()
        messages = 0
        for done in pool.computed(self._tasks(starts)):
            pending.append(done)
            messages += done.counts.messages
            self._advance(done.counts.messages)
            if messages >= self._options.commit_messages or time.monotonic() - began > COMMIT_SECONDS:
                self._commit(pending)
                pending, messages, began = [], 0, time.monotonic()
        if pending:
            self._commit(pending)

    def _tasks(self, starts: Sequence[tuple[Input, Position]]) -> Iterator[Task]:
        number = 0
        for item, start in starts:
            for block in blocks(item, start, self._options.framing, self._store.plan.limits.message_bytes):
                point("S1:after")
                yield Task(block, self._folder, number)
                number += 1

    def _commit(self, done: list[Done]) -> None:
        point("S2:after")
        entries = [checked(self._entry(one)) for one in done]
        files = [file for one in done for file in one.files]
        self._store.commit(self._seq, self._folder, files, entries)
        self._totals.counts += [entry.counts for entry in entries]
        self._totals.commits += 1
        self._seq += 1

    def _entry(self, done: Done) -> Entry:
        block, end = done.block, done.block.end
        return Entry(
            seq=self._seq,
            source=block.source,
            partition=0,
            first=block.first,
            last=end.messages,
            counts=done.counts,
            skipped=done.skipped,
            filtered=done.filtered,
            plan=self._store.plan.digest,
            lookups=self._snapshots,
            position_bytes=end.bytes,
            position_digest=end.digest,
        )

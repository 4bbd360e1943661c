"""The embedded job, end to end: files in, batches through an engine, Parquet files, one commit for a few batches.

Only this process commits, in the order of the sources; workers (processes) read, compute and write files. What is in
memory at once is bounded by blocks and batches, whatever the size of the input.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacet_runtime.connectors.files import blocks
from tacet_runtime.connectors.inputs import find_inputs, sweep_spool
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.connectors.recognition import recognised
from tacet_runtime.engines.merging import merged
from tacet_runtime.engines.processors import sized_processor
from tacet_runtime.engines.tasks import Options, Task
from tacet_runtime.engines.workers import Pool
from tacet_runtime.exactly_once import Warehouse
from tacet_runtime.faults import point
from tacet_runtime.ledger import Entry, checked, positions
from tacet_runtime.locking import owned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tacet_runtime.batch import Counts
    from tacet_runtime.connectors.files import Block, Input, Position
    from tacet_runtime.engines.tasks import Account, Done
    from tacet_runtime.plan.model import Plan

COMMIT_SECONDS = 60.0
COMMIT_FILES = 2_000
"""Late data makes a file a day; a commit ends before it names more files than this."""


@dataclass(slots=True)
class Totals:
    """What a run did."""

    counts: list[Counts] = field(default_factory=list)
    commits: int = 0
    known: int = 0
    """Messages that were there already."""
    stopped: bool = False
    """Ended early, at a commit, because it was asked to."""


def run(
    plan: Plan,
    root: Path,
    warehouse: Path,
    inputs: Sequence[str],
    options: Options,
    advance: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Totals:
    """Run the job over inputs; what the ledger has already is skipped.

    `root` is the repository, which lookup files are relative to. `stop` is asked after each block: on True what is
    computed is committed and the run ends. Raises SourceError, LookupError_, Busy, Gap, TableError, WorkerDied,
    LedgerError, OSError (a full disk), each with a note of the position up to which everything is committed. The same command goes on
    from there; what it finds half in the tables, it finishes when the ledger has it, and drops otherwise.
    """
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse)
        store.see_unserved()
        store.open(accept_rollback=options.accept_rollback)
        plan = store.plan
        spool = store.root / "spool" / plan.job
        found = find_inputs(inputs, spool)
        lookups = load_lookups(plan, root, store.catalog, archive=store.root / "lookups")
        snapshots = {name: lookup.snapshot for name, lookup in lookups.items()}
        totals = Totals()
        ledger = store.table("ledger").scan(selected_fields=_POSITION).to_arrow().to_pylist()
        starts = recognised(found, positions(ledger), options.framing)
        totals.known = sum(start.messages for _, start in starts)
        processor = sized_processor(options.engine, plan, lookups) if options.workers == 1 else None
        pool = Pool(options, plan, root, store.root, snapshots, processor)
        with store.folder() as folder, pool:
            _Run(store, folder, options, snapshots, totals, advance, stop).run(starts, pool)
        sweep_spool(spool)
    return totals


_POSITION = ("source", "last_offset", "position_bytes", "position_digest")


@dataclass(slots=True)
class _Pending:
    """What is computed and not yet committed."""

    done: list[Done] = field(default_factory=list)
    messages: int = 0
    files: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, done: Done) -> None:
        self.done.append(done)
        self.messages += done.messages
        self.files += len(done.files)

    def full(self, messages: int) -> bool:
        late = time.monotonic() - self.began > COMMIT_SECONDS
        return self.messages >= messages or self.files >= COMMIT_FILES or late


class _Run:
    """Gathers computed tasks into commits."""

    def __init__(
        self,
        store: Warehouse,
        folder: Path,
        options: Options,
        snapshots: dict[str, str],
        totals: Totals,
        advance: Callable[[int], None],
        stop: Callable[[], bool],
    ) -> None:
        self._store = store
        self._options = options
        self._snapshots = snapshots
        self._totals = totals
        self._advance = advance
        self._stop = stop
        self._seq = store.seq() + 1
        self._folder = folder
        self._end: Position | None = None
        """Up to where everything is committed."""

    def run(self, starts: Sequence[tuple[Input, Position]], pool: Pool) -> None:
        """Compute everything after the starts, and commit it. What is raised has a note of the position."""
        try:
            self._run(starts, pool)
        except Exception as error:
            error.add_note(_reached(self._end, starts))
            raise

    def _run(self, starts: Sequence[tuple[Input, Position]], pool: Pool) -> None:
        pending = _Pending()
        for done in pool.computed(self._tasks(starts)):
            point("S2:before")
            pending.add(done)
            self._advance(done.messages)
            self._totals.stopped = self._stop()
            if self._totals.stopped:
                break
            if pending.full(self._options.commit_messages):
                self._commit(pending.done)
                pending = _Pending()
        if pending.done:
            self._commit(pending.done)

    def _tasks(self, starts: Sequence[tuple[Input, Position]]) -> Iterator[Task]:
        """Group blocks, for a folder of small files must not become as many small Parquet files."""
        number, size = 0, 0
        group: list[Block] = []
        for block in self._blocks(starts):
            group.append(block)
            size += block.end.bytes - block.start
            if size >= self._options.block_bytes or len(group) >= COMMIT_FILES:
                yield Task(tuple(group), self._folder, number)
                number, size, group = number + 1, 0, []
        if group:
            yield Task(tuple(group), self._folder, number)

    def _blocks(self, starts: Sequence[tuple[Input, Position]]) -> Iterator[Block]:
        options = self._options
        for item, start in starts:
            limit = self._store.plan.limits.message_bytes
            here = options.workers == 1
            for block in blocks(item, start, options.framing, limit, options.block_bytes, hold=here):
                point("S1:after")
                yield block

    def _commit(self, done: list[Done]) -> None:
        point("S2:after")
        entries = [checked(self._entry(account)) for one in done for account in one.accounts]
        files = [file for one in done for file in one.files]
        counted = merged([one.metrics for one in done])
        files += write_files(counted, self._store.tables["metrics"], self._folder, str(self._seq))
        try:
            self._store.commit(self._seq, self._folder, files, entries)
        except Exception:
            # The commit point may lie behind us: then the next start brings the other tables up to it.
            if self._store.seq() >= self._seq:
                self._end = done[-1].accounts[-1].end
            raise
        self._end = done[-1].accounts[-1].end
        self._totals.counts += [entry.counts for entry in entries]
        self._totals.commits += 1
        self._seq += 1

    def _entry(self, account: Account) -> Entry:
        return Entry(
            seq=self._seq,
            source=account.source,
            partition=0,
            first=account.first,
            last=account.end.messages,
            counts=account.counts,
            skipped=account.skipped,
            filtered=account.filtered,
            plan=self._store.plan.digest,
            lookups=self._snapshots,
            position_bytes=account.end.bytes,
            position_digest=f"{account.end.digest}:{account.end.head}",
        )


def _reached(end: Position | None, starts: Sequence[tuple[Input, Position]]) -> str:
    """Say up to where everything is committed."""
    if end is None:
        first = starts[0][1] if starts else None
        place = f" at message {first.messages} of `{first.source}`" if first else ""
        return f"nothing of this run is committed: the same command begins again{place}"
    return (
        f"everything up to message {end.messages} (byte {end.bytes}) of `{end.source}` is committed, nothing after it: "
        "the same command goes on from there"
    )

"""The unit of work: some blocks, computed into Parquet files and their accounts, in whatever process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from tacet_runtime.batch import Batch, TooManyRows
from tacet_runtime.connectors.blocks import batches
from tacet_runtime.connectors.encoded import joined
from tacet_runtime.connectors.files import BLOCK_BYTES
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.engines.merging import merged
from tacet_runtime.ledger import added

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from tacet_runtime.batch import Counts, Outcome, Processor, Range
    from tacet_runtime.connectors.files import Block, Framing, Position
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.plan.model import SinkTable

EngineName: TypeAlias = Literal["embedded", "reference"]
BATCH_MESSAGES = 50_000
HELD_BYTES = 192 * 1024 * 1024
"""Of Arrow; a block of ordinary messages makes a third of that."""
BATCH_VALUES = 5_000_000
HELD_VALUES = 30_000_000
"""Of rows and their columns: a row that Python computes takes a hundred bytes for each, one of Arrow ten."""
COMMIT_MESSAGES = 1_000_000
"""A commit costs as much as ten thousand messages, whatever is in it; `run.COMMIT_SECONDS` ends one sooner."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; what is computed does not depend on any of it."""

    engine: EngineName = "embedded"
    framing: Framing = "lines"
    workers: int = 1
    commit_messages: int = COMMIT_MESSAGES
    batch_messages: int = BATCH_MESSAGES
    batch_values: int = BATCH_VALUES
    """Values that messages may explode to at once, ..."""
    held_values: int = HELD_VALUES
    """... and values that may wait for their files: what bounds memory where rows are many for their bytes."""
    block_bytes: int = BLOCK_BYTES
    accept_rollback: bool = False
    """Put back what a table lost that was rolled back, rather than refuse it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Blocks to be computed into files of a commit's folder; `number` makes the files' names unique."""

    blocks: tuple[Block, ...]
    folder: Path
    number: int

    def light(self) -> Task:
        """Return the task for another process: with bytes of its own where it cannot read them itself."""
        blocks = tuple(replace(b, content=b.content.copied()) if b.content is not None else b for b in self.blocks)
        return Task(blocks, self.folder, self.number)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one block."""

    source: str
    first: int
    end: Position
    counts: Counts
    skipped: tuple[Range, ...]
    filtered: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A computed task: its files, its accounts, and what it counted, which the commit writes once for all its tasks."""

    files: tuple[Finished, ...]
    accounts: tuple[Account, ...]
    metrics: pa.Table

    @property
    def messages(self) -> int:
        """How many messages were computed."""
        return sum(account.counts.messages for account in self.accounts)


def compute(task: Task, tables: Mapping[str, SinkTable], processor: Processor, options: Options) -> Done:
    """Run blocks through the engine and write their files, one for each table and partition value, the metrics excepted.

    What explodes to more than may be held is written in several such sets.
    """
    width = sum(len(table.columns) for role, table in tables.items() if role in _OF_ROWS)
    files = _Files(task, tables, options.held_values // width)
    most = options.batch_values // width
    accounts = [_account(block, processor, options.batch_messages, most, files) for block in task.blocks]
    files.write()
    return Done(tuple(files.finished), tuple(accounts), merged(files.metrics))


_OF_ROWS = {"raw", "derived", "rejects"}


class _Files:
    """Holds rows until they are written: all of a task's, or as many as may be held."""

    def __init__(self, task: Task, tables: Mapping[str, SinkTable], most: int) -> None:
        self.finished: list[Finished] = []
        self.metrics: list[pa.Table] = []
        self._task, self._tables, self._most = task, tables, most
        self._parts: dict[str, list[pa.Table]] = {}
        self._rows = self._bytes = self._sets = 0

    def add(self, outcome: Outcome) -> None:
        """Take a batch's rows."""
        size = sum(table.nbytes for table in outcome.encoded.values())
        if self._rows + outcome.counts.rows > self._most or self._bytes + size > HELD_BYTES:
            self.write()
        for role, table in outcome.encoded.items():
            (self.metrics if role == "metrics" else self._parts.setdefault(role, [])).append(table)
        self._rows += outcome.counts.rows
        self._bytes += size

    def write(self) -> None:
        """Write what is held."""
        stem = f"{self._task.number}-{self._sets}" if self._sets else str(self._task.number)
        for role, parts in self._parts.items():
            self.finished += write_files(joined(parts), self._tables[role], self._task.folder, stem)
            parts.clear()
        self._sets += bool(self._parts)
        self._parts.clear()
        self._rows = self._bytes = 0


def _account(block: Block, processor: Processor, messages: int, rows: int, files: _Files) -> Account:
    counts: list[Counts] = []
    skipped: list[Range] = []
    filtered: list[Range] = []
    for batch in batches(block, messages):
        for outcome in _outcomes(batch, processor, rows):
            files.add(outcome)
            counts.append(outcome.counts)
            skipped += outcome.skipped
            filtered += outcome.filtered
    return Account(block.source, block.first, block.end, added(counts), tuple(skipped), tuple(filtered))


def _outcomes(batch: Batch, processor: Processor, most: int) -> Iterator[Outcome]:
    """Process a batch in parts that make no more rows than `most` each, or are a single message."""
    at, size = 0, len(batch.offsets)
    while at < len(batch.offsets):
        part = Batch(batch.source, batch.partition, batch.offsets.slice(at, size), batch.messages.slice(at, size))
        try:
            outcome = processor.together([part], most).only()
        except TooManyRows as error:
            size = error.messages
            continue
        yield outcome
        at += size
        size *= 2 if 2 * outcome.counts.rows <= most else 1

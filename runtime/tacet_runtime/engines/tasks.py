"""The unit of work: some blocks, computed into Parquet files and their accounts, in whatever process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from tacet_runtime.connectors.blocks import batches
from tacet_runtime.connectors.encoded import joined
from tacet_runtime.connectors.files import BLOCK_BYTES
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.engines.merging import merged
from tacet_runtime.ledger import added

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from tacet_runtime.batch import Counts, Processor, Range
    from tacet_runtime.connectors.files import Block, Framing, Position
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.plan.model import SinkTable

EngineName: TypeAlias = Literal["embedded", "reference"]
BATCH_ROWS = 50_000
COMMIT_MESSAGES = 1_000_000
"""A commit costs as much as ten thousand messages, whatever is in it; `run.COMMIT_SECONDS` ends one sooner."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; what is computed does not depend on any of it."""

    engine: EngineName = "embedded"
    framing: Framing = "lines"
    workers: int = 1
    commit_messages: int = COMMIT_MESSAGES
    batch_rows: int = BATCH_ROWS
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


def compute(task: Task, tables: Mapping[str, SinkTable], processor: Processor, batch_rows: int) -> Done:
    """Run blocks through the engine and write their files, one for each table and partition value, the metrics excepted."""
    rows: dict[str, list[pa.Table]] = {}
    accounts = [_account(block, processor, batch_rows, rows) for block in task.blocks]
    metrics = merged(rows.pop("metrics"))
    files: list[Finished] = []
    for role, parts in rows.items():
        files += write_files(joined(parts), tables[role], task.folder, str(task.number))
        parts.clear()
    return Done(tuple(files), tuple(accounts), metrics)


def _account(block: Block, processor: Processor, batch_rows: int, rows: dict[str, list[pa.Table]]) -> Account:
    counts: list[Counts] = []
    skipped: list[Range] = []
    filtered: list[Range] = []
    for batch in batches(block, batch_rows):
        outcome = processor.process(batch)
        for role, table in outcome.encoded.items():
            rows.setdefault(role, []).append(table)
        counts.append(outcome.counts)
        skipped += outcome.skipped
        filtered += outcome.filtered
    return Account(block.source, block.first, block.end, added(counts), tuple(skipped), tuple(filtered))

"""What an engine takes and gives: a batch of messages in, finished rows and their accounting out.

Every engine implements `Processor`; who reads the messages and who commits the rows is not its business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tacet_runtime.connectors.encoded import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

Role: TypeAlias = Literal["raw", "derived", "rejects", "metrics"]
Range: TypeAlias = tuple[int, int]
"""Offsets, first included, last excluded."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one source partition, in offset order.

    `offsets` (int64) and `messages` (large_binary, not null except for a tombstone) have the same length.
    """

    source: str
    partition: int
    offsets: pa.Int64Array
    messages: pa.LargeBinaryArray


@dataclass(frozen=True, slots=True)
class Counts:
    """The accounting of a batch: messages (parents) above, rows of exploded parents below.

    `messages = skipped + rejected + filtered + emitted_parents`; `rows = rejected_rows + filtered_rows + emitted_rows`.
    """

    messages: int = 0
    skipped: int = 0
    rejected: int = 0
    filtered: int = 0
    emitted_parents: int = 0
    rows: int = 0
    rejected_rows: int = 0
    filtered_rows: int = 0
    emitted_rows: int = 0
    rejected_by: Mapping[str, int] = field(default_factory=dict)
    """Reject kind -> records in the rejects table (a parent rejected whole is one record)."""
    filtered_by: Mapping[str, int] = field(default_factory=dict)
    """Filter name -> rows; `no_items` -> parents."""

    def closes(self) -> bool:
        """Tell whether both sums hold."""
        parents = self.skipped + self.rejected + self.filtered + self.emitted_parents
        rows = self.rejected_rows + self.filtered_rows + self.emitted_rows
        return self.messages == parents and self.rows == rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. `encoded`: rows for the sinks as files take them (`connectors/encoded.py`)."""

    encoded: Mapping[Role, pa.Table]
    counts: Counts
    skipped: tuple[Range, ...]
    """Offsets of skipped messages, as ascending disjoint ranges."""
    filtered: tuple[Range, ...]
    """Offsets of filtered messages (parents with no emitted and no rejected row)."""

    @property
    def tables(self) -> Mapping[Role, pa.Table]:
        """Return the rows spelt out, in the Arrow schemas of the plan's sink tables; made anew at each look."""
        return {role: plain(table) for role, table in self.encoded.items()}


@dataclass(frozen=True, slots=True)
class Account:
    """The numbers of one batch: `Outcome` without rows."""

    counts: Counts
    skipped: tuple[Range, ...]
    filtered: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """What became of batches that were computed as one: all their rows, and an account of each, in their order."""

    encoded: Mapping[Role, pa.Table]
    accounts: tuple[Account, ...]

    def only(self) -> Outcome:
        """Return the outcome of a single batch."""
        (one,) = self.accounts
        return Outcome(self.encoded, one.counts, one.skipped, one.filtered)


class TooManyRows(Exception):  # noqa: N818
    """Messages explode to more rows than may be made at once; the first `messages` of them, at least one, do not."""

    def __init__(self, messages: int) -> None:
        super().__init__(f"only the first {messages} messages")
        self.messages = messages


class Processor(Protocol):
    """An engine's inside: pure in its batch, so that the same batch gives the same outcome anywhere, any time."""

    def process(self, batch: Batch) -> Outcome:
        """Run every stage over the batch. Poison becomes rejects; raises only when the engine itself is broken."""
        ...

    def together(self, batches: Sequence[Batch], most: int | None = None) -> Together:
        """Run batches of several partitions of one source, at least one, at the price of a single one.

        Rows, and what the metrics add up to, are those of `process` for each. Raises TooManyRows as soon as it is known
        that messages explode to more than `most`, or repeat too much of themselves in them; never for a single one.
        """
        ...

"""The accounting: one entry for each range of messages, committed with the data; and what it says about positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tacet_runtime.batch import Counts
from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.connectors.files import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from tacet_runtime.batch import Range
    from tacet_runtime.plan.model import SinkTable

_GIVEN_UP = "tacet.given-up"


class GivenUp(NamedTuple):
    """Messages that will be in no entry: `first` to `last` (excluded) of a partition."""

    source: str
    partition: int
    first: int
    last: int


COUNTED = (
    "messages", "skipped", "rejected", "filtered", "emitted_parents",
    "rows", "rejected_rows", "filtered_rows", "emitted_rows",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the messages `first` to `last` (excluded) of one source partition."""

    seq: int
    source: str
    partition: int
    first: int
    last: int
    counts: Counts
    skipped: tuple[Range, ...]
    filtered: tuple[Range, ...]
    plan: str
    lookups: Mapping[str, str]
    position_bytes: int | None
    position_digest: str | None
    absent: tuple[Range, ...] = ()
    """Offsets of the range at which the source has no message: control records, or compacted away."""


class LedgerError(Exception):
    """The two sides of an account differ: the job stops, nothing of it is committed."""


def given_up_name(job: str, source: str, partition: int, first: int) -> str:
    """Return the property of the ledger that says up to where (excluded) messages were given up, by an operator's leave."""
    return f"{_GIVEN_UP}.{job}.{source}/{partition}/{first}"


def given_up(job: str, properties: Mapping[str, str]) -> list[GivenUp]:
    """Return what was given up, as the ledger's properties say."""
    found = []
    for name, last in properties.items():
        if name.startswith(prefix := f"{_GIVEN_UP}.{job}."):
            source, partition, first = name.removeprefix(prefix).rsplit("/", 2)
            found.append(GivenUp(source, int(partition), int(first), int(last)))
    return sorted(found)


def checked(entry: Entry) -> Entry:
    """Return the entry when its account closes. Raises LedgerError with the numbers."""
    absent = sum(last - first for first, last in entry.absent)
    if not entry.counts.closes() or entry.counts.messages + absent != entry.last - entry.first:
        raise LedgerError(f"the account of {entry.source} {entry.first}..{entry.last} does not close: {entry.counts}")
    return entry


def ledger_table(entries: Iterable[Entry], table: SinkTable) -> pa.Table:
    """Return entries as rows of the ledger table."""
    columns: dict[str, list[Any]] = {column.name: [] for column in table.columns}
    for entry in entries:
        for name, value in _values(entry).items():
            columns[name].append(value)
    return arrow_table(columns, table)


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "source": entry.source,
        "partition": entry.partition,
        "first_offset": entry.first,
        "last_offset": entry.last,
        **{name: getattr(entry.counts, name) for name in COUNTED},
        "rejected_by": dict(entry.counts.rejected_by),
        "filtered_by": dict(entry.counts.filtered_by),
        "skipped_ranges": [{"first": a, "last": b} for a, b in entry.skipped],
        "filtered_ranges": [{"first": a, "last": b} for a, b in entry.filtered],
        "plan": entry.plan,
        "lookups": dict(entry.lookups),
        "position_bytes": entry.position_bytes,
        "position_digest": entry.position_digest,
        "absent_ranges": [{"first": a, "last": b} for a, b in entry.absent],
    }


def positions(rows: Iterable[Mapping[str, Any]]) -> dict[str, Position]:
    """Return, by source, the end of what was consumed of it."""
    found: dict[str, Position] = {}
    for row in rows:
        source, digest = row["source"], row["position_digest"]
        if digest is None or (source in found and found[source].messages >= row["last_offset"]):
            continue
        content, _, head = digest.partition(":")
        found[source] = Position(source, row["last_offset"], row["position_bytes"], content, head)
    return found


def added(counts: Iterable[Counts]) -> Counts:
    """Return the sum of accounts."""
    totals = dict.fromkeys(COUNTED, 0)
    rejected: dict[str, int] = {}
    filtered: dict[str, int] = {}
    for one in counts:
        for name in COUNTED:
            totals[name] += getattr(one, name)
        for into, by in ((rejected, one.rejected_by), (filtered, one.filtered_by)):
            for kind, number in by.items():
                into[kind] = into.get(kind, 0) + number
    return Counts(**totals, rejected_by=dict(sorted(rejected.items())), filtered_by=dict(sorted(filtered.items())))

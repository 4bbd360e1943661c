"""What verbs and the Python API answer: plain values, the same for both, as JSON documents have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.engines.run import Totals
    from tacet_runtime.verify import Proof
    from tacet_runtime.view import Waiting

Ran = TypedDict(
    "Ran",
    {
        "in": int,
        "skipped": int,
        "rejected": int,
        "filtered": int,
        "emitted_parents": int,
        "rows": int,
        "rejected_rows": int,
        "filtered_rows": int,
        "emitted_rows": int,
        "rejected_by": dict[str, int],
        "filtered_by": dict[str, int],
        "already_there": int,
        "commits": int,
    },
)
"""What a run did. Messages: `in = skipped + rejected + filtered + emitted_parents`; `rows` likewise, below them."""


class Found(TypedDict):
    """One thing that does not add up."""

    kind: str
    where: str
    detail: str
    hint: str


class GaveUp(TypedDict):
    """Messages that an operator left out with `--accept-loss`: offsets `first` to `last` (excluded)."""

    source: str
    partition: int
    first: int
    last: int


class Late(TypedDict):
    """Commits of a shard, `first` to `last`, that are not in every table yet. `messages` is None where Kafka was not asked."""

    shard: int
    first: int
    last: int
    messages: int | None


class RunAgain(TypedDict):
    """Messages that a replay or a backfill changed since they were consumed, and how many rows more the table has for it.

    `topics` are those that a service wrote, which keep what was sent.
    """

    messages: int
    rows: int
    topics: list[str]


class Verified(TypedDict):
    """What a proof looked at, and what it found; nothing found is proved. `totals`: findings by kind, listed or not.

    `waiting` is empty for files, and None when Kafka does not say, or was not asked about a service's tables, and these are at one
    commit.
    """

    messages: int
    rows: int
    files: int
    findings: list[Found]
    totals: dict[str, int]
    given_up: list[GaveUp]
    waiting: list[Late] | None
    run_again: RunAgain


def ran(totals: Totals) -> Ran:
    """Return a run's accounting."""
    from tacet_runtime.ledger import added

    counts = added(totals.counts)
    return {
        "in": counts.messages,
        "skipped": counts.skipped,
        "rejected": counts.rejected,
        "filtered": counts.filtered,
        "emitted_parents": counts.emitted_parents,
        "rows": counts.rows,
        "rejected_rows": counts.rejected_rows,
        "filtered_rows": counts.filtered_rows,
        "emitted_rows": counts.emitted_rows,
        "rejected_by": dict(counts.rejected_by),
        "filtered_by": dict(counts.filtered_by),
        "already_there": totals.known,
        "commits": totals.commits,
    }


def verified(proof: Proof) -> Verified:
    """Return a proof."""
    findings: list[Found] = [
        {"kind": f.kind, "where": f.where, "detail": f.detail, "hint": f.hint} for f in proof.findings
    ]
    return {
        "messages": proof.messages,
        "rows": proof.rows,
        "files": proof.files,
        "findings": findings,
        "totals": dict(proof.totals),
        "given_up": [
            {"source": g.source, "partition": g.partition, "first": g.first, "last": g.last} for g in proof.given_up
        ],
        "waiting": None if proof.waiting is None else late(proof.waiting),
        "run_again": {"messages": proof.again.messages, "rows": proof.again.rows, "topics": list(proof.topics)},
    }


def late(waiting: Sequence[Waiting]) -> list[Late]:
    """Return commits that some table lacks."""
    return [{"shard": w.shard, "first": w.first, "last": w.last, "messages": w.messages} for w in waiting]


def said(counts: Ran) -> str:
    """Return a run's accounting of messages as a sentence."""
    return (
        f"{counts['in']} messages: {counts['emitted_parents']} emitted, {counts['rejected']} rejected, "
        f"{counts['filtered']} filtered, {counts['skipped']} skipped"
    )

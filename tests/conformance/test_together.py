"""Batches of several partitions computed as one: the rows of each, an account for each, and metrics that add up alike."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tacet_runtime.batch import Account, Batch, Outcome, TooManyRows
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.merging import merged
from tests.conformance.contracts import repository
from tests.conformance.differential import Both, compare, plan_of
from tests.conformance.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tacet_runtime.batch import Processor

CUTS = (0, 1, 1, 70, 200)
"""Where the partitions' shares of the messages begin and end: one has a single message, one has none."""


@pytest.mark.parametrize("seed", range(4))
def test_partitions_computed_as_one_give_what_each_gives_by_itself(seed: int, tmp_path: Path) -> None:
    made = repository(seed)
    made.write(tmp_path)
    plan = plan_of(tmp_path)
    engines = Both(plan, load_lookups(plan, tmp_path))
    drawn = Messages(plan, seed, producers=made.producers, versions=made.versions, keys=made.keys)
    messages = list(drawn.draw(CUTS[-1]))
    batches = list(parts(messages))
    alone = [engines.reference.process(batch) for batch in batches]
    for engine in (engines.embedded, engines.reference):
        found = engine.together(batches)
        assert found.accounts == tuple(Account(one.counts, one.skipped, one.filtered) for one in alone)
        tables = Outcome(found.encoded, alone[0].counts, (), ()).tables
        assert merged([tables["metrics"]]).equals(merged([one.tables["metrics"] for one in alone]))
        for at, (batch, wanted) in enumerate(zip(batches, alone, strict=True)):
            own = {role: of(rows, at) for role, rows in tables.items() if role != "metrics"}
            got = Outcome({**own, "metrics": wanted.tables["metrics"]}, wanted.counts, wanted.skipped, wanted.filtered)
            first = batch.offsets[0].as_py() if len(batch.offsets) else 0
            assert list(compare(wanted, got, batch.messages.to_pylist(), first)) == []


@pytest.mark.parametrize("seed", range(4))
def test_more_rows_than_there_may_be_are_refused_with_the_messages_that_are_not_too_many(
    seed: int, tmp_path: Path
) -> None:
    made = repository(seed)
    made.write(tmp_path)
    plan = plan_of(tmp_path)
    engines = Both(plan, load_lookups(plan, tmp_path))
    drawn = Messages(plan, seed, producers=made.producers, versions=made.versions, keys=made.keys)
    messages = list(drawn.draw(CUTS[-1]))
    explodes = plan.source.explode is not None
    for engine, most in product((engines.embedded, engines.reference), (1, 30, 150)):
        found, left = 0, messages
        while left:
            outcome, taken = bounded(engine, left, most)
            first, _ = bounded(engine, left[:1], most)
            assert outcome.counts.rows <= max(most, first.counts.rows) or not explodes
            assert outcome.counts.messages == taken
            found, left = found + outcome.counts.rows, left[taken:]
        whole = engine.process(Batch("t", 0, pa.array(range(len(messages))), pa.array(messages, pa.large_binary())))
        assert found == whole.counts.rows


def bounded(engine: Processor, messages: list[bytes | None], most: int) -> tuple[Outcome, int]:
    """Return the outcome of as many messages as an engine takes, and how many these are."""
    while True:
        batch = Batch("t", 0, pa.array(range(len(messages))), pa.array(messages, pa.large_binary()))
        try:
            return engine.together([batch], most).only(), len(messages)
        except TooManyRows as error:
            assert 1 <= error.messages < len(messages)
            messages = messages[: error.messages]


def parts(messages: list[bytes | None]) -> Iterator[Batch]:
    """Yield the partitions' batches; their offsets overlap, as those of partitions do."""
    for number, (begin, end) in enumerate(pairwise(CUTS)):
        offsets = pa.array(range(10 * number, 10 * number + end - begin), pa.int64())
        yield Batch("t", number, offsets, pa.array(messages[begin:end], pa.large_binary()))


def of(rows: pa.Table, partition: int) -> pa.Table:
    """Return the rows of one partition."""
    return rows.filter(pa.compute.equal(rows.column("_partition"), partition))

"""Batches of several partitions computed as one: the rows of each, an account for each, and metrics that add up alike."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tacet_runtime.batch import Account, Batch, Outcome
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.merging import merged
from tests.conformance.contracts import repository
from tests.conformance.differential import Both, compare, plan_of
from tests.conformance.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def parts(messages: list[bytes | None]) -> Iterator[Batch]:
    """Yield the partitions' batches; their offsets overlap, as those of partitions do."""
    for number, (begin, end) in enumerate(pairwise(CUTS)):
        offsets = pa.array(range(10 * number, 10 * number + end - begin), pa.int64())
        yield Batch("t", number, offsets, pa.array(messages[begin:end], pa.large_binary()))


def of(rows: pa.Table, partition: int) -> pa.Table:
    """Return the rows of one partition."""
    return rows.filter(pa.compute.equal(rows.column("_partition"), partition))

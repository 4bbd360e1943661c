"""Messages that explode to many rows: what is held at once is bounded by rows, too, and the tables are the same."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tacet_runtime.engines.run
from tacet_runtime.batch import Batch, TooManyRows
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.exactly_once import Warehouse
from tacet_runtime.ledger import added
from tacet_runtime.verify import verify
from tests.support import small

FIELDS = (
    "at: {type: int, path: $index, presence: required, identity: true}\nn: {type: int, path: $item, presence: required}"
)
SIZES = [40 * (at % 7 == 3) + 25 * (at % 40 > 30) + at % 3 for at in range(160)]


@pytest.fixture
def plan(tmp_path):
    small.write(
        tmp_path,
        {
            "ping/1.0.0.yaml": small.raw(FIELDS, explode="$.ns"),
            "pong/1.0.0.yaml": small.derived("id: {from: id}\nat: {from: at}\nn: {from: n}"),
            "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
        },
    )
    messages = [
        small.message(id=at, ns=[n if n % 5 else "wrong" for n in range(size)]) for at, size in enumerate(SIZES)
    ]
    (tmp_path / "e.ndjson").write_bytes(b"".join(line + b"\n" for line in messages))
    return small.compiled(tmp_path)


class Watched:
    """Notes how many rows each batch made."""

    def __init__(self, inner):
        self.inner, self.seen = inner, []

    def together(self, batches, most=None):
        found = self.inner.together(batches, most)
        self.seen += [one.counts.rows for one in found.accounts]
        return found


@pytest.mark.parametrize("engine", ["embedded", "reference"])
def test_rows_are_made_and_written_a_bounded_number_at_once(engine, plan, tmp_path, monkeypatch):
    width = sum(len(table.columns) for table in plan.tables if table.role in {"raw", "derived", "rejects"})
    made = tacet_runtime.engines.run.sized_processor
    watched = []
    monkeypatch.setattr(
        tacet_runtime.engines.run,
        "sized_processor",
        lambda *given: watched.append(Watched(made(*given))) or watched[-1],
    )
    tables = []
    for name, options in (
        ("whole", Options(engine)),
        ("cut", Options(engine, batch_values=30 * width, held_values=90 * width)),
    ):
        totals = run(plan, tmp_path, tmp_path / name, [str(tmp_path / "e.ndjson")], options)
        counts = added(totals.counts)
        assert (counts.messages, counts.rows) == (len(SIZES), sum(SIZES))
        store = Warehouse(plan, tmp_path / name)
        assert verify(store).findings == ()
        tables.append(
            {
                role: sorted(map(repr, store.table(role).scan().to_arrow().to_pylist()))
                for role in ("raw", "derived", "rejects")
            }
        )
    assert tables[0] == tables[1]
    whole, cut = (one.seen for one in watched)
    assert max(cut) == max(SIZES)
    assert max(whole) > 90
    assert max(pq.read_metadata(path).num_rows for path in (tmp_path / "cut").rglob("raw-*.parquet")) <= 90


def test_rows_that_repeat_much_of_their_message_are_fewer_at_once(tmp_path):
    fields = f"{FIELDS}\nnote: {{type: string, path: $.note, presence: required}}"
    plan = small.compiled(tmp_path, {"ping/1.0.0.yaml": small.raw(fields, explode="$.ns")})
    engine = make_processor("embedded", plan, {})
    messages = [small.message(id=at, ns=[1] * 25, note="x" * 30_000) for at in range(40)]

    def together(count):
        offsets, data = pa.array(range(count), pa.int64()), pa.array(messages[:count], pa.large_binary())
        return engine.together([Batch("t", 0, offsets, data)], 1_000).only()

    with pytest.raises(TooManyRows) as caught:
        together(40)
    assert caught.value.messages == 1_000 * 4_096 // (25 * 30_000)
    assert together(caught.value.messages).counts.rows == 25 * caught.value.messages
    assert together(1).counts.rows == 25

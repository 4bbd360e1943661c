"""A table and the contracts' columns: known by name, whatever numbers they had when the table was made."""

from __future__ import annotations

import json

import pytest

from tacet.cli import main
from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.history import backfill
from tests.durability.job import Job, make
from tests.durability.shop import FIRST_DAY
from tests.durability.test_history import EVER, edit

WHERE = '  where: {{type: "list<struct{{{members}}}>", path: $.where, presence: optional}}\n'
ROBOT = "  robot: {type: boolean, path: $.robot, presence: optional}\n"


def messages(first: int, last: int) -> bytes:
    return b"".join(
        json.dumps(
            {
                "type": "click",
                "id": n,
                "app": "web",
                "version": "1.2.0",
                "ts": FIRST_DAY + n,
                "items": [{"product": "ball", "price": n, "colour": f"c{n}"}],
                "where": [{"x": n, "y": n + 1, "z": n + 2}],
            }
        ).encode()
        + b"\n"
        for n in range(first, last)
    )


@pytest.fixture
def job(tmp_path):
    """A job that was run before anything kept its ids."""
    job = make(tmp_path)
    for name in ("click/1.0.0.yaml", "sale/1.0.0.yaml"):
        edit(job, name, "status: released", "status: draft")
    edit(job, "click/1.0.0.yaml", ROBOT, WHERE.format(members="x: int, z: int") + ROBOT)
    edit(job, "sale/1.0.0.yaml", "  shelf: {from", "  where: {from: where}\n  shelf: {from")
    (job.root / "e.ndjson").write_bytes(messages(0, 5))
    job.run()
    return job


def widen(job: Job) -> None:
    """Put new columns, and a new member of a struct, between those that are there."""
    edit(job, "click/1.0.0.yaml", "x: int, z: int", "x: int, y: long, z: int")
    edit(
        job,
        "click/1.0.0.yaml",
        "  price:",
        "  colour: {type: string, path: $item.colour, presence: optional}\n  price:",
    )
    edit(job, "sale/1.0.0.yaml", "  app: {from", "  colour: {from: colour}\n  price: {from: price}\n  app: {from")


def built(job: Job, monkeypatch) -> None:
    monkeypatch.chdir(job.root)
    with pytest.raises(SystemExit) as ended:
        main(["--quiet", "build"])
    assert not ended.value.code


@pytest.mark.parametrize(
    ("when", "workers"),
    [("never", 1), ("before the change", 1), ("after the change", 2), ("without a column", 1)],
)
def test_columns_between_those_that_are_there_change_no_value(job, monkeypatch, when, workers):
    if when == "before the change":
        built(job, monkeypatch)
    if when == "without a column":
        edit(job, "sale/1.0.0.yaml", "  shelf: {from: goods.shelf}\n", "")
        built(job, monkeypatch)
        edit(job, "sale/1.0.0.yaml", "  product:", "  shelf: {from: goods.shelf}\n  product:")
    widen(job)
    if when == "after the change":
        built(job, monkeypatch)
    (job.root / "e.ndjson").write_bytes(messages(0, 9))
    job.run(engine="embedded", workers=workers)
    rows = job.rows("derived")
    assert [(r["id"], r["cents"], r["app"], r["shelf"]) for r in rows] == [(n, n, "web", 1) for n in range(9)]
    assert [(r["colour"], r["price"]) for r in rows[5:]] == [(f"c{n}", n) for n in range(5, 9)]
    assert {(r["colour"], r["price"]) for r in rows[:5]} == {(None, None)}
    assert [r["where"] for r in rows] == [[{"x": n, "y": n + 1 if n > 4 else None, "z": n + 2}] for n in range(9)]
    backfill(job.plan(), job.root, job.warehouse, EVER, publish=True)
    assert [(r["id"], r["colour"], r["price"], r["where"]) for r in job.rows("derived")] == [
        (n, f"c{n}", n, [{"x": n, "y": n + 1, "z": n + 2}]) for n in range(9)
    ]
    assert job.verify().findings == ()


@pytest.mark.parametrize("names", [{"cents": "pence"}, {"item": "between", "id": "item", "between": "id"}])
def test_columns_that_were_renamed_by_hand_are_refused_with_the_way_back(job, names):
    for old, new in names.items():
        with job.store().table("derived").update_schema() as change:
            change.rename_column(old, new)
    widen(job)
    with pytest.raises(TableError, match="rename it back to"):
        job.run()
    for old, new in reversed(names.items()):
        with job.store().table("derived").update_schema() as change:
            change.rename_column(new, old)
    job.run()
    assert [r["cents"] for r in job.rows("derived")] == list(range(5))


@pytest.mark.parametrize(
    ("old", "new"), [("x: int, z: int", "x: string, z: int"), ("price: {type: long", "price: {type: string")]
)
def test_a_column_of_another_type_is_refused_by_name(job, old, new):
    edit(job, "sale/1.0.0.yaml", '"price"', '"CAST(price AS long)"')
    edit(job, "click/1.0.0.yaml", "price >= 0", "id >= 0")
    edit(job, "click/1.0.0.yaml", old, new)
    before = job.rows("raw")
    with pytest.raises(TableError, match=r"column `(where|price)` is .*new name"):
        job.run()
    assert job.rows("raw") == before


def test_a_wider_type_is_taken_and_a_narrower_one_is_kept_wide(job):
    edit(job, "click/1.0.0.yaml", "x: int, z: int", "x: long, z: int")
    job.run()
    edit(job, "click/1.0.0.yaml", "x: long, z: int", "x: int")
    (job.root / "e.ndjson").write_bytes(messages(0, 7))
    job.run()
    assert [r["where"] for r in job.rows("derived")] == [[{"x": n, "z": n + 2 if n < 5 else None}] for n in range(7)]
    assert job.verify().findings == ()

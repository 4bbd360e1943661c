"""A contract that calls a table by another name is refused by whatever looks at the tables, with what it is called there."""

from __future__ import annotations

import datetime as dt

import pytest

from tacet_runtime.connectors.iceberg import TableError
from tacet_runtime.history import Times, backfill, replay_rejects
from tacet_runtime.maintenance import Settings, maintain
from tacet_runtime.relabel import relabel
from tests.durability.job import make
from tests.durability.shop import lines

SPAN = Times((dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)))
VERBS = {
    "run": lambda job: job.run(),
    "verify": lambda job: job.verify(),
    "maintain": lambda job: maintain(job.plan(), job.warehouse, Settings()),
    "backfill": lambda job: backfill(job.plan(), job.root, job.warehouse, SPAN, publish=True),
    "replay-rejects": lambda job: replay_rejects(job.plan(), job.root, job.warehouse),
    "relabel": lambda job: relabel(job.plan(), job.root, job.warehouse, "price", SPAN),
}
COMPANIONS = ("", "_rejects", "_ledger", "_metrics")


@pytest.fixture
def job(tmp_path):
    made = make(tmp_path)
    made.run()
    (made.root / "e.ndjson").write_bytes(lines(0, 300))
    return made


def rewrite(job, event: str, old: str, new: str) -> None:
    path = job.root / f"contracts/shop/{event}/1.0.0.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def tables(job) -> set[str]:
    return {".".join(name) for name in job.store().catalog.list_tables("shop")}


def refusal(job, verb: str = "run") -> str:
    before = tables(job)
    with pytest.raises(TableError, match="an event keeps its table") as error:
        VERBS[verb](job)
    assert tables(job) == before
    return str(error.value)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_a_raw_archive_by_another_name(job, verb):
    rewrite(job, "click", "table: shop.click,", "table: shop.click_raw,")
    said = refusal(job, verb)
    assert "write `iceberg: {table: shop.click}` below `sinks:` in the contract of shop.click, or rename" in said
    assert said.endswith(": shop.click to shop.click_raw")


def test_the_line_of_the_refusal_mends_it(job):
    rewrite(job, "sale", "table: shop.sale,", "table: shop.sold,")
    said = refusal(job)
    assert "`iceberg: {table: shop.sale}` below `sinks:` in the contract of shop.sale" in said
    rewrite(job, "sale", "table: shop.sold,", "table: shop.sale,")
    job.run()
    assert (job.verify().findings, job.verify().messages) == ((), 300)


def test_the_renames_of_the_refusal_mend_it(job):
    rewrite(job, "sale", "table: shop.sale,", "table: shop.sold,")
    said = refusal(job)
    for of in COMPANIONS:
        assert f"shop.sale{of} to shop.sold{of}" in said
        job.store().catalog.rename_table(f"shop.sale{of}", f"shop.sold{of}")
    job.run()
    maintain(job.plan(), job.warehouse, Settings(keep=dt.timedelta(0), grace=dt.timedelta(0)))
    assert (job.verify().findings, job.verify().messages) == ((), 300)


def test_an_archive_that_no_contract_named_is_found_in_whatever_namespace(tmp_path):
    job = make(tmp_path)
    path = job.root / "contracts/shop/click/1.0.0.yaml"
    named = path.read_text()
    sink = "iceberg: {table: shop.click, partition: [day(ts)]}"
    path.write_text(named.replace(sink, "kafka: {topic: raw, key: [id]}"))
    job.run()
    path.write_text(named.replace("shop.click, partition: [day(ts)]", "archive.click"))
    assert refusal(job).endswith(": shop.click to archive.click")
    path.write_text(named.replace("shop.click, partition: [day(ts)]", "shop.click"))
    job.run()
    assert job.verify().findings == ()


def test_a_job_all_of_whose_tables_have_other_names_is_refused_too(job):
    rewrite(job, "click", "table: shop.click,", "table: store.click,")
    rewrite(job, "sale", "table: shop.sale,", "table: store.sold,")
    said = refusal(job, "maintain")
    for old, new in (("shop.click", "store.click"), *((f"shop.sale{of}", f"store.sold{of}") for of in COMPANIONS)):
        assert f"{old} to {new}" in said

"""verify finds each way in which a warehouse can be wrong, and nothing in one that is right."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tacet_runtime.connectors.iceberg import TableError, data_paths, ensure_table, live_files, replace_files
from tacet_runtime.exactly_once import Gap
from tacet_runtime.faults import Planned
from tacet_runtime.history import replay_rejects
from tacet_runtime.verify import SHOWN, verify
from tacet_runtime.view import Waiting
from tests.durability.job import first_twice, make, without_first
from tests.durability.shop import lines


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run the job once, and keep a copy: tables know where they are, so each test puts the copy back in the same place."""
    job = make(tmp_path_factory.mktemp("verify") / "repository")
    assert job.run().commits >= 3
    shutil.copytree(job.warehouse, job.root.with_name("kept"))
    return job


@pytest.fixture
def job(made):
    shutil.rmtree(made.warehouse)
    shutil.copytree(made.root.with_name("kept"), made.warehouse)
    return made


def test_a_clean_warehouse_has_no_findings(job):
    proof = job.verify()
    assert proof.findings == ()
    assert proof.messages == 240


def test_a_lost_range_is_found(job):
    job.replace_first("ledger", without_first)
    assert {"lost_range", "row_outside"} <= job.kinds()


def test_a_doubled_range_is_found(job):
    job.replace_first("ledger", first_twice)
    assert "doubled_range" in job.kinds()


def test_a_file_registered_twice_is_found(job):
    table = job.store().table("derived")
    replace_files(table, [live_files(table)[0]], (), {}, {})
    assert {"file_twice", "row_doubled", "rows_differ"} <= job.kinds()


def test_an_orphan_is_found(job):
    path = data_paths(job.store().table("raw"))[0]
    shutil.copy(path, path.with_name("stranger.parquet"))
    assert job.kinds() == {"orphan"}


@pytest.mark.parametrize(
    "folder", ["data", "data/shop.sale", "data/shop.sale/a/b", "shop/sale/data", "shop/click/data/day=1"]
)
def test_an_orphan_is_found_wherever_the_warehouse_keeps_data(job, folder):
    stray = job.warehouse / folder / "derived-9-9.parquet"
    stray.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(data_paths(job.store().table("derived"))[0], stray)
    assert [(f.kind, f.where) for f in job.verify().findings] == [("orphan", str(stray))]


def test_a_column_that_was_dropped_or_renamed_is_found(job):
    with job.store().table("derived").update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("shelf")
    with job.store().table("raw").update_schema() as change:
        change.rename_column("_offset", "off")
    found = {(f.kind, f.detail.split(" (")[0], f.detail.split(")")[1]) for f in job.verify().findings}
    assert found == {("schema", "column `shelf`", " is gone"), ("schema", "column `_offset`", " is called `off`")}
    with pytest.raises(TableError, match="rename it back to `_offset`"):
        job.run()


def test_a_table_that_was_dropped_and_begun_anew_is_refused_with_the_way_back(job):
    store = job.store()
    store.catalog.drop_table(store.tables["raw"].name)
    ensure_table(store.catalog, store.tables["raw"])
    with pytest.raises(Gap, match="register the newest metadata file"):
        job.run()


def test_a_table_that_was_dropped_is_not_made_anew_and_goes_on_when_it_is_registered_again(job):
    store = job.store()
    name, metadata = store.tables["raw"].name, store.table("raw").metadata_location
    store.catalog.drop_table(name)
    for _ in range(2):
        with pytest.raises(TableError, match="register the newest metadata file"):
            job.run()
    store.catalog.register_table(name, metadata)
    job.run()
    assert job.verify().findings == ()


def test_a_missing_file_is_found(job):
    data_paths(job.store().table("derived"))[0].unlink()
    assert {"file_missing", "rows_differ"} <= job.kinds()


@pytest.mark.parametrize("name", ["messages", "skipped", "emitted_rows", "rejected_rows", "filtered"])
def test_a_ledger_that_disagrees_is_found(job, name):
    def more(rows: pa.Table) -> pa.Table:
        at = rows.column_names.index(name)
        return rows.set_column(at, rows.schema.field(at), pc.add(rows.column(name), 1))

    job.replace_first("ledger", more)
    assert "account" in job.kinds()


def test_a_ledger_that_closes_and_still_disagrees_with_the_tables_is_found(job):
    def moved(rows: pa.Table) -> pa.Table:
        for name, by in (("emitted_parents", -1), ("filtered", 1), ("emitted_rows", -1), ("filtered_rows", 1)):
            at = rows.column_names.index(name)
            rows = rows.set_column(at, rows.schema.field(at), pc.add(rows.column(name), by))
        return rows

    job.replace_first("ledger", moved)
    kinds = job.kinds()
    assert "account" not in kinds
    assert {"outcomes_differ", "rows_differ"} <= kinds


@pytest.mark.parametrize(
    ("role", "kind"), [("derived", "rows_differ"), ("rejects", "rejects_differ"), ("raw", "raw_differs")]
)
def test_a_lost_row_is_found(job, role, kind):
    job.replace_first(role, without_first)
    assert kind in job.kinds()


@pytest.mark.parametrize("role", ["raw", "derived", "rejects"])
def test_a_doubled_row_is_found(job, role):
    job.replace_first(role, first_twice)
    assert "row_doubled" in job.kinds()


def test_a_row_lost_here_and_doubled_there_is_found(job):
    job.replace_first("derived", lambda rows: first_twice(rows.slice(1)))
    assert "row_doubled" in job.kinds()


def outside(job, name):
    """Open a table as anybody would, with pyiceberg alone."""
    root = job.warehouse.absolute()
    return SqlCatalog("tacet", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}").load_table(name)


def test_rows_that_somebody_deleted_are_found_and_so_is_who_did_it(job):
    outside(job, "shop.sale").delete("item = 0")
    proof = job.verify()
    assert {"foreign_commit", "rows_differ", "position_lost"} <= set(proof.totals)
    assert all(finding.hint for finding in proof.findings)


def test_a_cell_that_somebody_changed_is_found_as_a_commit_that_is_no_jobs(job):
    table = outside(job, "shop.sale")
    rows = table.scan().to_arrow()
    at = rows.column_names.index("cents")
    table.overwrite(rows.set_column(at, rows.schema.field(at), pc.add(rows.column("cents"), 1)))
    assert set(job.verify().totals) == {"foreign_commit"}


@pytest.mark.parametrize(
    "name", ["shop.click", "shop.sale", "shop.sale_rejects", "shop.sale_ledger", "shop.sale_metrics"]
)
def test_a_table_that_was_rolled_back_is_found_refused_and_put_back_when_asked(job, name):
    before = job.rows("derived")
    table = outside(job, name)
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[-3].snapshot_id).commit()
    assert "rolled_back" in job.kinds()
    with pytest.raises(Gap, match="--accept-rollback"):
        job.run()
    assert job.run(accept_rollback=True).commits == 0
    assert job.verify().findings == ()
    assert job.rows("derived") == before


def test_a_rolled_back_table_that_was_written_to_since_is_refused(job):
    table = outside(job, "shop.sale")
    rows = table.scan().to_arrow()
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[-3].snapshot_id).commit()
    outside(job, "shop.sale").append(rows.slice(0, 1))
    with pytest.raises(Gap, match="written to since"):
        job.run(accept_rollback=True)


def test_reference_data_that_is_not_kept_any_more_as_it_was_is_found(job):
    [path] = (job.warehouse / "lookups").iterdir()
    data = path.read_bytes()
    path.write_bytes(data + b" ")
    [finding] = job.verify().findings
    assert (finding.kind, path.name in finding.detail) == ("lookup_lost", True)
    path.unlink()
    [finding] = job.verify().findings
    assert (finding.kind, path.name in finding.detail) == ("lookup_lost", True)
    job.run()
    assert (job.verify().findings, path.read_bytes()) == ((), data)


def test_a_file_that_was_cut_short_is_found(job):
    path = data_paths(job.store().table("derived"))[0]
    path.write_bytes(path.read_bytes()[:-10])
    assert {"file_damaged", "rows_differ"} <= job.kinds()


def test_a_file_with_other_bytes_of_the_same_size_is_found(job):
    path = data_paths(job.store().table("derived"))[0]
    path.write_bytes(b"x" * path.stat().st_size)
    assert {"file_damaged", "rows_differ"} <= job.kinds()


@pytest.mark.parametrize("role", ["ledger", "raw", "derived", "rejects", "metrics"])
def test_one_changed_byte_anywhere_in_a_data_file_is_found_by_the_files_name(job, role):
    path = data_paths(job.store().table(role))[0]
    whole = path.read_bytes()
    for at in (4, len(whole) // 3, len(whole) - 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = [f.detail for f in job.verify().findings if f.kind == "file_damaged"]
        assert found == [f"{path}: its bytes are not those that were written"]


def test_another_file_of_ours_under_a_files_name_is_found(job):
    first, second = data_paths(job.store().table("raw"))[:2]
    shutil.copy(second, first)
    assert "file_damaged" in job.kinds()


def test_a_table_that_was_dropped_is_found(job):
    job.store().catalog.drop_table("shop.sale")
    assert "table_missing" in job.kinds()
    job.store().catalog.drop_table("shop.sale_ledger")
    assert job.kinds() == {"table_missing"}


def test_tables_that_are_being_made_are_not_missing(tmp_path):
    store = make(tmp_path).store()
    for role in ("raw", "derived"):
        ensure_table(store.catalog, store.tables[role])
        assert verify(store).findings == ()


def test_a_gap_that_commits_of_a_shard_will_fill_is_not_lost(job):
    first = pq.read_table(data_paths(job.store().table("ledger"))[0]).to_pylist()[0]
    job.replace_first("ledger", without_first)
    source, middle = first["source"], (first["first_offset"] + first["last_offset"]) // 2
    spans = [(source, 0, middle, first["last_offset"]), (source, 0, first["first_offset"], middle)]
    shards = [Waiting(number, 1, 1, 10, (span,)) for number, span in enumerate(spans)]
    assert "lost_range" not in {f.kind for f in verify(job.store(), lambda _view: tuple(shards)).findings}
    assert "lost_range" in {f.kind for f in verify(job.store(), lambda _view: tuple(shards[:1])).findings}


def test_many_findings_are_counted_and_some_are_listed(job):
    outside(job, "shop.sale").delete("item >= 0")
    proof = job.verify()
    assert proof.totals["position_lost"] > SHOWN == sum(f.kind == "position_lost" for f in proof.findings)


@pytest.mark.parametrize("point", ["S5:before-ledger", "S5:after-ledger", "S8:after-raw"])
def test_a_commit_that_was_not_finished_is_named_and_nothing_else_is(job, point, monkeypatch):
    with (job.root / "e.ndjson").open("ab") as file:
        file.write(lines(240, 300))
    monkeypatch.setenv("TACET_FAIL_AT", point)
    monkeypatch.setenv("TACET_FAIL_HOW", "raise")
    monkeypatch.setattr("tacet_runtime.faults._SEEN", {})
    with pytest.raises(Planned):
        job.run()
    assert job.kinds() == {"intent"}
    monkeypatch.delenv("TACET_FAIL_AT")
    replay_rejects(job.plan(), job.root, job.warehouse, "reference")
    assert job.kinds() == set()
    job.run()
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 300)
    (job.root / "e.ndjson").write_bytes(lines(0, 240))


def test_a_table_that_is_not_at_the_ledgers_commit_is_found(job):
    replace_files(job.store().table("raw"), (), (), {"tacet.seq.shop.sale": "1"}, {})
    assert job.kinds() == {"marker"}


@pytest.mark.parametrize("pattern", ["*.metadata.json", "*-m0.avro", "snap-*.avro"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 40)])
def test_metadata_that_is_gone_or_damaged_is_named_with_its_table(job, pattern, damage):
    for path in (job.warehouse / "shop/sale/metadata").glob(pattern):
        damage(path)
    with pytest.raises(
        TableError, match=r"the metadata of shop\.sale cannot be read: .+; put the file back from a copy"
    ):
        job.verify()

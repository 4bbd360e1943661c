"""Files in, tables out: the same rows whatever the way there; bad files end with a name and can be resumed."""

from __future__ import annotations

import gzip
import io
import os
import shutil

import pytest
import zstandard
from pyiceberg.transforms import MonthTransform

from tacet_runtime.connectors.files import SourceError
from tacet_runtime.connectors.iceberg import TableError, replace_files
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.exactly_once import Gap, Warehouse
from tacet_runtime.locking import Busy, owned
from tacet_runtime.maintenance import Settings, maintain
from tacet_runtime.verify import verify
from tests.durability.job import make
from tests.durability.shop import lines, message
from tests.system.checker import expected


@pytest.fixture
def job(tmp_path):
    return make(tmp_path)


def positions(job, role="derived"):
    return [(r["_source"], r["_offset"], r["_index"]) for r in job.rows(role)]


def test_running_again_adds_nothing(job):
    job.run()
    before = positions(job)
    again = job.run()
    assert (again.commits, again.known) == (0, 240)
    assert positions(job) == before


@pytest.mark.slow
def test_a_file_that_has_grown_goes_on_where_it_ended(job):
    job.run()
    with (job.root / "e.ndjson").open("ab") as file:
        file.write(lines(240, 300))
    assert sum(c.messages for c in job.run().counts) == 60
    assert job.verify().findings == ()


@pytest.mark.slow
def test_another_content_under_the_same_name_is_another_source(job):
    job.run()
    (job.root / "e.ndjson").write_bytes(lines(500, 550))
    job.run()
    assert {row["_source"] for row in job.rows("raw")} == {"e.ndjson", "e.ndjson#2"}
    assert job.verify().findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("block_bytes", [3_000, 1_000_000])
@pytest.mark.parametrize("content", [lines(0, 200), lines(0, 239) + lines(300, 400), b""])
def test_a_file_that_was_shortened_or_rewritten_is_refused_by_name(job, content, block_bytes):
    job.run(block_bytes=block_bytes)
    (job.root / "e.ndjson").write_bytes(content)
    with pytest.raises(SourceError, match=r"e\.ndjson.* consumed"):
        job.run()
    (job.root / "e.ndjson").write_bytes(lines(0, 240))
    assert job.run().known == 240


@pytest.mark.slow
def test_the_same_content_adds_nothing_from_wherever_it_comes(job, monkeypatch):
    job.run()
    data = (job.root / "e.ndjson").read_bytes()
    copies = [job.root / "moved/here/e.ndjson", job.root / "copy.ndjson", job.root / "packed.ndjson.gz"]
    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        assert (job.run(path).known, job.run(path, block_bytes=500).commits) == (240, 0)
    assert job.run(job.root / "moved").commits == 0
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert job.run("-").commits == 0
    assert not list(job.warehouse.rglob("stdin-*"))


@pytest.mark.slow
def test_a_file_that_is_reached_twice_is_read_once(job):
    folder = job.root / "folder"
    (folder / "below").mkdir(parents=True)
    (job.root / "e.ndjson").rename(folder / "below" / "e.ndjson")
    (folder / "link.ndjson").symlink_to(folder / "below" / "e.ndjson")
    (folder / "loop").symlink_to(folder)
    job.run(folder, folder / "below" / "e.ndjson", folder)
    assert job.verify().messages == 240
    assert job.run(folder / "below" / "e.ndjson").commits == 0


@pytest.mark.slow
def test_a_link_to_a_folder_is_followed(job):
    (job.root / "folder").mkdir()
    (job.root / "elsewhere").mkdir()
    (job.root / "e.ndjson").rename(job.root / "elsewhere" / "e.ndjson")
    (job.root / "folder" / "link").symlink_to(job.root / "elsewhere")
    job.run(job.root / "folder")
    assert {row["_source"] for row in job.rows("raw")} == {"link/e.ndjson"}


@pytest.mark.slow
def test_files_that_are_rotated_or_swap_their_names_add_only_what_is_new(job):
    log = job.root / "log"
    log.mkdir()
    (log / "a").write_bytes(lines(0, 30))
    job.run(log)
    (log / "a").rename(log / "a.1")
    (log / "a").write_bytes(lines(30, 50))
    done = job.run(log)
    assert (done.known, job.verify().messages) == (30, 50)
    (log / "a.1").rename(log / "x")
    (log / "a").rename(log / "a.1")
    (log / "x").rename(log / "a")
    assert job.run(log).commits == 0
    assert (job.verify().findings, job.verify().messages) == ((), 50)


@pytest.mark.slow
def test_a_file_that_was_moved_and_has_grown_goes_on_where_it_ended(job):
    log = job.root / "log"
    log.mkdir()
    (log / "a").write_bytes(lines(0, 30))
    job.run(log)
    # Its writer went on while it was renamed, and began another one.
    (log / "a").rename(log / "a.1")
    (log / "a.1").write_bytes(lines(0, 34))
    (log / "a").write_bytes(lines(34, 50))
    done = job.run(log)
    assert (done.known, job.verify().messages) == (30, 50)
    # A copy was made, then the file was emptied, and is written to again.
    (log / "a.1").rename(log / "a.2")
    (log / "a.2").write_bytes(lines(0, 36))
    (log / "a.1").write_bytes(lines(34, 50) + lines(60, 62))
    (log / "a").write_bytes(b"")
    assert (job.run(log).known, job.verify().messages) == (50, 54)
    (log / "a").write_bytes(lines(70, 75))
    assert (job.run(log).known, job.verify().messages) == (54, 59)
    (job.root / "archive/log").mkdir(parents=True)
    (log / "a.2").rename(job.root / "archive/log/a.2")
    assert job.run(job.root / "archive", job.root / "log").commits == 0
    assert job.verify().findings == ()
    (log / "a.1").unlink()
    (log / "a").write_bytes(b"")
    with pytest.raises(SourceError, match="is empty, and"):
        job.run(log)


@pytest.mark.slow
def test_of_files_that_begin_alike_in_one_run_each_is_run_whole(job):
    folder = job.root / "folder"
    folder.mkdir()
    (folder / "b").write_bytes(lines(0, 30))
    job.run(folder)
    (folder / "a").write_bytes(lines(0, 40))
    (folder / "c").write_bytes(lines(0, 45))
    job.run(folder)
    assert {(row["_source"], row["_offset"] < 45) for row in job.rows("raw")} == {(n, True) for n in "abc"}
    assert job.verify().messages == 115
    assert job.run(folder).commits == 0


@pytest.mark.slow
def test_two_copies_in_one_run_are_two_sources_also_after_a_crash(job):
    folder = job.root / "folder"
    folder.mkdir()
    for name in ("a.ndjson", "b.ndjson"):
        (folder / name).write_bytes(lines(0, 60))
    job.run(folder / "a.ndjson")
    job.run(folder)
    assert job.verify().messages == 120
    assert job.run(folder).commits == 0


@pytest.mark.slow
def test_a_last_line_without_an_end_counts_and_its_end_adds_no_message(job):
    path = job.root / "e.ndjson"
    path.write_bytes(lines(0, 60).rstrip(b"\n"))
    job.run()
    with path.open("ab") as file:
        file.write(b"\n")
    assert job.run().commits == 0
    with path.open("ab") as file:
        file.write(lines(60, 120))
    job.run(block_bytes=500)
    assert job.verify().messages == 120
    assert {(r["_offset"], r["_index"]) for r in job.rows("raw")} == {
        (offset, index) for offset, index in expected(lines(0, 120))["shop.click"]
    }


@pytest.mark.slow
def test_a_message_file_with_other_content_is_another_message(job):
    path = job.root / "one.json"
    for content in (b"", message(1), message(2), message(1)):
        path.write_bytes(content)
        job.run(path, framing="file")
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 3)


@pytest.mark.parametrize(
    ("name", "content"), [("e.gz", b"{}"), ("e.zst", b"\x1f\x8b"), ("e.bz2", b"BZh9"), ("e.parquet", b"PAR1")]
)
@pytest.mark.slow
def test_a_file_that_is_not_what_it_says_is_refused_by_name(job, name, content):
    path = job.root / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=name.replace(".", r"\.")):
        job.run(path)


@pytest.mark.slow
def test_a_file_name_that_no_table_can_hold_is_refused(job):
    path = os.fsencode(job.root) + b"/\xff.ndjson"
    (job.root / "e.ndjson").rename(os.fsdecode(path))
    with pytest.raises(SourceError, match="not UTF-8"):
        job.run(os.fsdecode(path))


@pytest.mark.slow
def test_a_window_that_is_too_large_to_unpack_is_refused_with_the_way_out(job):
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    packing = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = job.root / "e.ndjson.zst"
    path.write_bytes(packing.compress(lines(0, 60)) + packing.flush())
    with pytest.raises(SourceError, match=r"e\.ndjson\.zst .*zstd -dc --long=31"):
        job.run(path)


@pytest.mark.slow
def test_windows_line_ends_and_blank_lines_are_counted_and_cost_no_event(job):
    path = job.root / "e.ndjson"
    path.write_bytes(lines(0, 60).replace(b"\n", b"\r\n") + b"\r\n\n" + lines(60, 61))
    job.run()
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 63)
    whole = expected(lines(0, 60))["shop.sale"]
    assert [(r["_offset"], r["_index"]) for r in job.rows("derived") if r["_offset"] < 60] == sorted(whole)


@pytest.mark.slow
def test_a_file_that_vanishes_between_two_commits_is_named_and_the_run_goes_on_when_it_is_back(job):
    folder = job.root / "folder"
    folder.mkdir()
    (job.root / "e.ndjson").rename(folder / "a.ndjson")
    (folder / "b.ndjson").write_bytes(lines(300, 360))

    def vanish(_):
        (folder / "b.ndjson").rename(job.root / "b.ndjson")
        return False

    options = Options("reference", commit_messages=60, block_bytes=3_000)
    with pytest.raises((SourceError, OSError), match=r"b\.ndjson"):
        run(job.plan(), job.root, job.warehouse, [str(folder)], options, stop=once(vanish))
    (job.root / "b.ndjson").rename(folder / "b.ndjson")
    job.run(folder)
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 300)


def once(act):
    """Return a `stop` that acts the first time it is asked, and never stops."""
    done = []

    def stop():
        if not done:
            done.append(act(None))
        return False

    return stop


def skippable(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size" + zstandard.compress(data)


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, skippable])
def test_compressed_content_of_several_members_is_the_same_content(job, pack):
    job.run()
    packed = job.root / "packed" / "e.ndjson"
    packed.parent.mkdir()
    packed.write_bytes(pack(lines(0, 100)) + pack(lines(100, 240)))
    assert job.run(packed).known == 240


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_truncated_compressed_content_is_a_named_error_and_the_run_goes_on_when_it_is_whole(job, pack):
    path = job.root / "e.packed"
    data = pack(lines(0, 240))
    path.write_bytes(data[: len(data) - 20])
    with pytest.raises(SourceError, match=r"e\.packed"):
        job.run(path)
    path.write_bytes(data)
    job.run(path)
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 240)


@pytest.mark.slow
def test_two_workers_give_the_same_rows_as_one(job, tmp_path):
    other = make(tmp_path / "other")
    job.run()
    other.run(workers=2)
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == other.rows(role)


@pytest.mark.slow
def test_a_folder_of_whole_files_is_one_message_each(job):
    folder = job.root / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:03}.json").write_bytes(message(number))
    job.run(folder, framing="file")
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 30)


@pytest.mark.slow
def test_a_line_above_the_limit_is_rejected_and_the_next_one_is_read(job):
    path = job.root / "long.ndjson"
    path.write_bytes(lines(0, 3) + b'"' + b"x" * 9_000_000 + b'"\n' + lines(3, 6))
    job.run(path, block_bytes=1_000_000)
    rejects = [r for r in job.rows("rejects") if r["kind"] == "too_large"]
    assert [r["_offset"] for r in rejects] == [3]
    assert len(rejects[0]["bytes"]) <= 1_048_577
    assert job.verify().messages == 7


@pytest.mark.slow
def test_a_pipe_a_missing_file_and_two_files_of_one_name_are_refused(job):
    pipe = job.root / "pipe"
    os.mkfifo(pipe)
    other = job.root / "b" / "e.ndjson"
    other.parent.mkdir()
    other.write_bytes(b"")
    for inputs in ([pipe], [job.root / "nothing"], [job.root / "e.ndjson", other]):
        with pytest.raises(SourceError):
            job.run(*inputs)


@pytest.mark.slow
def test_a_second_process_is_told_that_the_job_is_busy(job):
    with owned(job.warehouse, "shop.sale"), pytest.raises(Busy):
        job.run()


@pytest.mark.slow
def test_a_table_that_was_rolled_back_stops_the_job(job):
    job.run()
    replace_files(job.store().table("raw"), (), (), {"tacet.seq.shop.sale": "1"}, {})
    with pytest.raises(Gap):
        job.run()


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("S8:before-derived:2", "everything up to message 139 (byte 20993) of `e.ndjson` is committed"),
        pytest.param("S5:before-ledger:2", "up to message 61 (byte 8935)", marks=pytest.mark.slow),
        pytest.param("S3:after:1", "nothing of this run is committed: the same command", marks=pytest.mark.slow),
        pytest.param("S1:after:1", "begins again at message 0 of `e.ndjson`", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_stops_with_the_position_and_leaves_nothing_half_done(job, monkeypatch, point, told):
    with monkeypatch.context() as patch, pytest.raises((OSError, TableError), match="No space") as stopped:
        patch.setattr("tacet_runtime.faults._SEEN", {})
        patch.setenv("TACET_FAIL_AT", point)
        patch.setenv("TACET_FAIL_HOW", "full")
        job.run()
    assert told in stopped.value.__notes__[0]
    before = job.run().known
    assert f"message {before} " in told or not before
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 240)


def test_asked_to_stop_it_ends_at_a_commit(job):
    options = Options("reference", block_bytes=3_000)
    totals = run(job.plan(), job.root, job.warehouse, [str(job.root / "e.ndjson")], options, stop=lambda: True)
    assert totals.stopped
    assert job.verify().findings == ()
    job.run()
    assert job.verify().messages == 240


@pytest.mark.slow
def test_another_sort_order_is_taken_and_another_partition_when_the_table_has_it_too(job):
    job.run()
    contract = job.root / "contracts/shop/sale/1.0.0.yaml"
    text = contract.read_text()
    (job.root / "e.ndjson").write_bytes(lines(0, 300))
    contract.write_text(text.replace("sort: [id]", "sort: [ts, item]"))
    job.run()
    order = job.store().table("derived").sort_order().fields
    assert [job.store().table("derived").schema().find_column_name(f.source_id) for f in order] == ["ts", "item"]
    assert (job.verify().findings, job.verify().messages) == ((), 300)
    contract.write_text(text.replace("day(ts)", "month(ts)"))
    (job.root / "e.ndjson").write_bytes(lines(0, 360))
    with pytest.raises(TableError, match=r"by day\(ts\), and the contract says month\(ts\): .*`update_spec`"):
        job.run()
    with job.store().table("derived").update_spec() as change:
        change.remove_field("ts_day")
        change.add_field("ts", MonthTransform())
    job.run()
    maintain(job.plan(), job.warehouse, Settings())
    assert (job.verify().findings, job.verify().messages) == ((), 360)


def test_a_copied_warehouse_is_refused_for_its_tables_are_where_they_were(job):
    job.run()
    shutil.copytree(job.warehouse, job.root / "copy")
    with pytest.raises(TableError, match="not copied or moved"):
        run(job.plan(), job.root, job.root / "copy", [str(job.root / "e.ndjson")], Options("reference"))
    (job.root / "link").symlink_to(job.warehouse)
    assert run(job.plan(), job.root, job.root / "link", [str(job.root / "e.ndjson")], Options("reference")).commits == 0


@pytest.mark.slow
def test_two_jobs_of_one_raw_event_share_a_warehouse_and_each_is_proved(job):
    text = (job.root / "contracts/shop/sale/1.0.0.yaml").read_text()
    other = job.root / "contracts/shop/refund/1.0.0.yaml"
    other.parent.mkdir()
    other.write_text(text.replace("event: sale", "event: refund").replace("shop.sale", "shop.refund"))
    plans = job.plans()
    for plan in (*plans, *plans):
        run(plan, job.root, job.warehouse, [str(job.root / "e.ndjson")], Options("reference"))
    for plan in plans:
        maintain(plan, job.warehouse, Settings())
        proof = verify(Warehouse(plan, job.warehouse))
        assert (proof.findings, proof.messages) == ((), 240)

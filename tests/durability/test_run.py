"""Files in, tables out: the same rows whatever the way there; bad files end with a name and can be resumed."""

from __future__ import annotations

import gzip
import os

import pytest
import zstandard

from tacet_runtime.connectors.files import SourceError
from tacet_runtime.connectors.iceberg import replace_files
from tacet_runtime.exactly_once import Busy, Gap, owned
from tests.durability.job import make
from tests.durability.shop import lines, message


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


def test_a_file_that_has_grown_goes_on_where_it_ended(job):
    job.run()
    with (job.root / "e.ndjson").open("ab") as file:
        file.write(lines(240, 300))
    assert sum(c.messages for c in job.run().counts) == 60
    assert job.verify().findings == ()


def test_another_content_under_the_same_name_is_another_source(job):
    job.run()
    (job.root / "e.ndjson").write_bytes(lines(500, 550))
    job.run()
    assert {row["_source"] for row in job.rows("raw")} == {"e.ndjson", "e.ndjson#2"}
    assert job.verify().findings == ()


def test_a_shortened_file_is_refused_by_name(job):
    job.run()
    (job.root / "e.ndjson").write_bytes(lines(0, 200))
    with pytest.raises(SourceError, match=r"e\.ndjson"):
        job.run()


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_content_of_several_members_is_the_same_content(job, pack):
    job.run()
    packed = job.root / "packed" / "e.ndjson"
    packed.parent.mkdir()
    packed.write_bytes(pack(lines(0, 100)) + pack(lines(100, 240)))
    assert job.run(packed).known == 240


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


def test_two_workers_give_the_same_rows_as_one(job, tmp_path):
    other = make(tmp_path / "other")
    job.run()
    other.run(workers=2)
    for role in ("raw", "derived", "rejects"):
        assert job.rows(role) == other.rows(role)


def test_a_folder_of_whole_files_is_one_message_each(job):
    folder = job.root / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:03}.json").write_bytes(message(number))
    job.run(folder, framing="file")
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 30)


def test_a_line_above_the_limit_is_rejected_and_the_next_one_is_read(job):
    path = job.root / "long.ndjson"
    path.write_bytes(lines(0, 3) + b'"' + b"x" * 9_000_000 + b'"\n' + lines(3, 6))
    job.run(path, block_bytes=1_000_000)
    rejects = [r for r in job.rows("rejects") if r["kind"] == "too_large"]
    assert [r["_offset"] for r in rejects] == [3]
    assert len(rejects[0]["bytes"]) <= 1_048_577
    assert job.verify().messages == 7


def test_a_pipe_a_missing_file_and_two_files_of_one_name_are_refused(job):
    pipe = job.root / "pipe"
    os.mkfifo(pipe)
    other = job.root / "b" / "e.ndjson"
    other.parent.mkdir()
    other.write_bytes(b"")
    for inputs in ([pipe], [job.root / "nothing"], [job.root / "e.ndjson", other]):
        with pytest.raises(SourceError):
            job.run(*inputs)


def test_a_second_process_is_told_that_the_job_is_busy(job):
    with owned(job.warehouse, "shop.sale"), pytest.raises(Busy):
        job.run()


def test_a_table_that_was_rolled_back_stops_the_job(job):
    job.run()
    replace_files(job.store().table("raw"), (), (), {"tacet.seq.shop.sale": "1"}, {})
    with pytest.raises(Gap):
        job.run()


def test_a_full_disk_leaves_nothing_half_done(job, monkeypatch):
    import tacet_runtime.engines.tasks as tasks

    write, calls = tasks.write_files, []

    def full(rows, table, folder, stem):
        calls.append(stem)
        if len(calls) > 30:
            raise OSError(28, "No space left on device")
        return write(rows, table, folder, stem)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(tasks, "write_files", full)
        job.run()
    job.run()
    proof = job.verify()
    assert (proof.findings, proof.messages) == ((), 240)


def test_asked_to_stop_it_ends_at_a_commit(job):
    from tacet_runtime.engines.run import run
    from tacet_runtime.engines.tasks import Options

    options = Options("reference", block_bytes=3_000)
    totals = run(job.plan(), job.root, job.warehouse, [str(job.root / "e.ndjson")], options, stop=lambda: True)
    assert totals.stopped
    assert job.verify().findings == ()
    job.run()
    assert job.verify().messages == 240

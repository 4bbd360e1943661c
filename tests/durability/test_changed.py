"""A file that changes while it is read: what is appended is read, what is replaced or written anew is refused by name."""

from __future__ import annotations

import pytest

from tacet_runtime.connectors.files import Input, SourceError, blocks, content_of, new_position
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tests.durability.job import SMALL, make
from tests.durability.shop import lines

OLD = b"".join(b'{"n":%06d}\n' % n for n in range(200))
NEW = OLD.replace(b"000", b"777")


def replace(path, data):
    """Put another file in its place."""
    other = path.with_name("other")
    other.write_bytes(data)
    other.rename(path)


def write_anew(path, data):
    """Write other bytes into the same file."""
    path.write_bytes(data)


@pytest.mark.parametrize("change", [replace, write_anew])
@pytest.mark.parametrize("content", [NEW, NEW + OLD])
def test_a_block_is_of_the_bytes_that_were_counted_or_refused(change, content, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(OLD)
    found = list(blocks(Input("log", path), new_position("log"), "lines", 1_000, 700, hold=False))
    with path.open("ab") as file:
        file.write(b'{"n":1}\n')
    assert sum(len(content_of(block)) for block in found) == 200
    change(path, content)
    for block in found:
        with pytest.raises(SourceError, match=r"log changed while it was read"):
            content_of(block)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "workers"), [(replace, 2), (write_anew, 2), (write_anew, 1)], ids=["replaced", "anew", "anew-held"]
)
@pytest.mark.parametrize("content", [lines(240, 480), lines(240, 250)], ids=["longer", "shorter"])
def test_a_run_over_a_file_that_changes_ends_with_its_name_and_goes_on_when_it_is_back(
    change, workers, content, tmp_path
):
    job = make(tmp_path)
    path = job.root / "e.ndjson"
    before = path.read_bytes()
    changed = []

    def advance(_messages):
        if not changed:
            changed.append(change(path, content))

    options = Options(**{"engine": "reference", **SMALL, "workers": workers})
    with pytest.raises(SourceError, match=r"e\.ndjson changed while it was read") as raised:
        run(job.plan(), job.root, job.warehouse, [str(path)], options, advance)
    assert "the same command" in str(raised.value.__notes__)
    write_anew(path, before)
    job.run()
    assert job.verify().findings == ()
    whole = make(tmp_path / "whole")
    whole.run()
    assert job.rows("derived") == whole.rows("derived")

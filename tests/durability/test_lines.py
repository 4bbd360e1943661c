"""Blocks hold the lines of a file, whatever the sizes of blocks and reads: whole ones, and the beginning of one too long."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import pytest

from tacet_runtime.connectors import files
from tacet_runtime.connectors.blocks import batches
from tacet_runtime.connectors.digest import Digest
from tacet_runtime.connectors.files import Input, blocks, new_position

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 40


def messages(path: Path, block_bytes: int, *, hold: bool = True) -> list[bytes]:
    """Return the messages of a file; their offsets, positions and digests are asserted."""
    found: list[bytes] = []
    digest, content = Digest(), gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for block in blocks(Input("a", path), new_position("a"), "lines", LIMIT, block_bytes, hold=hold):
        cut = [message.as_py() for batch in batches(block, 3) for message in batch.messages]
        offsets = [offset for batch in batches(block, 3) for offset in batch.offsets.to_pylist()]
        assert offsets == list(range(len(found), len(found) + len(cut)))
        found += cut
        digest.update(content[block.start : block.end.bytes])
        assert (block.end.messages, block.end.digest) == (len(found), digest.text())
    return found


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("hold", [True, False])
def test_every_line_is_a_message_at_every_size_of_blocks_and_reads(tmp_path, monkeypatch, suffix, hold):
    drawn = random.Random(7)
    for case in range(60):
        lines = [b"x" * drawn.choice((0, 1, 2, 7, 39, 40)) for _ in range(drawn.randrange(12))]
        end = drawn.choice((b"", b"\n")) if lines and lines[-1] else b"\n" if lines else b""
        path = tmp_path / f"{case}{suffix}"
        content = b"\n".join(lines) + end
        path.write_bytes(gzip.compress(content) if suffix else content)
        monkeypatch.setattr(files, "READ_BYTES", drawn.choice((1, 2, 5, 64, 4096)))
        assert messages(path, drawn.choice((1, 3, 50, 10_000)), hold=hold) == lines


def test_blocks_that_are_only_counted_end_where_those_do_that_are_held(tmp_path):
    path = tmp_path / "many"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(100_000)))
    held, counted = (
        [b.end for b in blocks(Input("a", path), new_position("a"), "lines", LIMIT, 100_000, hold=hold)]
        for hold in (True, False)
    )
    assert len(held) > 1
    assert counted == held


def test_of_a_line_above_the_limit_its_beginning_is_held_and_the_next_lines_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "READ_BYTES", 16)
    path = tmp_path / "long"
    path.write_bytes(b"a\n" + b"y" * 1_000 + b"\nb\n" + b"z" * 500)
    for block_bytes in (1, 30, 10_000):
        assert messages(path, block_bytes, hold=False) == [b"a", b"y" * (LIMIT + 1), b"b", b"z" * (LIMIT + 1)]


def test_what_is_still_referred_to_is_not_written_over(tmp_path):
    path = tmp_path / "many"
    path.write_bytes(b"".join(b"%06d\n" % number for number in range(1_000)))
    held = [batches(block, 100) for block in blocks(Input("a", path), new_position("a"), "lines", LIMIT, 70)]
    texts = [message.as_py() for group in held for batch in group for message in batch.messages]
    assert texts == [b"%06d" % number for number in range(1_000)]

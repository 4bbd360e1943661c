"""`tacet sample` as a user calls it: the same bytes for the same seed, files of every kind, and what it refuses."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import zstandard

from tacet.cli import main
from tacet_runtime.sample import SCENARIOS
from tests.sample import domains

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stderr: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("payments")
    domains.payments(folder)
    return folder


@pytest.fixture
def tacet(shop, monkeypatch, capsys):
    """Run the command in the shop's folder, in this process."""
    monkeypatch.chdir(shop)

    def call(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return Done(ended.value.code, capsys.readouterr().err)

    return call


FEW = ("sample", "settled", "--events", "20", "--seed", "3")
SAMPLE = ("sample", "settled", "--events", "200", "--seed", "3")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_any_folder_under_any_hash_seed(shop, tmp_path, tacet):
    assert tacet(*SAMPLE, "--out", "e.ndjson", "--labels", "l.ndjson").returncode == 0
    domains.payments(tmp_path)
    command = [sys.executable, "-m", "tacet.cli", *SAMPLE, "--out", "e.ndjson", "--labels", "l.ndjson"]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"})
    assert (shop / "e.ndjson").read_bytes() == (tmp_path / "e.ndjson").read_bytes()
    assert (shop / "l.ndjson").read_bytes() == (tmp_path / "l.ndjson").read_bytes()
    assert tacet(*SAMPLE[:-1], "4", "--out", "other.ndjson").returncode == 0
    assert (shop / "other.ndjson").read_bytes() != (shop / "e.ndjson").read_bytes()


def test_messages_are_a_line_each_and_of_the_usual_size(shop, tacet):
    assert tacet(*SAMPLE, "--out", "size.ndjson").returncode == 0
    lines = (shop / "size.ndjson").read_bytes().splitlines()
    assert len(lines) == 200
    assert 1_080 <= sum(map(len, lines)) / 200 <= 1_320


@pytest.mark.slow
def test_a_name_that_says_so_gives_a_compressed_file(shop, tacet):
    for name in ("c.ndjson", "c.ndjson.gz", "c.ndjson.zst"):
        assert tacet(*FEW, "--out", name).returncode == 0
    plain = (shop / "c.ndjson").read_bytes()
    assert gzip.decompress((shop / "c.ndjson.gz").read_bytes()) == plain
    packed = zstandard.ZstdDecompressor().stream_reader((shop / "c.ndjson.zst").read_bytes())
    assert packed.read() == plain


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "sabotage", "--out", "x"), "logging_bug"),
        (("--scenario", "rejecting_bug", "--out", "x"), "has no place"),
        (("--out", "x", "--labels", "x"), "same file"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_possible(shop, tacet, arguments, said):
    done = tacet("sample", "settled", "--events", "5", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (shop / "x").exists()


def test_what_cannot_be_read_or_written_ends_with_3(shop, tacet):
    done = tacet(*SAMPLE, "--out", "no/such/folder/x")
    assert done.returncode == 3
    assert "no/such/folder/x" in done.stderr
    (shop / "p.json").write_text('{"bytes": "many"}')
    done = tacet(*SAMPLE, "--out", "y", "--profile", "p.json")
    assert done.returncode == 3
    assert "$.bytes" in done.stderr


def test_the_help_names_every_scenario():
    from tacet.verbs.sample import sample

    said = " ".join((sample.__doc__ or "").split())
    assert f"Scenarios: {', '.join(SCENARIOS)}." in said

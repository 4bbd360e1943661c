"""The command among other processes: pipes that close, interrupts, terminals, files that vanish or are not what they say."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from tacet.cli import main
from tests.support.command import TACET, environment, here, tacet


def shell(line: str, cwd, **env: str) -> subprocess.CompletedProcess:
    """Run a line of bash, in which `tacet` is the command."""
    words = " ".join(TACET)
    return subprocess.run(
        ["bash", "-c", f'tacet() {{ {words} "$@"; }}; {line}'], cwd=cwd, env=environment(**env), capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip


def test_what_a_library_notes_for_itself_is_not_said(monkeypatch, capsys):
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(logging.root, "handlers", [])
    with pytest.raises(SystemExit):
        main(["--version"])
    logging.getLogger("pyiceberg.catalog").warning("Failed to delete metadata file")
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_reader_that_leaves_ends_the_command_quietly(mine):
    many = " ".join(["examples/kiosk.json"] * 400)
    done = shell(f"tacet explain order {many} | head -n 1; exit ${{PIPESTATUS[0]}}", mine)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (141, "", 1)


@pytest.mark.slow
def test_closed_streams_are_no_fault_and_nothing_is_written_into_other_files(mine):
    assert shell("tacet run order --input events --quiet >&- 2>&- <&-", mine).returncode == 0
    done = shell("tacet verify order", mine)
    assert (done.returncode, done.stdout) == (0, "11 messages, 11 rows, 5 files: all accounted for, each once\n")
    rejected = json.loads(shell("tacet explain order - <&-", mine).stdout)
    assert rejected["reject"]["kind"] == "malformed"


@pytest.mark.slow
def test_a_full_disk_behind_stdout_is_named(mine):
    done = shell("tacet explain order examples/kiosk.json >/dev/full", mine)
    assert (done.returncode, done.stderr) == (3, "tacet: cannot write the result: No space left on device\n")


@pytest.mark.slow
def test_results_are_utf_8_whatever_the_locale(mine):
    (mine / "m.json").write_bytes(
        (mine / "examples/kiosk.json").read_bytes().replace(b"tea-250", "thé-250 茶".encode())
    )
    done = shell("tacet explain order m.json", mine, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert json.loads(done.stdout)["rows"][0]["values"]["sku"] == "thé-250 茶"


def on_a_terminal(cwd, *arguments: str, **env: str) -> tuple[int, str]:
    """Run `tacet` with a terminal for stderr, and return its status and what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*TACET, *arguments], cwd=cwd, env=environment(TERM="xterm-256color", **env), stderr=theirs,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        parts.append(part)
    os.close(ours)
    return process.wait(timeout=60), b"".join(parts).decode()


@pytest.mark.slow
def test_a_terminal_gets_a_bar_and_with_no_color_no_colour(mine):
    colour = re.compile(r"\x1b\[(?:3[0-7]|38|9[0-7])[;0-9]*m")
    status, said = on_a_terminal(mine, "run", "order", "--input", "events")
    assert (status, bool(colour.search(said))) == (0, True)
    status, said = on_a_terminal(mine, "run", "order", "--input", "events", "--warehouse", "w2", NO_COLOR="1")
    assert (status, colour.search(said)) == (0, None)
    assert "11 messages: 8 emitted, 1 rejected, 1 filtered, 1 skipped" in said
    assert "\x1b" not in on_a_terminal(mine, "check")[1]


@pytest.mark.system
def test_an_interrupt_while_waiting_ends_with_130_and_one_line(mine):
    process = subprocess.Popen(
        [*TACET, "explain", "order", "-"], cwd=mine, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell starts what is in the background without SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (no thread runs here)
    )  # fmt: skip
    time.sleep(8)  # it has to reach the read of stdin; nothing says so from outside
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"tacet: stopped\n")


@pytest.mark.slow
def test_an_input_that_vanishes_is_named_and_the_run_goes_on_when_it_is_back(mine, monkeypatch, capsys):
    lines = (mine / "events/orders.ndjson").read_bytes().splitlines(keepends=True)
    (mine / "events/orders.ndjson").unlink()
    for name, part in (("a", lines[:5]), ("b", lines[5:])):
        (mine / f"events/{name}.ndjson").write_bytes(b"".join(part))

    @contextmanager
    def removes_the_second(_label, _total):
        yield lambda _n: (mine / "events/b.ndjson").unlink(missing_ok=True)

    again = ["run", "order", "--input", "events", "--block-bytes", "100", "--commit-messages", "1"]
    with monkeypatch.context() as patched:
        patched.setattr("tacet.verbs.run.progress", removes_the_second)
        ended = here(capsys, *again)
    assert (ended.status, ended.out, "b.ndjson" in ended.err) == (3, "", True)
    ended = here(capsys, *again)
    assert (ended.status, json.loads(ended.out)["already_there"]) == (0, 5)
    (mine / "events/b.ndjson").write_bytes(b"".join(lines[5:]))
    counts = json.loads(here(capsys, *again).out)
    assert (counts["in"], counts["already_there"]) == (6, 5)
    assert here(capsys, "verify", "order").status == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.ndjson", b"\x1f\x8bnot gzip", "bad.ndjson"),
        ("bad.ndjson", b"\x28\xb5\x2f\xfdnot zstd", "bad.ndjson"),
        ("none.gz", b"", "none.gz is named .gz and is empty"),
        ("none.zst", b"", "none.zst is named .zst and is empty"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_named_and_nothing_is_in_the_tables(name, content, said, mine, capsys):
    (mine / name).write_bytes(content)
    ended = here(capsys, "run", "order", "--input", "events", name)
    assert (ended.status, ended.out, said in ended.err) == (3, "", True)
    assert json.loads(here(capsys, "run", "order", "--input", "events").out)["in"] == 11


def test_a_catalog_that_is_none_and_reference_data_that_is_gone_are_named(mine, capsys):
    (mine / "warehouse").mkdir()
    (mine / "warehouse/catalog.db").write_text("not a database")
    for verb in (["run", "order", "--input", "events"], ["verify", "order"], ["replay-rejects", "order"]):
        ended = here(capsys, *verb)
        assert (ended.status, ended.err) == (
            3,
            "tacet: the catalog in warehouse cannot be used: file is not a database\n",
        )
    (mine / "data/countries.csv").unlink()
    ended = here(capsys, "run", "order", "--input", "events", "--warehouse", "other")
    assert (ended.status, "countries.csv" in ended.err) == (3, True)


def test_only_poison_ends_in_rejects(mine, capsys):
    (mine / "poison").write_bytes(b"\xff\xfe\n{\n[]\nnull\n\n" * 200)
    ended = here(capsys, "run", "order", "--input", "poison")
    counts = json.loads(ended.out)
    assert (ended.status, counts["in"], counts["rejected"] + counts["skipped"]) == (0, 1000, 1000)


@pytest.mark.slow
def test_stdin_is_an_input_and_a_message(mine):
    counts = json.loads(shell("tacet run order --input - < events/orders.ndjson", mine).stdout)
    assert counts["in"] == 11
    ended = tacet("explain", "order", "-", cwd=mine, stdin=(mine / "examples/kiosk.json").read_bytes())
    assert json.loads(ended.out)["outcome"] == "emitted"

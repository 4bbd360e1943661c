"""Files that are written to, moved, rotated and packed between runs: every line is consumed once, whatever the names."""

from __future__ import annotations

import gzip
import itertools
import random
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacet_runtime.connectors.files import Input, Position, SourceError, blocks
from tacet_runtime.connectors.recognition import recognised

START = b'{"type":"start"}'
NAMES = ("a", "a.1", "a.2", "a#2")
ACTS = ("start", "order", "half", "run", "stopped", "move", "swap", "rotate", "empty", "pack", "delete")


@dataclass
class Log:
    """What one file holds."""

    lines: list[bytes] = field(default_factory=list)
    ended: bool = True
    packed: bool = False

    def content(self) -> bytes:
        found = b"\n".join(self.lines) + (b"\n" if self.lines and self.ended else b"")
        return gzip.compress(found, 1) if self.packed else found


class Folder:
    """Files, and what runs over them consumed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, Log] = {}
        self.known: dict[str, Position] = {}
        self.written: Counter[bytes] = Counter()
        self.deleted: Counter[bytes] = Counter()
        self.consumed: Counter[bytes] = Counter()

    def write(self, name: str, line: bytes, *, ended: bool = True) -> None:
        file = self.files.setdefault(name, Log())
        file.lines.append(line)
        file.ended = ended
        self.written[line] += 1

    def move(self, name: str, to: str) -> None:
        if name in self.files and to not in self.files:
            self.files[to] = self.files.pop(name)

    def swap(self, name: str, other: str) -> None:
        if {name, other} <= self.files.keys():
            self.files[name], self.files[other] = self.files[other], self.files[name]

    def rotate(self) -> None:
        self.delete("a.2")
        self.move("a.1", "a.2")
        self.move("a", "a.1")

    def empty(self, name: str, to: str) -> None:
        """Keep a copy and empty the file, as what rotates the file of a writer that keeps it open does."""
        if name in self.files and to not in self.files:
            self.files[to] = self.files[name]
            self.files[name] = Log()

    def delete(self, name: str) -> None:
        if file := self.files.pop(name, None):
            self.deleted.update(file.lines)

    def inputs(self) -> list[Input]:
        for name, file in self.files.items():
            (self.root / name).parent.mkdir(exist_ok=True)
            (self.root / name).write_bytes(file.content())
        return [Input(name, self.root / name) for name in self.files]

    def calls(self) -> int:
        """Return how many functions are called to recognise the files: what it costs, on any machine."""
        inputs, called = self.inputs(), 0

        def count(_frame: object, event: str, _what: object) -> None:
            nonlocal called
            called += event in {"call", "c_call"}

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            recognised(inputs, self.known, "lines")
        finally:
            sys.setprofile(before)
        return called

    def starts(self, framing: str) -> list[tuple[Input, Position]]:
        inputs = self.inputs()
        found = recognised(inputs, self.known, framing)
        order = random.Random(len(self.consumed))
        again = recognised(order.sample(inputs, len(inputs)), shuffled(self.known, order), framing)
        assert sorted(again, key=lambda one: one[0].name) == sorted(found, key=lambda one: one[0].name)
        assert len({start.source for _, start in found}) == len(found)
        return found

    def run(self, framing: str = "lines", most: int | None = None) -> None:
        """Consume what is new; of no more than `most` blocks."""
        starts = self.starts(framing)
        new = (block for item, start in starts for block in blocks(item, start, framing, 1000, 24))
        for block in itertools.islice(new, most):
            values, offsets = bytes(block.content.values), block.content.offsets
            self.consumed.update(values[a:b] for a, b in itertools.pairwise(offsets))
            self.known[block.source] = block.end


def shuffled(known: dict[str, Position], order: random.Random) -> dict[str, Position]:
    return dict(order.sample(sorted(known.items()), len(known)))


def act(folder: Folder, what: str, name: str, other: str, number: int) -> None:
    order = b'{"order":%d}' % 7**number
    match what:
        case "start":
            folder.write(name, START)
        case "order" | "half":
            if not (name in folder.files and folder.files[name].lines):
                folder.write(name, START)
            folder.write(name, order, ended=what == "order")
        case "run" | "stopped":
            folder.run(most=number % 4 if what == "stopped" else None)
        case "move" | "swap" | "empty":
            getattr(folder, what)(name, other)
        case "rotate":
            folder.rotate()
        case "pack" if name in folder.files:
            folder.files[name].packed = not folder.files[name].packed
        case "delete":
            folder.delete(name)


HISTORIES = st.lists(
    st.tuples(st.sampled_from(ACTS), st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=20, max_size=40
)


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_whatever_happens_to_files_each_line_is_consumed_once_or_the_run_is_refused(history):
    with TemporaryDirectory() as root:
        folder = Folder(Path(root))
        try:
            for number, (what, name, other) in enumerate([*history, ("run", "a", "a"), ("run", "a", "a")]):
                act(folder, what, name, other, number)
        except SourceError:
            # What a file of that name had is nowhere.
            assert folder.deleted
            return
    # Lines that files had in which all is alike, and which are gone, may be taken for the beginning of another file.
    assert folder.consumed <= folder.written
    assert folder.written - folder.consumed <= folder.deleted


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def days(folder: Folder, *lines: list[bytes]) -> None:
    """Rotate and run, once a day."""
    for day in lines:
        folder.rotate()
        folder.files["a"] = Log()
        for line in day:
            folder.write("a", line)
        folder.run()


def test_a_file_is_what_was_consumed_whole_before_it_is_another_one_of_its_name_that_has_grown(folder):
    folder.write("a", START)
    for line in (START, b"1", b"2"):
        folder.write("b", line)
    folder.run()
    folder.delete("a")
    folder.move("b", "a")
    folder.run()
    assert folder.consumed == {START: 2, b"1": 1, b"2": 1}


def test_of_the_contents_that_a_file_begins_with_it_is_the_longest_one(folder):
    folder.write("a", START)
    folder.write("b", START)
    folder.write("b", b"1", ended=False)
    folder.run()
    folder.swap("a", "b")
    folder.files["a"].ended = True
    folder.run()
    folder.swap("a", "b")
    folder.write("a", b"2")
    folder.write("b", b"3")
    folder.run()
    assert folder.consumed == folder.written


def test_a_day_with_nothing_but_the_first_message_does_not_end_the_rotation(folder):
    days(folder, [START, b"1"], [START], [START, b"2", b"3"], [START, b"4"])
    assert folder.consumed == folder.written


@pytest.mark.parametrize("ended", [True, False])
def test_a_source_goes_on_with_the_file_that_has_nothing_more_and_not_with_its_name(folder, ended):
    folder.write("a", START, ended=ended)
    folder.run()
    folder.rotate()
    folder.files["a.1"].ended = True
    folder.write("a", START)
    folder.write("a", b"1")
    assert {item.name: start.source for item, start in folder.starts("lines")} == {"a.1": "a", "a": "a#2"}
    folder.delete("a.1")
    assert {item.name: start.source for item, start in folder.starts("lines")} == {"a": "a"}


def test_what_an_earlier_version_consumed_is_known(folder):
    days(folder, [START, b"1"], [START, b"2"])
    folder.known = {name: replace(p, head=p.head.partition(":")[0]) for name, p in folder.known.items()}
    folder.run()
    assert folder.consumed == folder.written


def test_rotated_files_that_begin_alike_may_be_deleted(folder):
    days(folder, *([START, b"%d" % day] for day in range(8)))
    assert folder.deleted
    assert folder.consumed == folder.written
    folder.files["a"] = Log([START])
    with pytest.raises(SourceError, match="shortened or rewritten"):
        folder.run()


@pytest.mark.parametrize("framing", ["lines", "file"])
def test_a_file_may_be_named_like_a_source(folder, framing):
    for name, line in (("m", b"0"), ("m#1", b"1"), ("m#2", b"2"), ("m#2#2", b"3"), ("#3", b"4"), ("m#02", b"5")):
        folder.write(name, line)
    folder.run(framing)
    assert sum(folder.consumed.values()) == 6
    folder.files["m"] = Log([b"6"])
    folder.run(framing)
    folder.run(framing)
    assert sum(folder.consumed.values()) == 7
    assert sorted(folder.known) == ["#3", "m", "m#02#1", "m#1#1", "m#2", "m#2#1", "m#2#2#1"]


def test_a_message_that_is_a_file_is_the_same_one_in_another_folder(folder):
    folder.write("m#2", b"1")
    folder.run("file")
    folder.move("m#2", "below/m#2")
    folder.run("file")
    folder.write("below/m#3", b"1")
    folder.run("file")
    assert sum(folder.consumed.values()) == 2


def test_a_stream_that_begins_as_an_earlier_one_did_is_refused_with_a_way_out_and_an_empty_one_adds_nothing(folder):
    days = [START, b"1"], [START, b"2"]
    folder.files["-"] = Log(days[0])
    folder.run()
    folder.files["-"] = Log(days[1])
    with pytest.raises(SourceError, match=r"^stdin begins as source - did .* keep it in a file"):
        folder.run()
    folder.files = {"-": Log(), "day-2": Log(days[1])}
    folder.run()
    assert folder.consumed == {START: 2, b"1": 1, b"2": 1}


@pytest.mark.parametrize("times", [1, 1500])
def test_files_by_the_thousand_that_begin_alike_are_told_apart_for_as_little_as_those_that_do_not(folder, times):
    folder.files = {f"{n}": Log([START, b"%d" % n * (1 + (n // 4 if times > 1 else 0))]) for n in range(2000)}
    folder.run()
    calls = []
    for start in (START[::-1], START):
        folder.files = {f"new/{n}": Log([start, b"x%d" % n * times]) for n in range(2000)}
        calls.append(folder.calls())
    assert calls[1] < 6 * calls[0], calls

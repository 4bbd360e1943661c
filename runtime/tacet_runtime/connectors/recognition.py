"""RECOGNITION: was this file, or its beginning, consumed before? A file is known by its content, not by name or date.

Every file is compared with every source that begins alike: which ones does it have all of? A source then goes on with one
of the files that have all of it, and a file with one source. The longest source chooses first, so that most of what was
consumed is known again: a file that a longer one had could only be left to shorter ones. It prefers a file with nothing more
(nothing happened, or it was moved, rotated, or its name swapped) to one that has grown since, and of those its name's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tacet_runtime.connectors.digest import Digest
from tacet_runtime.connectors.files import (
    READ_BYTES,
    Position,
    SourceError,
    beginning,
    first_line,
    heads_of,
    new_position,
    open_content,
    read_some,
)
from tacet_runtime.connectors.inputs import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from tacet_runtime.connectors.files import Framing, Input

    Content: TypeAlias = tuple[int, str, str]
    """What sources that cannot be told apart have in common: bytes, digest; of a message that is a file, its name's last part."""

K = TypeVar("K")
V = TypeVar("V")


class Had(NamedTuple):
    """A file that has all of a content."""

    name: str
    grown: bool
    """It has more than that."""


def recognised(
    inputs: Sequence[Input], known: Mapping[str, Position], framing: Framing
) -> list[tuple[Input, Position]]:
    """Return each input with the position to go on from. `known`: source -> the end of what was consumed of it.

    Raises SourceError for a file that begins like a source of its name and is not its continuation, unless another file is.
    """
    sources = sorted(known.values(), key=_by_name)
    starts = _assigned(*(_messages if framing == "file" else _contents)(inputs, sources))
    claimed = {start.source for start in starts.values()}
    own = _grouped((_base(p.source), p) for p in sources)
    found: list[tuple[Input, Position]] = []
    for item in inputs:
        start = starts.get(item.name)
        if start is None:
            if framing != "file":
                _see_beginning(item, own.get(item.name, []), claimed)
            start = new_position(_label(item.name, known))
        found.append((item, start))
    return found


def _split(source: str) -> tuple[str, int]:
    """Return a source's file name, and which of that name it is: `a.ndjson`, 2 of `a.ndjson#2`."""
    name, _, number = source.rpartition("#")
    return (name, int(number)) if name and number.isdecimal() else (source, 1)


def _base(source: str) -> str:
    return _split(source)[0]


def _by_name(position: Position) -> tuple[str, int, str]:
    return (*_split(position.source), position.source)


def _label(name: str, taken: Mapping[str, Position]) -> str:
    """Return a source that is not there yet for a file: its name, `name#2`, ...; `a#2` is never a file's name."""
    number, label = 1, name if _base(name) == name else f"{name}#1"
    while label in taken:
        number += 1
        label = f"{name}#{number}"
    return label


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _assigned(files: Mapping[Content, list[Had]], sources: Mapping[Content, list[Position]]) -> dict[str, Position]:
    """Return, by file, the end of the source that it is. A source has one file at most, and a file one source."""
    found: dict[str, Position] = {}
    for content in sorted(files, reverse=True):
        free = sources[content]
        for grown in (False, True):
            names = sorted(had.name for had in files[content] if had.grown == grown and had.name not in found)
            own = _grouped((_base(p.source), p) for p in free)
            pairs = [(name, own[name][0]) for name in names if name in own]
            found |= pairs
            used = {p.source for _, p in pairs}
            free = [p for p in free if p.source not in used]
            rest = [name for name in names if name not in found]
            found |= zip(rest, free, strict=False)
            free = free[len(rest) :]
    return found


def _messages(
    inputs: Sequence[Input], sources: Sequence[Position]
) -> tuple[dict[Content, list[Had]], dict[Content, list[Position]]]:
    """Compare files that are a message each: it is the same one in a file of the same name, in whatever folder."""
    by_content = _grouped(((p.bytes, p.digest, _last(_base(p.source))), p) for p in sources)
    names = {last for _, _, last in by_content}
    found = []
    for item in inputs:
        if (last := _last(item.name)) in names:
            size, digest = _whole(item.path)
            if (content := (size, digest, last)) in by_content:
                found.append((content, Had(item.name, grown=False)))
    return _grouped(found), by_content


def _contents(
    inputs: Sequence[Input], sources: Sequence[Position]
) -> tuple[dict[Content, list[Had]], dict[Content, list[Position]]]:
    """Compare files of lines, each with the sources that begin alike."""
    by_content = _grouped(((p.bytes, p.digest, ""), p) for p in sources if p.head)
    alike: dict[str, dict[int, set[str]]] = {}
    for p in sources:
        if p.head:
            alike.setdefault(p.head, {}).setdefault(p.bytes, set()).add(p.digest)
    found = []
    for item in inputs if alike else []:
        near = [alike[head] for head in heads_of(beginning(item.path)) if head in alike]
        found += [((size, digest, ""), Had(item.name, grown)) for size, digest, grown in _had(item.path, near)]
    return _grouped(found), by_content


def _had(path: Path, near: Sequence[Mapping[int, set[str]]]) -> list[tuple[int, str, bool]]:
    """Return, of digests by size, those that a file begins with all of, each with whether it has a message more."""
    if not near:
        return []
    sizes = sorted(set().union(*near))
    found: list[tuple[int, str]] = []
    size, end = 0, b""
    digest = Digest()
    with open_content(path) as content:
        # Two bytes more show whether the file ends here, but for a line end.
        for wanted in [*sizes, sizes[-1] + 2]:
            while size < wanted and (chunk := read_some(content, min(READ_BYTES, wanted - size), path)):
                digest.update(chunk)
                size += len(chunk)
                end = (end + chunk)[-2:]
            if size < wanted:
                break
            text = digest.text()
            if any(text in digests.get(wanted, ()) for digests in near):
                found.append((wanted, text))
    ended = size - 1 if end[-1:] == b"\n" != end[:1] else size
    return [(wanted, text, wanted < ended) for wanted, text in found]


def _whole(path: Path) -> tuple[int, str]:
    size = 0
    digest = Digest()
    with open_content(path) as content:
        while chunk := read_some(content, READ_BYTES, path):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.text()


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _see_beginning(item: Input, own: list[Position], claimed: set[str]) -> None:
    """Raise SourceError for a file that is empty, or begins as a source of its name that no file of this run goes on with.

    Sources before one that another file goes on with are of files that had moved away before it was made.
    """
    moved = [number for number, p in enumerate(own) if p.source in claimed]
    own = [p for p in own[moved[-1] + 1 if moved else 0 :] if p.head]
    if not own:
        return
    start = beginning(item.path)
    piped = item.name == STDIN
    if not start and piped:
        return
    if not start:
        raise SourceError(
            f"{item.path} is empty, and {own[-1].bytes} bytes of it were consumed: put it back, or leave it out"
        )
    alike = [p for p in own if p.head.partition(":")[0] == first_line(start)]
    if alike:
        longest = max(alike, key=lambda p: p.bytes)
        why = (
            "it was cut short, or is another stream; keep it in a file with a name of its own, and run that"
            if piped
            else "it was shortened or rewritten; put it back, or give it another name to run all of it"
        )
        raise SourceError(
            f"{'stdin' if piped else item.path} begins as source {longest.source} did and is not what was consumed of it "
            f"({longest.messages} messages, {longest.bytes} bytes): {why}"
        )

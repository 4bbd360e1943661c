"""RECOGNITION: was this file, or its beginning, consumed before? A file is known by its content, not by name or date.

First every file is compared with the sources of its own name (`a`, `a#2`, ...), then with those that no other input of this
run is: it may have that very content (it was moved, rotated or copied elsewhere), or begin with all of it (and has grown since).
The digest of a source's first message says which sources are worth reading a file for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.digest import Digest
from tacet_runtime.connectors.files import (
    READ_BYTES,
    Position,
    SourceError,
    first_message,
    new_position,
    open_content,
    read_some,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacet_runtime.connectors.files import Framing, Input


def recognised(
    inputs: Sequence[Input], known: Mapping[str, Position], framing: Framing
) -> list[tuple[Input, Position]]:
    """Return each input with the position to go on from. `known`: source -> the end of what was consumed of it.

    Raises SourceError for a file that begins like a source of its name and is not its continuation, unless another file is.
    """
    own: dict[str, list[Position]] = {}
    for position in known.values():
        own.setdefault(base_name(position.source), []).append(position)
    starts = {item.name: _of_its_name(item, own.get(item.name, []), framing) for item in inputs}
    claimed = {start.source for start in starts.values() if start is not None}
    for find in (_moved, _moved_and_grown):
        for item in (item for item in inputs if starts[item.name] is None):
            start = find(item, [p for p in known.values() if p.source not in claimed], framing)
            starts[item.name] = start
            claimed |= set() if start is None else {start.source}
    taken = set(known)
    found: list[tuple[Input, Position]] = []
    for item in inputs:
        start = starts[item.name]
        if start is None:
            _see_beginning(item, own.get(item.name, []), claimed, framing)
            start = new_position(_label(item.name, taken))
        taken.add(start.source)
        found.append((item, start))
    return found


def base_name(source: str) -> str:
    """Return a source's file name: `a.ndjson` of `a.ndjson#2`."""
    name, _, number = source.rpartition("#")
    return name if name and number.isdecimal() else source


def _label(name: str, taken: set[str]) -> str:
    number, label = 1, name
    while label in taken:
        number += 1
        label = f"{name}#{number}"
    return label


def _of_its_name(item: Input, known: list[Position], framing: Framing) -> Position | None:
    if not known:
        return None
    if framing == "file":
        return _whole(item, known)
    return _longest(item, _alike(item, known))


def _see_beginning(item: Input, known: list[Position], claimed: set[str], framing: Framing) -> None:
    """Raise SourceError for a file that is empty, or begins as a source of its name that no file of this run goes on with."""
    if framing == "file" or not known:
        return
    head = first_message(item.path)
    newest = max(known, key=lambda p: (len(p.source), p.source))
    if head is None and newest.source not in claimed:
        raise SourceError(
            f"{item.path} is empty, and {newest.bytes} bytes of it were consumed: put it back, or leave it out"
        )
    alike = [p for p in known if p.head == head and p.source not in claimed]
    if alike:
        longest = max(alike, key=lambda p: p.bytes)
        raise SourceError(
            f"{item.path} begins as source {longest.source} did and is not what was consumed of it ({longest.messages} "
            f"messages, {longest.bytes} bytes): it was shortened or rewritten; put it back, or give it another name to run all of it"
        )


def _moved(item: Input, free: list[Position], framing: Framing) -> Position | None:
    """Return the end of a source of another name that has the very content of this file."""
    if framing == "file":
        last = item.name.rpartition("/")[2]
        return _whole(item, [p for p in free if base_name(p.source).rpartition("/")[2] == last])
    return _whole(item, _alike(item, free))


def _moved_and_grown(item: Input, free: list[Position], framing: Framing) -> Position | None:
    """Return the end of a source of another name that this file begins with all of, the longest one."""
    return None if framing == "file" else _longest(item, _alike(item, free))


def _alike(item: Input, free: list[Position]) -> list[Position]:
    head = first_message(item.path) if free else None
    return [p for p in free if head is not None and p.head == head]


def _longest(item: Input, known: list[Position]) -> Position | None:
    """Return the furthest position whose bytes a file still has, all of them."""
    if not known:
        return None
    found = None
    size = 0
    digest = Digest()
    with open_content(item.path) as content:
        for position in sorted(known, key=lambda p: p.bytes):
            while size < position.bytes:
                chunk = read_some(content, min(READ_BYTES, position.bytes - size), item.path)
                if not chunk:
                    return found
                digest.update(chunk)
                size += len(chunk)
            if digest.text() == position.digest:
                found = position
    return found


def _whole(item: Input, known: list[Position]) -> Position | None:
    """Return the position that is the end of exactly this content."""
    if not known:
        return None
    size = 0
    digest = Digest()
    with open_content(item.path) as content:
        while chunk := read_some(content, READ_BYTES, item.path):
            digest.update(chunk)
            size += len(chunk)
    content_is = (size, digest.text())
    return next((p for p in known if (p.bytes, p.digest) == content_is), None)

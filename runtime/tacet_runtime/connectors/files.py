"""Files as sources: decompressed, and cut into blocks of whole messages.

Which files there are is in `inputs.py`, how they are recognised when they come again in `recognition.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from tacet_runtime.connectors.digest import Digest
from tacet_runtime.connectors.lines import Content, Counted, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Framing: TypeAlias = Literal["lines", "file"]
BLOCK_BYTES = 48 * 1024 * 1024
READ_BYTES = 256 * 1024
"""What is read at once is looked at several times, so it should fit where a processor core keeps it near."""
HEAD_BYTES = 64 * 1024
GZIP = (b"\x1f\x8b",)
ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60)))
"""A frame, or one to be skipped, which parallel compressors begin with (RFC 8878, 3.1)."""
_LONG = (
    "a window above 128 MiB (`zstd --long`) is not unpacked here: give it unpacked, as "
    "`zstd -dc --long=31 FILE | tacet run JOB --input -` does"
)


class SourceError(Exception):
    """A file cannot be read, is not what it says, or changed under us; the message names it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file: the name that the tables will know, and where it is."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was consumed: messages, bytes of its decompressed content, and their digest (`digest.Digest`)."""

    source: str
    messages: int
    bytes: int
    digest: str
    head: str = ""
    """What the content begins with (`heads_of`); empty when a message is a file."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole messages of one source, without their line ends, and the position after them.

    `count` messages begin at offset `first`. `start` is the byte where the block begins in the decompressed content.
    `content` is None when it stands in the file `path` as it is: who computes the block reads it there, and of a message
    no more than one byte above `limit`.
    """

    source: str
    first: int
    count: int
    content: Content | None
    start: int
    end: Position
    path: Path | None = None
    """Set when there is no content."""
    limit: int = 0
    digest: str = ""
    """Of its bytes in the file, where there is no content: it is computed as it was counted, or not at all."""


def open_content(path: Path) -> BinaryIO:
    """Open a file's decompressed content; gzip and zstd are known by their first bytes, not by their names."""
    try:
        file = path.open("rb")
        magic = file.read(4)
        file.seek(0)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if magic.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if magic.startswith(ZSTD):
        return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")  # type: ignore[no-any-return]  # it sees truncation
    return file


def is_plain(path: Path) -> bool:
    """Tell whether bytes of the content are bytes of the file."""
    return not first_bytes(path).startswith(GZIP + ZSTD)


def read_some(content: BinaryIO, size: int, path: Path) -> bytes:
    """Read up to `size` bytes. Raises SourceError with the file's name when the content is damaged."""
    try:
        return content.read(size)
    except EOFError as error:
        raise SourceError(f"{path} is truncated: its compressed content ends too early") from error
    except (OSError, zlib.error) as error:
        large = f"; {_LONG}" if "too much memory" in str(error) else ""
        raise SourceError(f"{path} cannot be read: {error}{large}") from error


def first_bytes(path: Path) -> bytes:
    """Return the first four bytes of a file. Raises SourceError."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def beginning(path: Path) -> bytes:
    """Return the first 64 KiB of a file's content."""
    with open_content(path) as content:
        found = b""
        while len(found) < HEAD_BYTES and (chunk := read_some(content, HEAD_BYTES - len(found), path)):
            found += chunk
    return found


def first_line(start: bytes) -> str:
    """Return the digest of the first line of what a content begins with."""
    return hashlib.sha256(start[:HEAD_BYTES].partition(b"\n")[0]).hexdigest()[:16]


def heads_of(start: bytes) -> list[str]:
    """Return what a source whose content begins like this may have as its head: the fewer others do, the later.

    A head says the first line, and the first 1, 2, 4, ... bytes, as many as were consumed: of files that begin with the
    same message few have the same one.
    """
    line = first_line(start)
    sizes = range(min(len(start), HEAD_BYTES).bit_length())
    return [line, *(f"{line}:{n}:{hashlib.sha256(start[: 1 << n]).hexdigest()[:16]}" for n in sizes)]


def new_position(source: str) -> Position:
    """Return the beginning of a source of which nothing was consumed."""
    return Position(source, 0, 0, Digest().text())


def blocks(
    item: Input,
    start: Position,
    framing: Framing,
    message_bytes: int,
    block_bytes: int = BLOCK_BYTES,
    *,
    hold: bool = True,
) -> Iterator[Block]:
    """Yield the content after a position as blocks of whole messages, each with the position after it.

    A message above `message_bytes` is cut one byte behind the limit, which is enough to refuse it; memory stays bounded.
    Without `hold` a block has no content where it can be read from the file again (`content_of`).
    """
    digest = Digest()
    plain = item.path if is_plain(item.path) else None
    with open_content(item.path) as content:
        last, begin = _skip(content, start, digest, item.path)
        if framing == "file":
            yield from _whole(content, start, digest, item.path, message_bytes)
            return
        size = block_bytes
        if plain is not None:
            size = min(block_bytes, max(0, item.path.stat().st_size - start.bytes))
        lines = Counted() if plain is not None and not hold else Lines(size + READ_BYTES, message_bytes)
        held = _Held(item.path, start, begin, lines, block_bytes, message_bytes)
        yield from _lines(held, content, digest, last, plain=plain is not None)


def content_of(block: Block) -> Content:
    """Return a block's messages. Raises SourceError when the file is not any more what it was."""
    if block.content is not None:
        return block.content
    if block.path is None:
        raise SourceError(f"{block.source}: a block without content")
    left = block.end.bytes - block.start
    lines, digest = Lines(left, block.limit), Digest()
    try:
        with block.path.open("rb") as file:
            file.seek(block.start)
            while chunk := file.read(min(READ_BYTES, left)):
                left -= len(chunk)
                digest.update(chunk)
                lines.add(chunk)
    except OSError as error:
        raise SourceError(f"cannot read {block.path}: {error.strerror}") from error
    if left or digest.text() != block.digest:
        raise _changed(block.path)
    return lines.take()


def _changed(path: Path) -> SourceError:
    return SourceError(
        f"{path} changed while it was read: it may grow, and is not to be replaced or written anew meanwhile"
    )


def _see_unchanged(content: BinaryIO, begin: bytes, end: int, path: Path) -> None:
    """Raise SourceError for a plain file that was cut short or written anew while it was read."""
    handle = content.fileno()
    if os.fstat(handle).st_size < end or os.pread(handle, len(begin), 0) != begin:
        raise _changed(path)


def _skip(content: BinaryIO, start: Position, digest: Digest, path: Path) -> tuple[bytes, bytes]:
    """Read up to a position; return the last byte before it, and what the content begins with."""
    left = start.bytes
    chunk = begin = b""
    while left:
        chunk = read_some(content, min(READ_BYTES, left), path)
        if not chunk:
            raise SourceError(f"{path} became shorter while it was read")
        digest.update(chunk)
        begin += chunk[: HEAD_BYTES - len(begin)]
        left -= len(chunk)
    if start.bytes and digest.text() != start.digest:
        raise _changed(path)
    return chunk[-1:], begin


def _whole(content: BinaryIO, start: Position, digest: Digest, path: Path, limit: int) -> Iterator[Block]:
    if start.messages:
        return
    data, size = b"", 0
    while chunk := read_some(content, READ_BYTES, path):
        digest.update(chunk)
        size += len(chunk)
        data += chunk[: max(0, limit + 1 - len(data))]
    found = Content(data, np.array([0, len(data)], dtype=np.int64))
    yield Block(start.source, 0, 1, found, 0, Position(start.source, 1, size, digest.text()))


class _Held:
    """Gathers chunks into blocks of whole lines."""

    def __init__(
        self, path: Path, start: Position, begin: bytes, lines: Lines | Counted, block_bytes: int, limit: int
    ) -> None:
        self.path = path
        self.begin = begin
        self.read_bytes = min(READ_BYTES, block_bytes)
        self.lines = lines
        self._block_bytes = block_bytes
        self._limit = limit
        self._source = start.source
        self._first, self.start = start.messages, start.bytes

    def full(self, end: int) -> bool:
        return end - self.start >= self._block_bytes

    def block(self, end: int, digest: str) -> Block | None:
        """Return what is held as a block that ends at byte `end`, and begin the next one."""
        count = len(self.lines)
        if not count:
            return None
        taken = self.lines.take()
        content, own, path = (None, taken, self.path) if isinstance(taken, str) else (taken, "", None)
        position = Position(self._source, self._first + count, end, digest, heads_of(self.begin[:end])[-1])
        found = Block(self._source, self._first, count, content, self.start, position, path, self._limit, own)
        self._first, self.start = position.messages, end
        return found


def _lines(held: _Held, content: BinaryIO, digest: Digest, last: bytes, *, plain: bool) -> Iterator[Block]:
    at = held.start
    while chunk := read_some(content, held.read_bytes, held.path):
        held.begin += chunk[: HEAD_BYTES - len(held.begin)]
        if last not in {b"", b"\n"} and at == held.start and chunk.startswith(b"\n"):
            # The line end of the last message, which had none when it was consumed.
            digest.update(b"\n")
            at, held.start, chunk, last = at + 1, at + 1, chunk[1:], b"\n"
        cut = chunk.rfind(b"\n") + 1
        whole, rest = memoryview(chunk)[:cut], memoryview(chunk)[cut:]
        if cut:
            digest.update(whole)
            held.lines.add(whole)
            if held.full(at + cut):
                if plain:
                    _see_unchanged(content, held.begin, at + len(chunk), held.path)
                block = held.block(at + cut, digest.text())
                if block is not None:
                    yield block
        digest.update(rest)
        held.lines.add(rest)
        at += len(chunk)
    if plain:
        _see_unchanged(content, held.begin, at, held.path)
    block = held.block(at, digest.text())
    if block is not None:
        yield block

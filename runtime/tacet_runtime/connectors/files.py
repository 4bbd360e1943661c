"""Files as sources: decompressed, and cut into blocks of whole messages.

Which files there are is in `inputs.py`, how they are recognised when they come again in `recognition.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Framing: TypeAlias = Literal["lines", "file"]
BLOCK_BYTES = 48 * 1024 * 1024
READ_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class SourceError(Exception):
    """A file cannot be read, is not what it says, or changed under us; the message names it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file: the name that the tables will know, and where it is."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was consumed: messages, bytes of its decompressed content, and their BLAKE2b digest."""

    source: str
    messages: int
    bytes: int
    digest: str
    head: str = ""
    """The digest of the first message; empty when a message is a file."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole messages of one source: raw bytes with their line ends, and the position after them.

    `count` messages begin at offset `first`. `start` is the byte where the block begins in the decompressed content.
    `data` is None when it stands in the file `path` as it is: who computes the block reads it there.
    """

    source: str
    first: int
    count: int
    data: bytes | None
    framing: Framing
    start: int
    end: Position
    path: Path | None = None
    """Set when the content is not compressed and no line of the block was cut."""


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
    if magic == ZSTD:
        return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")  # type: ignore[no-any-return]  # it sees truncation
    return file


def is_plain(path: Path) -> bool:
    """Tell whether bytes of the content are bytes of the file."""
    return not first_bytes(path).startswith((GZIP, ZSTD))


def read_some(content: BinaryIO, size: int, path: Path) -> bytes:
    """Read up to `size` bytes. Raises SourceError with the file's name when the content is damaged."""
    try:
        return content.read(size)
    except EOFError as error:
        raise SourceError(f"{path} is truncated: its compressed content ends too early") from error
    except (OSError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def first_bytes(path: Path) -> bytes:
    """Return the first four bytes of a file. Raises SourceError."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def first_message(path: Path) -> str | None:
    """Return the digest of the first line of a file's content (of its first 64 KiB); None when the content is empty."""
    with open_content(path) as content:
        start = read_some(content, HEAD_BYTES, path)
    return head_of(start) if start else None


def head_of(start: bytes) -> str:
    """Return the digest of the first line of what a content begins with."""
    return hashlib.blake2b(start[:HEAD_BYTES].partition(b"\n")[0], digest_size=8).hexdigest()


def new_position(source: str) -> Position:
    """Return the beginning of a source of which nothing was consumed."""
    return Position(source, 0, 0, hashlib.blake2b(digest_size=16).hexdigest())


def blocks(
    item: Input, start: Position, framing: Framing, message_bytes: int, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield the content after a position as blocks of whole messages, each with the position after it.

    A message above `message_bytes` is cut one byte behind the limit, which is enough to refuse it; memory stays bounded.
    """
    digest = hashlib.blake2b(digest_size=16)
    plain = item.path if is_plain(item.path) else None
    with open_content(item.path) as content:
        last = _skip(content, start, digest, item.path)
        if framing == "file":
            yield from _whole(item, content, start, digest, message_bytes)
        else:
            yield from _lines(_Lines(item, start, message_bytes, block_bytes, plain), content, digest, last)


def content_of(block: Block) -> bytes:
    """Return a block's bytes. Raises SourceError when the file is not any more what it was."""
    if block.data is not None:
        return block.data
    if block.path is None:
        raise SourceError(f"{block.source}: a block without content")
    size = block.end.bytes - block.start
    try:
        with block.path.open("rb") as file:
            file.seek(block.start)
            data = file.read(size)
    except OSError as error:
        raise SourceError(f"cannot read {block.path}: {error.strerror}") from error
    if len(data) != size or data.count(b"\n") + (not data.endswith(b"\n")) != block.count:
        raise SourceError(f"{block.path} changed while it was read")
    return data


def _skip(content: BinaryIO, start: Position, digest: hashlib.blake2b, path: Path) -> bytes:
    """Read up to a position; return the last byte before it."""
    left = start.bytes
    chunk = b""
    while left:
        chunk = read_some(content, min(READ_BYTES, left), path)
        if not chunk:
            raise SourceError(f"{path} became shorter while it was read")
        digest.update(chunk)
        left -= len(chunk)
    if start.bytes and digest.hexdigest() != start.digest:
        raise SourceError(f"{path} changed while it was read")
    return chunk[-1:]


def _whole(item: Input, content: BinaryIO, start: Position, digest: hashlib.blake2b, limit: int) -> Iterator[Block]:
    if start.messages:
        return
    data, size = b"", 0
    while chunk := read_some(content, READ_BYTES, item.path):
        digest.update(chunk)
        size += len(chunk)
        data += chunk[: max(0, limit + 1 - len(data))]
    yield Block(start.source, 0, 1, data, "file", 0, Position(start.source, 1, size, digest.hexdigest()))


class _Lines:
    """Gathers chunks into blocks of whole lines; of a line above the limit only its beginning is held."""

    def __init__(self, item: Input, start: Position, limit: int, block_bytes: int, plain: Path | None) -> None:
        self.path = item.path
        self.read_bytes = min(READ_BYTES, block_bytes)
        self._limit = limit
        self._block_bytes = block_bytes
        self._plain = plain
        self._source = start.source
        self._first, self.start = start.messages, start.bytes
        self._head = start.head
        self._parts: list[bytes] = []
        self._held = 0
        self._open = 0
        """Bytes held of the line that has not ended yet."""
        self._cut = False

    def full(self) -> bool:
        return self._held >= self._block_bytes

    def add(self, ended: bytes) -> None:
        """Take bytes up to and with the last line end of a chunk."""
        if self._open > self._limit:
            ended, self._cut = ended[ended.find(b"\n") :], True
        self._hold(ended)
        self._open = 0

    def add_open(self, rest: bytes) -> None:
        """Take bytes of a line that has not ended yet."""
        keep = rest[: max(0, self._limit + 1 - self._open)]
        self._cut = self._cut or len(keep) < len(rest)
        self._hold(keep)
        self._open += len(keep)

    def block(self, end: int, digest: str) -> Block | None:
        """Return what is held as a block that ends at byte `end`, and begin the next one."""
        data = b"".join(self._parts)
        if not data:
            return None
        count = data.count(b"\n") + (not data.endswith(b"\n"))
        self._head = self._head or head_of(data)
        position = Position(self._source, self._first + count, end, digest, self._head)
        path = None if self._cut else self._plain
        found = Block(self._source, self._first, count, data, "lines", self.start, position, path)
        self._first, self.start, self._parts, self._held, self._cut = position.messages, end, [], 0, False
        return found

    def _hold(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)


def _lines(held: _Lines, content: BinaryIO, digest: hashlib.blake2b, last: bytes) -> Iterator[Block]:
    at = held.start
    while chunk := read_some(content, held.read_bytes, held.path):
        if last not in {b"", b"\n"} and at == held.start and chunk.startswith(b"\n"):
            # The line end of the last message, which had none when it was consumed.
            digest.update(b"\n")
            at, held.start, chunk, last = at + 1, at + 1, chunk[1:], b"\n"
        cut = chunk.rfind(b"\n") + 1
        digest.update(chunk[:cut])
        if cut:
            held.add(chunk[:cut])
            if held.full():
                block = held.block(at + cut, digest.hexdigest())
                if block is not None:
                    yield block
        digest.update(chunk[cut:])
        held.add_open(chunk[cut:])
        at += len(chunk)
    block = held.block(at, digest.hexdigest())
    if block is not None:
        yield block

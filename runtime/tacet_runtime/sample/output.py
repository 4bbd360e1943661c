"""The file that a sample is written to: plain, `.gz` or `.zst`; the same bytes for the same messages."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Writable(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Writable]:
    """Open a file for writing, compressed as its name says. Raises OSError."""
    with path.open("wb") as file:
        match path.suffix:
            case ".gz":
                with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                    yield packed
            case ".zst":
                with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
                    yield packed
            case _:
                yield file

"""Seals: a data file carries the digest of its bytes in its name, so the table that names the file says what is in it.

The name is part of the commit, survives merges of tables' metadata and the expiry of snapshots, and costs no second file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_runtime.connectors.digest import HEX, Digest

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_READ_BYTES = 256 * 1024
_SEALED = re.compile(rf".+\.([0-9a-f]{{{HEX}}})\.parquet", re.ASCII | re.DOTALL)


class Sealing:
    """A file that is written from its beginning to its end, and hashed on the way. What Arrow asks of a file, and no more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = Digest()

    @property
    def closed(self) -> bool:
        """Tell whether the file is closed."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Write bytes; return how many."""
        self._digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def seal(self, path: Path) -> Path:
        """Rename the file, which was written as `path`, to its sealed name, and return that."""
        sealed = path.with_name(f"{path.stem}.{self._digest.text()}{path.suffix}")
        path.replace(sealed)
        return sealed


def broken(path: Path) -> bool:
    """Tell whether a sealed file's bytes are others than its name says; a file without a seal never is. Raises OSError."""
    found = _SEALED.fullmatch(path.name)
    if found is None:
        return False
    digest = Digest()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.text() != found[1]

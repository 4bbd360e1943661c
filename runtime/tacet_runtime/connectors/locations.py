"""LOCATIONS: a local path as Iceberg's metadata, SQLite's address and DuckDB's list of files have it, and back.

Iceberg's locations are texts: nobody who reads them decodes `%20`, so nothing is encoded in one, and a path that cannot
stand in one as it is cannot be a warehouse's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEME = "file://"
_CUT = {"#": "`#`", "?": "`?`", "\t": "a tab", "\n": "a line end", "\r": "a carriage return"}
"""What readers take for the end of a location's path, or leave out of it."""


class LocationError(Exception):
    """A path cannot stand in a location; the message names it."""


def location(path: Path) -> str:
    """Return the location of a local path, which may be relative. Raises LocationError."""
    whole = str(path.absolute())
    try:
        whole.encode()
    except UnicodeEncodeError as error:
        raise LocationError(f"{whole.encode(errors='surrogateescape')!r} is not UTF-8") from error
    for found in whole:
        if found in _CUT:
            raise LocationError(f"{whole!r} has {_CUT[found]} in it")
    return _SCHEME + whole


def sqlite_address(path: Path) -> str:
    """Return the address of a database's file; SQLAlchemy decodes it."""
    return f"sqlite:///{quote(str(path.absolute()))}"


def local_path(uri: str) -> Path:
    """Return the local path of a location."""
    return Path(uri.removeprefix(_SCHEME))


def is_below(uri: str, folder: Path) -> bool:
    """Tell whether a local location lies below a folder, by whatever links either is named; any other location does."""
    return not uri.startswith(_SCHEME) or local_path(uri).resolve().is_relative_to(folder.resolve())


def parquet_rows(paths: Iterable[Path], *, union_by_name: bool = False) -> str:
    """Return DuckDB's source of the rows of those files, and of no others: no pattern, no columns from folders' names."""
    names = ", ".join("'" + _PATTERN.sub(r"[\g<0>]", str(path)).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{names}], union_by_name = {union_by_name}, hive_partitioning = false)"


_PATTERN = re.compile(r"[*?[]")

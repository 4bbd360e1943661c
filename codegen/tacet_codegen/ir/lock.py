"""`released.lock`: what was released, byte for byte, and every Iceberg field id; ids are assigned once, never reused.

The file is JSON with sorted keys, one entry a line, so that two branches that both release something merge by hand.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tacet_codegen.ir.columns import paths
from tacet_codegen.ir.model import Lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.ir.columns import Column

NAME = "released.lock"
FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


class LockError(Exception):
    """The lock file is damaged; the message names the entry, `line` is where it stands (0: not known)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def parse_lock(data: bytes) -> Lock:
    """Read the file. Raises LockError when it is not what `render_lock` writes."""
    try:
        text = data.decode()
        document: Any = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise LockError(f"not JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise LockError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"format", "released", "ids"}:
        raise LockError("expected an object with `format`, `released` and `ids`")
    if document["format"] != FORMAT:
        raise LockError(f"format {str(document['format'])[:20]}, this program reads {FORMAT}")
    released, ids = document["released"], document["ids"]
    if not isinstance(released, dict) or not isinstance(ids, dict):
        raise LockError("`released` and `ids` are objects")
    for file, digest in released.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise LockError(f"entry `{file}` is no SHA-256 digest", _line(text, file))
    for table, columns in ids.items():
        _check_ids(table, columns, text)
    return Lock(released, ids)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an entry that stands twice, as after a merge that kept both sides."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"entry `{next(n for n in names if names.count(n) > 1)}` stands twice")
    return found


def _check_ids(table: str, columns: object, text: str) -> None:
    if not isinstance(columns, dict):
        raise LockError(f"entry `{table}` is no object", _line(text, table))
    owners: dict[int, str] = {}
    for path, number in columns.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**31:
            raise LockError(f"id of `{table}`, column `{path}`, is no positive number", _line(text, path))
        other = owners.setdefault(number, path)
        if other != path:
            raise LockError(f"id {number} of `{table}` stands for `{other}` and for `{path}`", _line(text, path))


def _line(text: str, key: str) -> int:
    at = text.find(json.dumps(key) + ":")
    return text.count("\n", 0, at) + 1 if at >= 0 else 0


def render_lock(lock: Lock) -> str:
    """Return the file's text: same lock, same bytes."""
    tables = {table: dict(sorted(columns.items(), key=lambda c: c[1])) for table, columns in sorted(lock.ids.items())}
    document = {"format": FORMAT, "released": dict(sorted(lock.released.items())), "ids": tables}
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def assign(lock: Lock, tables: Mapping[str, Iterable[Column]]) -> Lock:
    """Return the lock with an id for every column of every table; what has one keeps it, a new one is the next free."""
    ids = {table: dict(columns) for table, columns in lock.ids.items()}
    for table in sorted(tables):
        known = ids.setdefault(table, {})
        following = max(known.values(), default=0) + 1
        for column in tables[table]:
            for path in paths(column):
                if path not in known:
                    known[path] = following
                    following += 1
    return Lock(dict(lock.released), ids)


def release(lock: Lock, digests: Mapping[str, str]) -> Lock:
    """Return the lock with the digests of files that were released since."""
    return Lock({**digests, **lock.released}, lock.ids)

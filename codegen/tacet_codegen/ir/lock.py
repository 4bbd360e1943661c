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
    """The lock file is damaged; the message says where."""


def parse_lock(data: bytes) -> Lock:
    """Read the file. Raises LockError when it is not what `render` writes."""
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LockError(f"not JSON: {error}") from error
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or set(document) != {"format", "released", "ids"}
    ):
        raise LockError(f"expected an object with `format` {FORMAT}, `released` and `ids`")
    released, ids = document["released"], document["ids"]
    if not isinstance(released, dict) or not all(
        isinstance(d, str) and _DIGEST.fullmatch(d) for d in released.values()
    ):
        raise LockError("`released` holds something else than SHA-256 digests")
    if not isinstance(ids, dict) or not all(_numbered(columns) for columns in ids.values()):
        raise LockError("`ids` holds an id that is no positive number, or stands twice in one table")
    return Lock(released, ids)


def _numbered(columns: object) -> bool:
    if not isinstance(columns, dict):
        return False
    numbers = list(columns.values())
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**31 for n in numbers)
    return whole and len(set(numbers)) == len(numbers)


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

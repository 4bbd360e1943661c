"""LOCKING: one process owns a job's warehouse; the lock file is held by the kernel."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacet_runtime.connectors.iceberg import location_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Busy(Exception):  # noqa: N818
    """Another process owns this job's warehouse."""


@contextmanager
def owned(root: Path, job: str, *, reads: bool = False) -> Iterator[None]:
    """Hold the lock of a job in a warehouse; the kernel lets go of it when the process ends. Raises Busy, TableError.

    Who only `reads` may do so where nothing can be written: with the lock that is there, or with none, for nobody runs there.
    """
    location_of(root)
    lock, kind = _lock(root.absolute() / "locks" / f"{job}.lock", reads=reads)
    if lock is None:
        yield
        return
    try:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another process runs {job} in {root}: wait for it, or use another warehouse") from error
        yield
    finally:
        os.close(lock)


def _lock(path: Path, *, reads: bool) -> tuple[int | None, int]:
    """Open a lock file; return it, None where there can be none, and how it can be held."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), fcntl.LOCK_EX
    except OSError as error:
        if not reads or error.errno not in {errno.EROFS, errno.EACCES}:
            raise
        if path.exists():
            return os.open(path, os.O_RDONLY), fcntl.LOCK_SH
        if error.errno == errno.EACCES:
            raise
        return None, fcntl.LOCK_SH

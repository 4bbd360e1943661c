"""PROCESS: what a process that works on batch after batch asks of its allocators. It is called before what is heavy is imported."""

from __future__ import annotations

import ctypes
import gc
import os

_TRIM, _TOP_PAD, _MMAP = -1, -2, -3
"""Names of `mallopt`, glibc's malloc.h."""
_MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": (_TRIM, 2**31 - 1),
    "MALLOC_TOP_PAD_": (_TOP_PAD, 64 * 1024 * 1024),
    "MALLOC_MMAP_THRESHOLD_": (_MMAP, 32 * 1024 * 1024),
}
_FAST = 1
"""The largest of the blocks that are kept apart when freed, `M_MXFAST`: each large block that is freed clears them out again."""
_PURGE_MILLISECONDS = "1000"
_GARBAGE = (1_000_000, 10, 10)


def steady() -> None:
    """Keep memory between batches, and look for garbage rarely.

    What a batch frees the next one needs: given back, the system zeroes it page by page again (a quarter of the time of
    the service). Messages are objects that cannot refer to each other: to walk over all of them at every 700 finds nothing.
    What the environment says of an allocator holds.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", _PURGE_MILLISECONDS)  # Arrow's, read when its library is loaded
    gc.set_threshold(*_GARBAGE)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_FAST, 0)
    for name, (option, value) in _MALLOC.items():
        if name not in os.environ:
            mallopt(option, value)


def settled() -> None:
    """Leave what is there when work begins out of every later search for garbage: it stays until the end."""
    gc.freeze()


def swept() -> None:
    """Free what refers to itself in circles, as catalogs and exceptions do; called when little is alive."""
    gc.collect()

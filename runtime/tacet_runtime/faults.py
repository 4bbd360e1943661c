"""Points where a test may stop the process: `TACET_FAIL_AT=S4:after[:n]`, the n-th time it comes by.

`TACET_FAIL_HOW` says how: `kill` (as `kill -9`, the default), `raise`, `hang` or `full` (as a full disk). Nothing happens without the first
variable. The points are those of the commit protocols (`exactly_once.py`, and for the service `service/protocol.py`).
"""

from __future__ import annotations

import errno
import os
import signal
import time

POINTS = (
    "S1:after", "S2:before", "S2:after", "S3:after", "S4:before", "S4:after",
    "S5:before-ledger", "S5:after-ledger", "S8:before-raw", "S8:after-raw", "S8:before-derived", "S8:after-derived",
    "S8:before-rejects", "S8:after-rejects", "S8:before-metrics", "S8:after-metrics", "S9:before", "S9:after",
)  # fmt: skip
"""Every point of one commit, in the order in which they are passed."""
_SEEN: dict[str, int] = {}


class Planned(Exception):  # noqa: N818
    """A fault that the environment asked for."""


def point(name: str) -> None:
    """Stop the process here when the environment asks for it."""
    wanted = os.environ.get("TACET_FAIL_AT")
    if not wanted:
        return
    step, _, count = wanted.rpartition(":") if wanted.count(":") == 2 else (wanted, "", "1")
    if step != name:
        return
    _SEEN[name] = _SEEN.get(name, 0) + 1
    if _SEEN[name] != int(count):
        return
    match os.environ.get("TACET_FAIL_HOW", "kill"):
        case "raise":
            raise Planned(f"planned fault at {name}")
        case "hang":
            time.sleep(3_600)
        case "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case _:
            os.kill(os.getpid(), signal.SIGKILL)

"""Points where a test may stop the process: `TACET_FAIL_AT=S4:after[:n]`, the n-th time it comes by.

`TACET_FAIL_HOW` says how: `kill` (as `kill -9`, the default), `raise`, `hang` or `full` (as a full disk). Nothing happens without the first
variable. The points are those of the commit protocols (`exactly_once.py`, and for the service `service/protocol.py`).
"""

from __future__ import annotations

import errno
import os
import re
import signal
import time

POINTS = (
    "S1:after", "S2:before", "S2:after", "S3:after", "S4:before", "S4:after",
    "S5:before-ledger", "S5:after-ledger", "S8:before-raw", "S8:after-raw", "S8:before-derived", "S8:after-derived",
    "S8:before-rejects", "S8:after-rejects", "S8:before-metrics", "S8:after-metrics", "S9:before", "S9:after",
)  # fmt: skip
"""Every point of one commit, in the order in which they are passed."""
ELSEWHERE = (
    "M1:before", "M1:after", "M2:before",
    "S0:after-fence", "S3:within", "S5:within", "S5:after", "S6:after", "S7:before", "S7:after", "S8:before-ledger", "S8:after-ledger",
)  # fmt: skip
"""The points of maintenance, and those that a service has beside the ones above."""
HOW = ("kill", "raise", "hang", "full")
_SEEN: dict[str, int] = {}


class Planned(Exception):  # noqa: N818
    """A fault that the environment asked for."""


class UnknownPoint(ValueError):  # noqa: N818
    """The environment asks for a fault that no code passes: a drill that would prove nothing."""


def point(name: str) -> None:
    """Stop the process here when the environment asks for it. Raises UnknownPoint when it asks for what there is not."""
    asked = wanted()
    if asked is None or asked[0] != name:
        return
    _, count, how = asked
    _SEEN[name] = _SEEN.get(name, 0) + 1
    if _SEEN[name] != count:
        return
    match how:
        case "raise":
            raise Planned(f"planned fault at {name}")
        case "hang":
            time.sleep(3_600)
        case "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case _:
            os.kill(os.getpid(), signal.SIGKILL)


def wanted() -> tuple[str, int, str] | None:
    """Return the point, the how-manieth time and how that the environment asks for. Raises UnknownPoint."""
    text = os.environ.get("TACET_FAIL_AT")
    if not text:
        return None
    how = os.environ.get("TACET_FAIL_HOW", "kill")
    step, _, count = text.rpartition(":") if text.count(":") == 2 else (text, "", "1")
    if step not in (*POINTS, *ELSEWHERE):
        known = ", ".join((*POINTS, *ELSEWHERE))
        raise UnknownPoint(f"TACET_FAIL_AT `{text[:80]}` is none of {known}, nor one of them and `:n`")
    if not re.fullmatch("[1-9][0-9]{0,8}", count):
        raise UnknownPoint(f"TACET_FAIL_AT `{text[:80]}`: what follows `{step}` is which time, from 1")
    if how not in HOW:
        raise UnknownPoint(f"TACET_FAIL_HOW `{how[:80]}` is none of {', '.join(HOW)}")
    return step, int(count), how


def missed() -> str | None:
    """Return the point that was asked for and not come by so often: this drill proved nothing."""
    asked = wanted()
    return None if asked is None or _SEEN.get(asked[0], 0) >= asked[1] else f"{asked[0]}:{asked[1]}"

"""The service's log: one JSON object a line. It tells numbers, names and reasons, never a value of a field."""

from __future__ import annotations

import datetime as dt
import json
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.service.observe import Committed

CUT = 1_024
"""Characters of a text: enough for a reason with its way out."""


class Log:
    """An `Observer` that writes lines."""

    def __init__(self, out: IO[str], **every: str) -> None:
        """Write to `out`; `every` line has these keys too."""
        self._out = out
        self._every = every

    def started(self, name: str, seq: int) -> None:
        """Tell of a start."""
        self.line("info", "started", shard=name, commit=seq)

    def committed(self, what: Committed) -> None:
        """Tell of a transaction."""
        counts = what.counts
        self.line(
            "info", "committed", commit=what.seq, messages=counts.messages, emitted=counts.emitted_parents,
            rejected=counts.rejected, filtered=counts.filtered, skipped=counts.skipped, rows=counts.emitted_rows,
            seconds=round(sum(what.seconds.values()), 3), lag=sum(what.lag.values()),
            steps={step: round(took, 3) for step, took in what.seconds.items()},
        )  # fmt: skip

    def applied(self, seq: int, seconds: float) -> None:
        """Tell of a commit of the tables."""
        self.line("info", "tables", commit=seq, seconds=round(seconds, 3))

    def lookup(self, name: str, snapshot: str) -> None:
        """Tell of reference data that is used from now on."""
        self.line("info", "lookup", lookup=name, snapshot=snapshot)

    def idle(self, lag: Mapping[int, int]) -> None:
        """Tell nothing: it is so all night."""

    def alarm(self, what: str) -> None:
        """Tell what hinders."""
        self.line("warning", "alarm", why=what)

    def line(self, level: str, event: str, **values: Any) -> None:
        """Write one line; text is cut, and a closed output is no reason to stop."""
        moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document = {"time": moment, "level": level, "event": event, **self._every, **values}
        cut = {key: value[:CUT] if isinstance(value, str) else value for key, value in document.items()}
        try:
            self._out.write(json.dumps(cut) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            return

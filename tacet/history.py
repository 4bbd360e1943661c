"""What the verbs that change history share: their span of time, and their results."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tacet.console import Usage

if TYPE_CHECKING:
    from tacet_runtime.reconsider import Audit


def audited(audit: Audit) -> dict[str, object]:
    """Return an audit as a JSON document."""
    cells = [{"column": c, "producer": p, "cells": n} for (c, p), n in sorted(audit.cells.items())]
    return {
        "messages": audit.messages,
        "changed": audit.changed,
        "rows_added": audit.rows_added,
        "rows_removed": audit.rows_removed,
        "rows_changed": audit.rows_changed,
        "cells_changed": cells,
        "lookups_changed": [
            {"lookup": name, "recorded": recorded, "used": used, "messages": n}
            for (name, recorded, used), n in sorted(audit.lookups.items())
        ],
    }


def span(first: str, last: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the points in time of `--from` and `--to`. Raises Usage unless the first is before the last."""
    start, end = _moment("--from", first), _moment("--to", last)
    if start >= end:
        raise Usage(f"--to `{last}` is not after --from `{first}`")
    return start, end


def _moment(option: str, text: str) -> dt.datetime:
    try:
        value = dt.datetime.fromisoformat(text)
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Usage(f"{option} `{text}` is no ISO 8601 date or time") from error

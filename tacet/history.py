"""What the verbs that change history share: their event times, and their results."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tacet.console import Usage, message
from tacet.results import late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.history import Times
    from tacet_runtime.reconsider import Audit
    from tacet_runtime.view import Scope

FROM = "Event time, ISO 8601, UTC without an offset; included."
TO = "Event time; excluded, but for 9999-12-31T23:59:59.999999."
NO_EVENT_TIME = "Messages without a valid event time, which no span covers; alone, or with --from and --to."


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
        **unreached(audit.scope),
    }


def rows_changed(audit: Audit) -> str:
    """Say how many rows were changed; nothing when no message was."""
    if not audit.changed:
        return ""
    return f"{audit.rows_added} rows added, {audit.rows_removed} removed, {audit.rows_changed} changed"


def unreached(scope: Scope) -> dict[str, object]:
    """Return what a change did not reach, for a JSON document."""
    return {
        "waiting": late(scope.left_out),
        "no_event_time": scope.no_event_time,
        "topics_unchanged": list(scope.topics),
    }


def tell_unreached(scope: Scope, changed: str) -> None:
    """Say what a change did not reach: commits that wait for a table, rows without an event time, and the topics when anything was `changed`."""
    for one in scope.left_out:
        message(
            f"{one} are not in every table yet and were left out: run the same command again when the service has brought them "
            "there"
        )
    if scope.no_event_time:
        message(
            f"{scope.no_event_time} messages have rows without a valid event time, which no span covers, and were left out: "
            "--no-event-time takes them"
        )
    if changed and scope.topics:
        message(f"{changed}, in the tables only: {only(scope.topics)}")


def only(topics: Sequence[str]) -> str:
    """Say that topics stay as they are."""
    several = len(topics) > 1
    return f"{'topics' if several else 'topic'} {', '.join(topics)} {'keep' if several else 'keeps'} what was sent"


def times(first: str | None, last: str | None, *, none: bool) -> Times:
    """Return which event times `--from`, `--to` and `--no-event-time` name. Raises Usage for none, or half a span."""
    from tacet_runtime.history import Times

    if first is not None and last is not None:
        return Times(_span(first, last), none)
    if first is None and last is None and none:
        return Times(none=True)
    raise Usage(
        "which messages? Those of a span with '--from' and '--to', those without event time with '--no-event-time'"
    )


def _span(first: str, last: str) -> tuple[dt.datetime, dt.datetime]:
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

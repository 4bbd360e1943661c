"""What the verbs that change history share: their results, and what can fail outside."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacet.console import Outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    }


@contextmanager
def outside(warehouse: Path) -> Iterator[None]:
    """Turn what fails outside into a message and exit status 3."""
    import duckdb

    from tacet_runtime.connectors.iceberg import TableError
    from tacet_runtime.connectors.lookups import LookupError_
    from tacet_runtime.exactly_once import Busy, Gap
    from tacet_runtime.history import NotKept

    if not (warehouse / "catalog.db").exists():
        raise Outside(f"there is no warehouse in {warehouse}")
    try:
        yield
    except (LookupError_, TableError, Busy, Gap, NotKept, duckdb.Error) as error:
        raise Outside(str(error)) from error
    except OSError as error:
        raise Outside(
            f"{error.strerror or error}: {error.filename or warehouse}; nothing half-done is in the tables"
        ) from error

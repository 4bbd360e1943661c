"""RELABEL: judge one field's missing values again, after an omission was declared for what is past.

Only the verdicts of that field change, on the raw row and on derived fields that take it over; only files that hold
such a row are written anew, and every table gets them in one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.connectors.parquet import write_files
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.exactly_once import Warehouse
from tacet_runtime.history import NotKept, archived, reached
from tacet_runtime.locking import owned
from tacet_runtime.reconsider import groups_of, widened
from tacet_runtime.view import look

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.catalog import Catalog

    from tacet_runtime.batch import Role
    from tacet_runtime.connectors.parquet import Finished
    from tacet_runtime.history import Times
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.view import Scope, View

Place: TypeAlias = tuple[str, int, int, int | None]
"""Source, partition, offset, index."""
_PLACE = ("_source", "_partition", "_offset", "_index")
Verdicts: TypeAlias = dict[str, dict[Place, dict[str, str]]]
"""Role -> row -> field -> verdict now."""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What was changed."""

    rows: dict[str, int]
    """By table role."""
    scope: Scope


def relabel(
    plan: Plan,
    root: Path,
    warehouse: Path,
    field: str,
    times: Times,
    catalog: Catalog | None = None,
) -> Relabelled:
    """Judge `field` again for rows of messages of these event times.

    Raises NotKept when the raw archive has no payloads.
    """
    if not plan.source.keep_payload:
        raise NotKept(f"{plan.source.event} keeps no payloads: there is nothing to judge again")
    with owned(warehouse, plan.job):
        store = Warehouse(plan, warehouse, catalog)
        store.open()
        names: dict[Role, set[str]] = {"raw": {field}, "derived": _heirs(plan, field)}
        view = look(store)
        verdicts = _verdicts(view, root, names, times)
        scope = reached(view, times)
        changed: dict[str, int] = dict.fromkeys(names, 0)
        files: list[Finished] = []
        removed: list[tuple[str, str]] = []
        with store.tidied(), store.folder() as folder:
            for role, fields in names.items():
                for number, path in enumerate(view.paths(role)):
                    rows, count = _relabelled(pq.read_table(path), fields, verdicts[role])
                    if count:
                        changed[role] += count
                        removed.append((role, str(path)))
                        table = store.tables[role]
                        files += write_files(widened(rows, table), table, folder, f"label-{number}")
            if removed:
                store.commit(store.seq() + 1, folder, files, (), removed)
        return Relabelled(changed, scope)


def _heirs(plan: Plan, field: str) -> set[str]:
    """Return the derived fields that take over a raw field, with its verdict."""
    fields = plan.derived.fields if plan.derived else ()
    return {f.name for f in fields if f.taken_over and f.inputs == (field,)}


def _verdicts(view: View, root: Path, names: dict[Role, set[str]], times: Times) -> Verdicts:
    store = view.store
    lookups = load_lookups(store.plan, root, store.catalog, archive=store.root / "lookups")
    processor = make_processor("embedded", store.plan, lookups)
    found: Verdicts = {role: {} for role in names}
    for group in groups_of(view, archived(view, times)):
        offsets = pa.array(np.array(group.offsets, dtype=np.int64))
        batch = Batch(group.source, group.partition, offsets, pa.array(group.contents, pa.large_binary()))
        outcome = processor.process(batch)
        for role, fields in names.items():
            columns = outcome.tables[role].select([*_PLACE, "_absences"])
            for row in columns.to_pylist():
                absences = dict(row["_absences"])
                found[role][row["_source"], row["_partition"], row["_offset"], row["_index"]] = {
                    name: absences[name] for name in fields if name in absences
                }
    return found


def _relabelled(rows: pa.Table, fields: set[str], verdicts: dict[Place, dict[str, str]]) -> tuple[pa.Table, int]:
    places = zip(*(rows.column(name).to_pylist() for name in _PLACE), strict=True)
    new: list[list[tuple[str, str]]] = []
    changed = 0
    for place, absences in zip(places, rows.column("_absences").to_pylist(), strict=True):
        now: dict[str, Any] = dict(absences)
        for name, verdict in verdicts.get(place, {}).items():
            if name in fields and name in now:
                now[name] = verdict
        changed += list(now.items()) != absences
        new.append(list(now.items()))
    at = rows.column_names.index("_absences")
    return rows.set_column(at, rows.schema.field(at), pa.array(new, rows.schema.field(at).type)), changed

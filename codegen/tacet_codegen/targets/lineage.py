"""Column lineage as OpenLineage facets (ColumnLineageDatasetFacet 1-2-0): DIRECT from derivations, INDIRECT from filters and joins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tacet_codegen.ir.columns import derived_table, raw_table
from tacet_codegen.targets.base import Artifact, contract_path
from tacet_runtime.plan.expressions import Column
from tacet_runtime.plan.walk import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.ir.model import DerivedEvent, DerivedField
    from tacet_codegen.targets.base import Compilation

SCHEMA = "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json"
PRODUCER = "urn:tacet:tacet-contracts"
NAMESPACE = "iceberg"


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one facet for each version of each derived event."""
    for event in compilation.repository.derived_events:
        text = json.dumps(facet(event), indent=1, ensure_ascii=True) + "\n"
        yield Artifact(contract_path("lineage", event.header, ".json"), text)


def facet(event: DerivedEvent) -> dict[str, Any]:
    """Return the output dataset's name with its column lineage."""
    fields = {field.name: _field(event, field) for field in event.fields}
    return {
        "namespace": NAMESPACE,
        "name": derived_table(event),
        "facets": {
            "columnLineage": {
                "_producer": PRODUCER,
                "_schemaURL": SCHEMA,
                "fields": fields,
                "dataset": _dataset_inputs(event),
            }
        },
    }


def _field(event: DerivedEvent, field: DerivedField) -> dict[str, Any]:
    subtype = "IDENTITY" if isinstance(field.value, Column) else "TRANSFORMATION"
    inputs = [_input(event, name, "DIRECT", subtype) for name in field.inputs]
    corrected = [c for c in event.corrections for a in c.set if a.field in field.inputs]
    for correction in corrections_once(corrected):
        sources = columns(correction.when) + tuple(n for a in correction.set for n in columns(a.value))
        inputs += [_input(event, name, "INDIRECT", "CONDITIONAL") for name in dict.fromkeys(sources)]
    return {"inputFields": inputs}


def corrections_once(found: list[Any]) -> list[Any]:
    """Drop repeats, in order."""
    return list({correction.name: correction for correction in found}.values())


def _dataset_inputs(event: DerivedEvent) -> list[dict[str, Any]]:
    found = [_input(event, n, "INDIRECT", "FILTER") for one in event.filters for n in columns(one.drop_when)]
    for lookup in event.lookups:
        for column, field in lookup.on:
            found.append(_input(event, field, "INDIRECT", "JOIN"))
            found.append(_input(event, f"{lookup.name}.{column}", "INDIRECT", "JOIN"))
    return found


def _input(event: DerivedEvent, name: str, kind: str, subtype: str) -> dict[str, Any]:
    lookup, dot, column = name.partition(".")
    transformation = {"type": kind, "subtype": subtype}
    if not dot:
        return {
            "namespace": NAMESPACE,
            "name": raw_table(event.raw),
            "field": name,
            "transformations": [transformation],
        }
    table = next(one.table for one in event.lookups if one.name == lookup)
    return {
        "namespace": table.source.kind,
        "name": table.source.location,
        "field": column,
        "transformations": [transformation],
    }

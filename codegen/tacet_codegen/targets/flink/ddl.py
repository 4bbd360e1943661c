"""Flink SQL: the row type of decoded events, the tables, and the derivation as one query. Executed by the Flink engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.ir.columns import derived_columns, raw_columns
from tacet_codegen.targets.base import Artifact, contract_path
from tacet_codegen.targets.flink.expressions import render
from tacet_codegen.targets.flink.literals import identifier, string, type_name
from tacet_runtime.plan.expressions import Column as Name
from tacet_runtime.plan.expressions import PathValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tacet_codegen.ir.columns import Column
    from tacet_codegen.ir.model import Correction, DerivedEvent, Header
    from tacet_codegen.targets.base import Compilation


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield a table for each version of each event, and the derivation of each derived event."""
    for event in compilation.repository.raw_events:
        text = create_table(event.header, raw_columns(event))
        yield Artifact(contract_path("flink", event.header, ".sql"), text)
    for item in compilation.repository.derived_events:
        text = create_table(item.header, derived_columns(item)) + "\n" + derivation(item)
        yield Artifact(contract_path("flink", item.header, ".sql"), text)


def row_type(columns: Sequence[Column]) -> str:
    """Return the ROW type of a table's columns."""
    return "ROW<" + ", ".join(f"{identifier(c.name)} {_type(c)}" for c in columns) + ">"


def _type(column: Column) -> str:
    return f"{type_name(column.type)}{' NOT NULL' if column.required else ''}"


def create_table(header: Header, columns: Sequence[Column]) -> str:
    """Return the table's DDL; where it is stored is the island's business."""
    lines = ",\n".join(f"  {identifier(c.name)} {_type(c)}" for c in columns)
    comment = f"\nCOMMENT {string(header.doc)}" if header.doc else ""
    name = f"{identifier(header.namespace)}.{identifier(header.name)}"
    return f"CREATE TABLE {name} (\n{lines}\n){comment};\n"


def derivation(event: DerivedEvent) -> str:
    """Return the view of a derived event over its raw event: filters, corrections in order, lookups, fields."""
    raw = event.raw.header
    names = [field.name for field in event.raw.fields]
    sql = f"SELECT {', '.join(map(identifier, names))} FROM {identifier(raw.namespace)}.{identifier(raw.name)}"
    drops = [f"({render(f.drop_when, _raw)}) IS NOT TRUE" for f in event.filters]
    if drops:
        sql += f"\nWHERE {' AND '.join(drops)}"
    for correction in event.corrections:
        sql = _corrected(sql, correction, names)
    joins = ""
    for lookup in event.lookups:
        table = lookup.table.header
        own = identifier(lookup.name)
        on = " AND ".join(f"{own}.{identifier(column)} = `r`.{identifier(field)}" for column, field in lookup.on)
        kind = "INNER" if lookup.on_miss == "reject" else "LEFT"
        joins += f"\n{kind} JOIN {identifier(table.namespace)}.{identifier(table.name)} AS {own} ON {on}"
    fields = ",\n".join(f"  {render(f.value, _joined)} AS {identifier(f.name)}" for f in event.fields)
    name = f"{identifier(event.header.namespace)}.{identifier(event.header.name + '_values')}"
    return f"CREATE VIEW {name} AS\nSELECT\n{fields}\nFROM (\n{sql}\n) AS `r`{joins};\n"


def _raw(column: Name | PathValue) -> str:
    return identifier(column.name) if isinstance(column, Name) else "NULL"


def _joined(column: Name | PathValue) -> str:
    if isinstance(column, PathValue):
        return "NULL"
    lookup, dot, name = column.name.partition(".")
    return f"{identifier(lookup)}.{identifier(name)}" if dot else f"`r`.{identifier(column.name)}"


def _corrected(sql: str, correction: Correction, names: Sequence[str]) -> str:
    values = {a.field: render(a.value, _raw) for a in correction.set}
    when = render(correction.when, _raw)
    columns = [
        f"CASE WHEN ({when}) IS TRUE THEN {values[name]} ELSE {identifier(name)} END AS {identifier(name)}"
        if name in values
        else identifier(name)
        for name in names
    ]
    return f"SELECT {', '.join(columns)}\nFROM (\n{sql}\n)"

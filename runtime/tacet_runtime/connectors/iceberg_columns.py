"""COLUMNS: a plan's columns and those that a table has already, brought together. A column is known by the name it was made with.

A table keeps the ids that it has: a draft that was run before `tacet build` had others than `released.lock` gave it later.
What is new gets the plan's id, or the next free one where that is taken. Types only widen, and older columns stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from pyiceberg.schema import Schema
from pyiceberg.types import DecimalType, DoubleType, FloatType, IntegerType, ListType, LongType, MapType, NestedField
from pyiceberg.types import StructType as Struct

from tacet_runtime.connectors.iceberg_types import iceberg_schema

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from tacet_runtime.plan.model import SinkTable

_WIDER = ((IntegerType(), LongType()), (FloatType(), DoubleType()))


class ColumnError(Exception):
    """A table's column is not the plan's; the message says what to do."""


def numbered(table: Table, sink: SinkTable) -> SinkTable:
    """Return the sink with the ids that its columns, and what is nested in them, have or get in the table.

    Raises ColumnError when a column was renamed by hand: only who did it knows whose values are whose.
    """
    there, ever = _names(table.schema()), made(table)
    numbers = {name: number for number, name in ever.items()}
    planned = _names(iceberg_schema(sink))
    following = max(table.metadata.last_column_id, *planned.values()) + 1
    ids: dict[int, int] = {}
    for name, wanted in planned.items():
        found = there.get(name, numbers.get(name))
        if found is None:
            found, following = (following, following + 1) if wanted in ever else (wanted, following)
        elif found != wanted and ever[found] != name:
            raise ColumnError(f"column `{name}` was `{ever[found]}` when it was made: {_back(ever[found])}")
        elif name not in there and found in there.values():
            called = next(other for other, number in there.items() if number == found)
            raise ColumnError(f"column `{name}` (id {found}) is called `{called}`: {_back(name)}")
        ids[wanted] = found
    columns = (replace(c, id=ids[c.id], nested_ids=tuple(ids[number] for number in c.nested_ids)) for c in sink.columns)
    return replace(sink, columns=tuple(columns))


def made(table: Table) -> dict[int, str]:
    """Return the name that each column, and each part of one, was made with."""
    found: dict[int, str] = {}
    for _, schema in sorted(table.schemas().items()):
        for name, number in _names(schema).items():
            found.setdefault(number, name)
    return found


def _names(schema: Schema) -> dict[str, int]:
    """Return the id of every column and of every part of one, by its whole name, smallest id first."""
    return {schema.find_column_name(number) or "": number for number in sorted(set(schema.field_ids))}


def _back(name: str) -> str:
    return f"rename it back to `{name}`, or give the table another name"


def widened(table: Table, sink: SinkTable) -> Schema | None:
    """Return the schema that has a numbered sink's columns, too, or None when the table's is enough. Raises ColumnError."""
    current = table.schema()
    fields = {field.field_id: field for field in current.fields}
    for field in iceberg_schema(sink).fields:
        old = fields.get(field.field_id)
        form = field.field_type if old is None else _wider(old.field_type, field.field_type)
        if old is not None and form is None:
            raise ColumnError(
                f"column `{field.name}` is {old.field_type}, the contract says {field.field_type}: give the new form a new name, "
                "or the table another one"
            )
        required = field.required and old is not None and old.required
        fields[field.field_id] = NestedField(field.field_id, field.name, form or field.field_type, required=required)
    found = Schema(*fields.values(), schema_id=max(table.schemas()) + 1)
    return None if found.as_struct() == current.as_struct() else found


def _wider(old: IcebergType, new: IcebergType) -> IcebergType | None:
    """Return the type that holds the values of both, or None."""
    if old == new:
        return old
    match old, new:
        case DecimalType(), DecimalType():
            return max(old, new, key=lambda form: form.precision) if old.scale == new.scale else None
        case ListType(), ListType():
            element = _wider(old.element_type, new.element_type)
            return element and ListType(old.element_id, element, element_required=old.element_required)
        case MapType(), MapType():
            value = _wider(old.value_type, new.value_type)
            return value and MapType(old.key_id, old.key_type, old.value_id, value, value_required=old.value_required)
        case Struct(), Struct():
            return _wider_struct(old, new)
        case _:
            return next((wide for pair in _WIDER for wide in pair[1:] if {old, new} == set(pair)), None)


def _wider_struct(old: Struct, new: Struct) -> Struct | None:
    members = {member.field_id: member for member in old.fields}
    for member in new.fields:
        before = members.get(member.field_id)
        form = member.field_type if before is None else _wider(before.field_type, member.field_type)
        if form is None:
            return None
        members[member.field_id] = NestedField(member.field_id, member.name, form, required=False)
    return Struct(*members.values())

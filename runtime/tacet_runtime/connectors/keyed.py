"""Reference data by key, columns kept as Arrow has them: a row becomes Python's only when it is asked for.

What could not be joined with is refused first, by row and column: a key that is NULL or stands twice, a value that is
required and missing, a number or moment that no event could hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.connectors.arrow import python_value, python_values
from tacet_runtime.plan import types as t
from tacet_runtime.steps.constraints import demands
from tacet_runtime.steps.typing import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.model import Lookup, TableColumn

Key = tuple[Any, ...]
_DAYS = -719_162, 2_932_896
_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""First and last day, and moment, of the years 1 to 9999, from 1970."""


class LookupError_(Exception):  # noqa: N801, N818  (the builtin has the good name)
    """Reference data cannot be read or is wrong; the message says where."""


class Keyed(Mapping[Key, Mapping[str, Any]]):
    """Rows by key: key values in the lookup's order -> column -> value."""

    def __init__(self, lookup: Lookup, table: pa.Table) -> None:
        self._columns = [(c.name, c.type, table.column(c.name)) for c in lookup.columns]
        self._at = {key: at for at, key in enumerate(_keys(lookup, table))}

    def __getitem__(self, key: Key) -> Mapping[str, Any]:
        at = self._at[key]
        return {name: python_value(column[at].as_py(), type_) for name, type_, column in self._columns}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)


def keyed(lookup: Lookup, table: pa.Table, source: str, first: int) -> Keyed:
    """Return the rows by key; messages name the `source`, whose rows are numbered from `first`. Raises LookupError_."""
    place = f"lookup `{lookup.name}`: {source}"
    parts = {key.column for key in lookup.keys}
    for column in lookup.columns:
        values = table.column(column.name)
        _possible(f"{place}, column `{column.name}`", column, values)
        _demanded(place, column, values, first)
        if not values.null_count or not (column.required or column.name in parts):
            continue
        row = pc.index(pc.is_null(values), value=True).as_py() + first
        why = "which is part of the key" if column.name in parts else "which is required"
        raise LookupError_(f"{place}, row {row} has no `{column.name}`, {why}")
    rows = Keyed(lookup, table)
    if len(rows) != table.num_rows:
        _twice(place, lookup, table, first)
    return rows


def _keys(lookup: Lookup, table: pa.Table) -> Iterator[Key]:
    types = {c.name: c.type for c in lookup.columns}
    columns = [python_values(table.column(k.column), types[k.column]) for k in lookup.keys]
    return zip(*columns, strict=True)


def _twice(place: str, lookup: Lookup, table: pa.Table, first: int) -> None:
    seen: dict[Key, int] = {}
    for at, key in enumerate(_keys(lookup, table)):
        if key in seen:
            shown = ", ".join(repr(str(part))[:80] for part in key)
            both = f"rows {seen[key] + first} and {at + first}"
            raise LookupError_(f"{place}: key {shown} stands twice, in {both}: every event with it would be doubled")
        seen[key] = at


def _possible(place: str, column: TableColumn, values: pa.ChunkedArray) -> None:
    """Refuse what only Arrow can hold: year 10000, NaN."""
    match column.type:
        case t.FloatType() | t.DoubleType():
            if not pc.all(pc.is_finite(values), skip_nulls=True).as_py() and len(values) > values.null_count:
                raise LookupError_(f"{place} has a number that is not finite")
        case t.DateType():
            _bounded(place, values.cast(pa.int32()), _DAYS)
        case t.TimestampType() | t.TimestamptzType():
            _bounded(place, values.cast(pa.int64()), _MICROS)
        case t.ListType() | t.MapType() | t.StructType():
            _nested(place, column, values)
        case _:
            return


def _demanded(place: str, column: TableColumn, values: pa.ChunkedArray, first: int) -> None:
    """Refuse the first value that is not `one_of`, out of `range`, or does not match the `pattern` of its contract."""
    checks = demands(column)
    if not checks:
        return
    for at, value in enumerate(python_values(values, column.type)):
        try:
            for check in checks if value is not None else ():
                check(value)
        except Wrong as wrong:
            row = f"{place}, row {at + first}, column `{column.name}`"
            raise LookupError_(f"{row}: `{str(value)[:80]}` is invalid ({wrong.reason})") from wrong


def _bounded(place: str, values: pa.ChunkedArray, limits: tuple[int, int]) -> None:
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is not None and (low < limits[0] or high > limits[1]):
        raise LookupError_(f"{place} has a day outside the years 1 to 9999")


def _nested(place: str, column: TableColumn, values: pa.ChunkedArray) -> None:
    try:
        for value in values:
            python_value(value.as_py(), column.type)
    except (ValueError, OverflowError) as error:
        raise LookupError_(f"{place}: {error}") from error

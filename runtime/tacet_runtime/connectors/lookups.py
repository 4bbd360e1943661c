"""Reference data -> rows by key, read once at a snapshot: Parquet or CSV by their digest, Iceberg by its snapshot id.

Wrong data is refused with file, row and column, before a single event is joined with it: a duplicate key would
multiply rows, a NULL key could never match.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tacet_runtime.connectors.arrow import arrow_array, arrow_type
from tacet_runtime.connectors.keyed import LookupError_, keyed
from tacet_runtime.plan import types as t
from tacet_runtime.steps.typing import Wrong, typer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from tacet_runtime.plan.model import Lookup, Plan, TableColumn
    from tacet_runtime.plan.types import Type

__all__ = ["LookupError_", "LookupTable", "kept", "load_lookup", "load_lookups", "snapshot_of"]

_NO_LIMIT = 1 << 40
_PLACE = "a file is relative to the repository: put it there, or correct `source` in the table's contract"
_LATEST = "`tacet backfill --lookups latest` takes the reference data of now"
_PARQUET = b"PAR1"
_QUOTED = (
    "a cell with a comma, a line break or a quote stands in quotes, each quote in it twice, and the last one closes it"
)
_EMPTY = 0
"""The snapshot of a table that nothing was written to yet."""


@dataclass(frozen=True, slots=True)
class LookupTable:
    """Reference data at one snapshot: as an Arrow table for joins, and by key for the reference interpreter."""

    table: pa.Table
    snapshot: str
    rows: Mapping[tuple[Any, ...], Mapping[str, Any]]


def load_lookups(
    plan: Plan,
    root: Path,
    catalog: Catalog | None = None,
    *,
    snapshots: Mapping[str, str] | None = None,
    archive: Path | None = None,
) -> dict[str, LookupTable]:
    """Read every lookup of a plan. Files are relative to `root`, the repository.

    `snapshots` (lookup -> snapshot) asks for recorded ones; `archive` is where a file's content is kept under its
    digest, so that a recorded one can be read again. Raises LookupError_.
    """
    lookups = plan.derived.lookups if plan.derived else ()
    return {k.name: load_lookup(k, root, catalog, (snapshots or {}).get(k.name), archive) for k in lookups}


def snapshot_of(lookup: Lookup, root: Path, catalog: Catalog | None) -> str:
    """Return the snapshot that `load_lookup` would read now: a file's digest, or a table's snapshot id. Raises LookupError_."""
    if lookup.source.kind == "file":
        return _digest(_content(lookup, root / lookup.source.location))
    return f"iceberg:{_current(_source(lookup, catalog))}"


def load_lookup(
    lookup: Lookup, root: Path, catalog: Catalog | None, wanted: str | None = None, archive: Path | None = None
) -> LookupTable:
    """Read one lookup, as `load_lookups` does. Raises LookupError_."""
    source = lookup.source
    if source.kind == "file":
        found = _file(lookup, root / source.location, wanted, archive)
    elif source.kind == "iceberg":
        found = _iceberg(lookup, catalog, wanted)
    else:
        raise LookupError_(
            f"lookup `{lookup.name}`: the embedded engine reads files and Iceberg tables, not {source.kind}"
        )
    return LookupTable(found.table, found.snapshot, keyed(lookup, found.table, found.name, found.first))


@dataclass(frozen=True, slots=True)
class _Read:
    """A lookup's columns, and how messages name where they are from; `first` is the number of their first row."""

    table: pa.Table
    snapshot: str
    name: str
    first: int = 1


def _file(lookup: Lookup, path: Path, wanted: str | None, archive: Path | None) -> _Read:
    try:
        data = _content(lookup, path)
    except LookupError_:
        if wanted is None or archive is None:
            raise
        data = b""
    digest = _digest(data)
    name = lookup.source.location
    csv = name.endswith(".csv")
    older = wanted is not None and digest != wanted
    if wanted is not None and older:
        data, digest = _recorded(lookup, wanted, archive), wanted
        # The source may have been another kind of file then.
        name, csv = _snapshot(wanted), not data.startswith(_PARQUET)
    if archive is not None:
        _keep(data, digest, archive)
    table = (_csv if csv else _parquet)(lookup, name, data, older=older)
    # Rows are numbered as a person sees them: a CSV's header is its first.
    return _Read(table, digest, name, 2 if csv else 1)


def _content(lookup: Lookup, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LookupError_(
            f"lookup `{lookup.name}`: cannot read {lookup.source.location}: {error.strerror}; {_PLACE}"
        ) from error


def _snapshot(recorded: str) -> str:
    return f"its snapshot {recorded} ({_LATEST})"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _recorded(lookup: Lookup, wanted: str, archive: Path | None) -> bytes:
    try:
        return kept(wanted, archive)
    except LookupError_ as error:
        raise LookupError_(f"lookup `{lookup.name}`: {error}: put it back from a copy; {_LATEST}") from error


def kept(snapshot: str, archive: Path | None) -> bytes:
    """Return the content of a file that was kept under its digest. Raises LookupError_ when it is gone or has other bytes."""
    name = snapshot.removeprefix("sha256:")
    try:
        if archive is None:
            raise FileNotFoundError(2, "no archive", snapshot)
        data = (archive / name).read_bytes()
    except OSError as error:
        raise LookupError_(f"snapshot {snapshot} was not kept, or is gone ({error.strerror})") from error
    if _digest(data) != snapshot:
        raise LookupError_(f"{archive.name}/{name} has other bytes than were kept")
    return data


def _keep(data: bytes, digest: str, archive: Path) -> None:
    path = archive / digest.removeprefix("sha256:")
    if path.exists():
        return
    archive.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        shutil.move(part, path)
    except OSError as error:
        raise LookupError_(f"cannot keep a lookup's snapshot in {archive.name}: {error.strerror}") from error


def _parquet(lookup: Lookup, name: str, data: bytes, *, older: bool) -> pa.Table:
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise LookupError_(f"lookup `{lookup.name}`: {name} is no Parquet file: {error}") from error
    return _columns(lookup, name, table, older=older)


def _columns(lookup: Lookup, name: str, table: pa.Table, *, older: bool) -> pa.Table:
    """Take the contract's columns in its types; what does not fit exactly is refused."""
    arrays = []
    for column in lookup.columns:
        if column.name not in table.column_names:
            arrays.append(_lacking(lookup, name, column, table.num_rows, older=older))
            continue
        array = table.column(column.name).combine_chunks()
        arrays.append(_cast(lookup, name, column, array))
    return _table(lookup, arrays)


def _lacking(lookup: Lookup, name: str, column: TableColumn, rows: int, *, older: bool) -> pa.Array:
    """Return NULLs for an optional column that came later than a recorded snapshot; any other has to be there."""
    if older and not column.required:
        return arrow_array([None] * rows, column.type)
    raise LookupError_(f"lookup `{lookup.name}`: {name} has no column `{column.name}`")


def _cast(lookup: Lookup, name: str, column: TableColumn, array: pa.Array) -> pa.Array:
    wanted = arrow_type(column.type)
    if array.type == wanted:
        return array
    if isinstance(column.type, t.UuidType) and _kind(array.type) == "text":
        return _typed(lookup, name, column, array.to_pylist(), 1)
    try:
        if isinstance(column.type, t.UuidType) and array.type == pa.binary(16):
            return array.cast(wanted)
        if _kind(array.type) != _kind(wanted):
            place = f"lookup `{lookup.name}`: {name}, column `{column.name}`"
            raise LookupError_(f"{place} is {array.type}, expected {wanted}")
        return array.cast(wanted, safe=True)
    except pa.ArrowException as error:
        raise LookupError_(f"lookup `{lookup.name}`: {name}, column `{column.name}`: {error}") from error


def _kind(form: pa.DataType) -> str:
    """Name what may be cast into one another without changing a value."""
    if pa.types.is_list(form) or pa.types.is_large_list(form):
        return f"list<{_kind(form.value_type)}>"
    if pa.types.is_map(form):
        return f"map<{_kind(form.key_type)}, {_kind(form.item_type)}>"
    if pa.types.is_struct(form):
        return f"struct<{', '.join(f'{field.name}: {_kind(field.type)}' for field in form)}>"
    tests = {
        "whole": pa.types.is_integer,
        "floating": pa.types.is_floating,
        "decimal": pa.types.is_decimal,
        "text": lambda f: (
            pa.types.is_string(f)
            or pa.types.is_large_string(f)
            or pa.types.is_string_view(f)
            or (pa.types.is_dictionary(f) and _kind(f.value_type) == "text")
        ),
        "bytes": lambda f: pa.types.is_binary(f) or pa.types.is_large_binary(f),
        "zoned": lambda f: pa.types.is_timestamp(f) and f.tz is not None,
        "wall": lambda f: pa.types.is_timestamp(f) and f.tz is None,
        "date": pa.types.is_date,
        "time": pa.types.is_time,
    }
    return next((kind for kind, test in tests.items() if test(form)), str(form))


def _csv(lookup: Lookup, name: str, data: bytes, *, older: bool) -> pa.Table:
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise LookupError_(f"lookup `{lookup.name}`: {name} is not in UTF-8: {error}") from error
    except csv.Error as error:
        raise LookupError_(f"lookup `{lookup.name}`: {name} is no CSV: {error}; {_QUOTED}") from error
    header = rows[0] if rows else []
    twice = next((cell for cell in header if header.count(cell) > 1), None)
    if twice is not None:
        raise LookupError_(f"lookup `{lookup.name}`: {name} has the column `{twice[:80]}` twice")
    arrays = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise LookupError_(
                f"lookup `{lookup.name}`: {name}, row {number} has {len(row)} cells, expected {len(header)}"
            )
    for column in lookup.columns:
        if column.name not in header:
            arrays.append(_lacking(lookup, name, column, len(rows) - 1 if rows else 0, older=older))
            continue
        at = header.index(column.name)
        arrays.append(_typed(lookup, name, column, [row[at] or None for row in rows[1:]], 2))
    return _table(lookup, arrays)


def _typed(lookup: Lookup, name: str, column: TableColumn, cells: list[str | None], first: int) -> pa.Array:
    convert = _cell_typer(column.type)
    values = []
    for number, cell in enumerate(cells, start=first):
        try:
            values.append(None if cell is None else convert(cell))
        except Wrong as wrong:
            place = f"{name}, row {number}, column `{column.name}`"
            raise LookupError_(
                f"lookup `{lookup.name}`: {place}: `{cell[:80] if cell else ''}` is invalid ({wrong.reason})"
            ) from wrong
    return arrow_array(values, column.type)


def _cell_typer(type_: Type) -> Any:
    """Return the function for a CSV cell: numbers and booleans as text, the rest as in JSON strings."""
    if isinstance(type_, t.ListType | t.MapType | t.StructType):
        raise LookupError_("a CSV file has no nested columns")
    if isinstance(type_, t.BooleanType | t.IntType | t.LongType | t.FloatType | t.DoubleType | t.DecimalType):
        return typer(type_, "string", _NO_LIMIT)
    return typer(type_, "base64" if isinstance(type_, t.BinaryType) else "iso8601", _NO_LIMIT)


def _iceberg(lookup: Lookup, catalog: Catalog | None, wanted: str | None) -> _Read:
    # Jobs without one need not wait for the library.
    from tacet_runtime.connectors.iceberg_nulls import nulls_kept  # noqa: PLC0415

    source = _source(lookup, catalog)
    current = _current(source)
    try:
        chosen = int(wanted.removeprefix("iceberg:")) if wanted else current
        with nulls_kept():
            table = source.scan(snapshot_id=chosen or None, limit=None if chosen else 0).to_arrow()
    except Exception as error:
        raise LookupError_(f"lookup `{lookup.name}`: cannot read table {lookup.source.location}: {error}") from error
    older = chosen != current
    name = _snapshot(f"iceberg:{chosen}") if older else lookup.source.location
    return _Read(_columns(lookup, name, table, older=older), f"iceberg:{chosen}", name)


def _source(lookup: Lookup, catalog: Catalog | None) -> Table:
    if catalog is None:
        raise LookupError_(f"lookup `{lookup.name}`: an Iceberg table needs a warehouse")
    try:
        return catalog.load_table(lookup.source.location)
    except Exception as error:
        raise LookupError_(f"lookup `{lookup.name}`: cannot read table {lookup.source.location}: {error}") from error


def _current(source: Table) -> int:
    snapshot = source.current_snapshot()
    return snapshot.snapshot_id if snapshot else _EMPTY


def _table(lookup: Lookup, arrays: list[pa.Array]) -> pa.Table:
    fields = [pa.field(c.name, a.type) for c, a in zip(lookup.columns, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

"""ENCODED: columns as an engine has them at hand, and their way into files without being spelt out first.

A column of few distinct values stays numbers into them (a dictionary of texts, lists or maps; no value stands in it
twice), bytes stay where they were read (a view). Parquet takes both; who wants a sink's own types asks for `plain`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_INDEX = pa.int32()


def dictionary(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
    """Return a column of numbers into distinct values; -1 is NULL."""
    missing = codes < 0
    indices = pa.array(codes, _INDEX, mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, values)


def view(data: pa.Buffer, starts: np.ndarray, ends: np.ndarray, present: np.ndarray) -> pa.Array:
    """Return parts of a buffer (less than 2 GiB) as a column of bytes, without copying them (Arrow's binary view layout)."""
    lengths = np.where(present, ends - starts, 0).astype(np.int32)
    views = np.zeros((len(starts), 4), dtype=np.int32)
    views[:, 0] = lengths
    views[:, 3] = starts
    whole = np.frombuffer(data, dtype=np.uint8)
    text = views.view(np.uint8)
    short = lengths <= _INLINE
    for at in range(4):
        has = (lengths > at) & ~short
        text[has, 4 + at] = whole[starts[has] + at]
    for row in np.flatnonzero(short & present).tolist():
        text[row, 4:] = 0
        text[row, 4 : 4 + lengths[row]] = whole[starts[row] : ends[row]]
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    missing = int(len(present) - present.sum())
    return pa.Array.from_buffers(
        pa.binary_view(), len(starts), [validity, pa.py_buffer(views), data], null_count=missing
    )


_INLINE = 12


def fitted(columns: list[pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    """Return columns, encoded or plain, as a table with a sink's names and ids: arrays do not keep the ids of what is nested."""
    fields = []
    for field, column in zip(schema, columns, strict=True):
        form = column.type
        if form == field.type:
            form = field.type
        elif pa.types.is_dictionary(form) and form.value_type == field.type:
            form = pa.dictionary(form.index_type, field.type)
        fields.append(field.with_type(form))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def plain(table: pa.Table) -> pa.Table:
    """Return a table with every column spelt out, in the types of the sink."""
    wanted = _plain_schema(table.schema)
    if wanted.equals(table.schema):
        return table
    return fitted([plain_column(column) for column in table.columns], wanted)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_plain_type(field.type)) for field in schema])


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column spelt out."""
    wanted = _plain_type(column.type)
    if wanted == column.type:
        return column
    if pa.types.is_dictionary(column.type):
        return pa.chunked_array([chunk.dictionary.take(chunk.indices) for chunk in column.chunks], wanted)
    return column.cast(wanted)


def _plain_type(form: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(form):
        return form.value_type
    if pa.types.is_binary_view(form) or pa.types.is_large_binary(form):
        return pa.binary()
    return form


def taken(table: pa.Table, order: pa.Array) -> pa.Table:
    """Return rows in another order; bytes of a view are spelt out, for Arrow cannot take from it."""
    columns = [plain_column(c) if pa.types.is_binary_view(c.type) else c for c in table.columns]
    return fitted([column.take(order) for column in columns], table.schema)


def joined(parts: list[pa.Table]) -> pa.Table:
    """Return the rows of several tables with the same columns, which may be encoded in some and plain in others."""
    some = [part for part in parts if part.num_rows] or parts[:1]
    if len(some) == 1:
        return some[0]
    columns = [_joined([part.column(at) for part in some]) for at in range(some[0].num_columns)]
    return fitted(columns, _plain_schema(some[0].schema))


def _joined(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    forms = {column.type for column in columns}
    encoded = next((form for form in forms if pa.types.is_dictionary(form)), None)
    if encoded is None:
        form = columns[0].type if len(forms) == 1 else pa.binary_view()
        return pa.chunked_array([chunk for column in columns for chunk in column.cast(form).chunks], form)
    if not pa.types.is_string(encoded.value_type):
        return _chained(columns)
    chunks = [_encoded(chunk) for column in columns for chunk in column.chunks]
    whole = pa.chunked_array(chunks, pa.dictionary(_INDEX, pa.string()))
    return pa.chunked_array([whole.unify_dictionaries().combine_chunks()])


def _encoded(chunk: pa.Array) -> pa.DictionaryArray:
    found = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
    return pa.DictionaryArray.from_arrays(found.indices.cast(_INDEX), found.dictionary)


def _chained(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return columns of lists or maps as numbers into all their values, one after the other."""
    values: list[pa.Array] = []
    codes: list[np.ndarray] = []
    start = 0
    for chunk in (chunk for column in columns for chunk in column.chunks):
        if isinstance(chunk, pa.DictionaryArray):
            values.append(chunk.dictionary)
            codes.append(codes_of(chunk, start))
        else:
            values.append(chunk)
            numbers = np.arange(start, start + len(chunk))
            codes.append(np.where(np.asarray(chunk.is_valid()), numbers, -1) if chunk.null_count else numbers)
        start += len(values[-1])
    return pa.chunked_array([dictionary(np.concatenate(codes), pa.concat_arrays(values))])


def codes_of(array: pa.DictionaryArray, start: int = 0) -> np.ndarray:
    """Return a column's numbers, counted from `start`; -1 is NULL."""
    if not array.indices.null_count:
        return np.asarray(array.indices).astype(np.int64) + start
    codes = array.indices.cast(pa.int64()).fill_null(-1 - start)
    return np.asarray(codes) + start


def storable(table: pa.Table, schema: pa.Schema) -> tuple[pa.Table, list[str], list[str]]:
    """Return a table as Parquet takes it (`schema`: the sink's, with its ids), the paths of its encoded columns, and the columns whose bounds are worth having.

    A list's or map's bounds serve no reader, nor do those of bytes.
    """
    columns, paths, bounded = [], [], []
    for field, column in zip(schema, table.columns, strict=True):
        stored = _storable(column, field.type)
        columns.append(stored)
        paths += [f"{field.name}{path}" for path in _encoded_paths(stored.type)]
        if not pa.types.is_nested(stored.type) and not pa.types.is_binary(_plain_type(stored.type)):
            bounded.append(field.name)
    return fitted(columns, schema), paths, bounded


def _storable(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type):
        return column if _plain_type(column.type) == wanted else column.cast(wanted)
    return pa.chunked_array([_spelt(_used(chunk), wanted) for chunk in _together(column.chunks)])


def _together(chunks: list[pa.DictionaryArray]) -> list[pa.DictionaryArray]:
    """Return pieces of one encoded column as one piece: what there is to do for each is more than for its rows."""
    if len(chunks) < 2 or any(not chunk.dictionary.equals(chunks[0].dictionary) for chunk in chunks[1:]):
        return chunks
    return [dictionary(np.concatenate([codes_of(chunk) for chunk in chunks]), chunks[0].dictionary)]


def _used(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column whose dictionary has only what is used."""
    codes = codes_of(array)
    times = np.bincount(codes + 1, minlength=len(array.dictionary) + 1)[1:]
    if times.all():
        return array
    numbers = np.cumsum(times > 0) - 1
    kept = array.dictionary.take(pa.array(np.flatnonzero(times)))
    return dictionary(np.where(codes < 0, -1, numbers[codes]), kept)


def _spelt(array: pa.DictionaryArray, wanted: pa.DataType) -> pa.Array:
    """Return lists and maps row by row, with their texts still encoded; a dictionary of texts as it is."""
    values = array.dictionary
    if isinstance(values, pa.MapArray):
        parts: tuple[pa.Array, ...] = (values.keys, values.items)
    elif isinstance(values, pa.ListArray):
        parts = (values.values,)
    else:
        return array
    bounds = np.asarray(values.offsets).astype(np.int64)
    codes = codes_of(array)
    missing = codes < 0
    codes = np.where(missing, 0, codes)
    lengths = np.where(missing, 0, np.diff(bounds)[codes]) if len(values) else np.zeros(len(codes), dtype=np.int64)
    ends = np.cumsum(lengths)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    positions = pa.array(np.repeat(bounds[codes], lengths) + within, pa.int32())
    offsets = pa.array(
        np.concatenate([[0], ends]), pa.int32(), mask=np.append(missing, False) if missing.any() else None
    )
    leaves = [_leaf(part).take(positions) for part in parts]
    if len(leaves) == 1:
        form = wanted.value_field
        return pa.ListArray.from_arrays(offsets, leaves[0], type=pa.list_(form.with_type(leaves[0].type)))
    key, item = wanted.key_field, wanted.item_field
    form = pa.map_(key.with_type(leaves[0].type), item.with_type(leaves[1].type))
    return pa.MapArray.from_arrays(offsets, *leaves, type=form)


def _leaf(values: pa.Array) -> pa.Array:
    return values.dictionary_encode() if pa.types.is_string(values.type) else values


def _encoded_paths(form: pa.DataType) -> list[str]:
    """Return where below a column Parquet holds encoded values."""
    if pa.types.is_dictionary(form):
        return [""]
    if pa.types.is_map(form):
        parts = {".key_value.key": form.key_type, ".key_value.value": form.item_type}
    elif pa.types.is_list(form):
        parts = {".list.element": form.value_type}
    else:
        return []
    return [path for path, part in parts.items() if pa.types.is_dictionary(part)]

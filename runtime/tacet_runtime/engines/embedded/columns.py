"""Scanned values as Arrow columns, by `Form`. A value of the wrong kind, or that does not fit, is NULL.

What the generated SQL is to convert comes out as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.engines.embedded import convert
from tacet_runtime.plan.forms import EPOCHS, FIRST, LAST, Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.plan.types import Encoding

_FLOAT_LIMIT = 3.4028235677973366e38
"""The least number that rounds to infinity in binary32."""
_WAYS = {
    Form.BOOLEAN: convert.BOOLEAN, Form.INT: convert.WHOLE, Form.LONG: convert.WHOLE, Form.EPOCH: convert.WHOLE,
    Form.FLOAT: convert.FLOAT, Form.DOUBLE: convert.FLOAT, Form.UUID: convert.UUID, Form.STRING: convert.STRING,
    Form.TEXT: convert.STRING, Form.NUMBER_TEXT: convert.NUMBER_TEXT, Form.NESTED: convert.NOTHING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column: the node whose values it has, and how they are read."""

    node: int
    form: Form
    encoding: Encoding


class Wants:
    """Some columns, and what compiled code is to know of them.

    `spec`: by column (int64) its way, its place among those of its way, node, lowest, highest and unit of whole numbers.
    """

    def __init__(self, columns: Sequence[Wanted]) -> None:
        self.columns = tuple(columns)
        counts = [0] * (convert.NOTHING + 1)
        rows = []
        for one in self.columns:
            way = _WAYS[one.form]
            rows.append((way, counts[way], one.node, *_limits(one)))
            counts[way] += 1
        self.spec = tuple(np.array(rows, dtype=np.int64).reshape(len(rows), 6).T.copy())
        self.floats, self.uuids = counts[convert.FLOAT], counts[convert.UUID]


def _limits(one: Wanted) -> tuple[int, int, int]:
    """Return lowest, highest and unit of a column of whole numbers."""
    if one.form is Form.EPOCH:
        unit = EPOCHS[one.encoding]
        return -(-FIRST // unit), LAST // unit, unit
    bits = 31 if one.form is Form.INT else 63
    return -(2**bits), 2**bits - 1, 1


@dataclass(frozen=True, slots=True)
class Scanned:
    """The values of some rows: of each, the kind and the place of its text, by node.

    `data` (uint8) the bytes; `kinds` (uint8), `starts`, `ends` (int64) matrices by row and node; `at` (int64) which of
    their rows are meant, in order.
    """

    data: np.ndarray
    kinds: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    at: np.ndarray

    def columns(self, wanted: Wants) -> list[pa.Array]:
        """Return the columns: NULL where a value is of another kind or does not fit."""
        shape = (len(wanted.columns), len(self.at))
        places = (self.data, self.kinds, self.starts, self.ends, self.at)
        spec = wanted.spec
        offsets = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
        size = convert.measure(places, spec, offsets)
        wholes, valid = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.uint8)
        floats = np.empty((wanted.floats, shape[1]))
        uuids = np.empty((wanted.uuids, shape[1], 16), dtype=np.uint8)
        texts = np.empty(size, dtype=np.uint8)
        left = np.empty(floats.shape, dtype=np.uint8)
        convert.convert(places, spec, (wholes, floats, uuids, texts, offsets, valid, left))
        found = []
        for number, one in enumerate(wanted.columns):
            slot = int(spec[1][number])
            match one.form:
                case Form.BOOLEAN:
                    found.append(_array(pa.bool_(), valid[number], np.packbits(wholes[number] != 0, bitorder="little")))
                case Form.INT | Form.LONG | Form.EPOCH:
                    found.append(_whole(one.form, wholes[number], valid[number]))
                case Form.FLOAT | Form.DOUBLE:
                    self._rest(one.node, np.flatnonzero(left[slot]), floats[slot])
                    found.append(_floating(one.form, floats[slot], valid[number]))
                case Form.UUID:
                    stored = _array(pa.binary(16), valid[number], uuids[slot])
                    found.append(pa.ExtensionArray.from_storage(pa.uuid(), stored))
                case Form.STRING | Form.TEXT | Form.NUMBER_TEXT:
                    found.append(_text(offsets[number], texts, valid[number]))
                case Form.NESTED:
                    found.append(pa.nulls(shape[1], pa.string()))
                case _:
                    assert_never(one.form)
        return found

    def _rest(self, node: int, rows: np.ndarray, values: np.ndarray) -> None:
        """Let Python read the numbers that are more than two exact doubles."""
        for row in rows.tolist():
            at = self.at[row]
            values[row] = float(self.data[self.starts[at, node] : self.ends[at, node]].tobytes())


def without(column: pa.Array, bad: np.ndarray) -> pa.Array:
    """Return a column with NULL where `bad` is."""
    if isinstance(column, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(column.type, without(column.storage, bad))
    return pc.if_else(pa.array(bad), pa.scalar(None, column.type), column)


def _array(kind: pa.DataType, valid: np.ndarray, *buffers: np.ndarray) -> pa.Array:
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(valid), [bitmap, *map(pa.py_buffer, buffers)])


def _whole(form: Form, values: np.ndarray, valid: np.ndarray) -> pa.Array:
    if form is Form.EPOCH:
        return _array(pa.timestamp("us"), valid, values)
    return _array(pa.int32(), valid, values.astype(np.int32)) if form is Form.INT else _array(pa.int64(), valid, values)


def _floating(form: Form, values: np.ndarray, valid: np.ndarray) -> pa.Array:
    if form is Form.DOUBLE:
        return _array(pa.float64(), valid & np.isfinite(values), values)
    fits = valid & (np.abs(values) < _FLOAT_LIMIT)
    return _array(pa.float32(), fits, np.where(fits, values, 0.0).astype(np.float32))


def _text(offsets: np.ndarray, texts: np.ndarray, valid: np.ndarray) -> pa.Array:
    values = texts[offsets[0] : offsets[-1]]
    own = offsets - offsets[0]
    if len(values) < 1 << 31:
        return _array(pa.string(), valid, own.astype(np.int32), values)
    return _array(pa.large_string(), valid, own, values)

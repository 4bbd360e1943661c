"""Scanned values -> Arrow columns, by `Form`. A value of the wrong kind, or that does not fit, is NULL.

What the generated SQL is to convert comes out as text. Rows are converted a few at a time, all columns of them, so
that a message's bytes are fetched from memory once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.engines.embedded.native import compiled
from tacet_runtime.engines.embedded.scan import BIG, BOOLEAN, ESCAPED, FRACTION, TEXT, WHOLE
from tacet_runtime.plan.forms import EPOCHS, FIRST, LAST, Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacet_runtime.plan.types import Encoding

_FLOAT_LIMIT = 3.4028235677973366e38
"""The least number that rounds to infinity in binary32."""
_BOOLEAN, _WHOLE, _FLOAT, _UUID, _STRING, _NUMBER_TEXT, _NOTHING = range(7)
_WAYS = {
    Form.BOOLEAN: _BOOLEAN, Form.INT: _WHOLE, Form.LONG: _WHOLE, Form.EPOCH: _WHOLE, Form.FLOAT: _FLOAT, Form.DOUBLE: _FLOAT,
    Form.UUID: _UUID, Form.STRING: _STRING, Form.TEXT: _STRING, Form.NUMBER_TEXT: _NUMBER_TEXT, Form.NESTED: _NOTHING,
}  # fmt: skip
_MINUS, _POINT, _BACKSLASH, _TRUE, _U = 45, 46, 92, 116, 117
_EXACT = 1 << 53
_POWERS = np.array([10.0**power for power in range(23)])
"""Powers of ten that are doubles exactly, so that one division rounds once (W. Clinger, 1990)."""
_HEX = np.full(256, 0xFF, dtype=np.uint8)
"""Byte -> value of the hexadecimal digit; 0xFF for what is none."""
for _digit in b"0123456789abcdefABCDEF":
    _HEX[_digit] = int(chr(_digit), 16)
_TOGETHER = 32
"""So many rows are converted before the next column's turn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column: the node whose values it has, and how they are read."""

    node: int
    form: Form
    encoding: Encoding


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

    def columns(self, wanted: Sequence[Wanted]) -> list[pa.Array]:
        """Return the columns: NULL where a value is of another kind or does not fit."""
        shape = (len(wanted), len(self.at))
        places = (self.data, self.kinds, self.starts, self.ends, self.at)
        spec = _spec(wanted)
        offsets = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
        size = _measure(places, spec, offsets)
        wholes, valid = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.uint8)
        floats = np.empty((sum(_WAYS[one.form] == _FLOAT for one in wanted), shape[1]))
        uuids = np.empty((sum(one.form is Form.UUID for one in wanted), shape[1], 16), dtype=np.uint8)
        texts = np.empty(size, dtype=np.uint8)
        left = np.empty(floats.shape, dtype=np.uint8)
        _convert(places, spec, _TOGETHER, (wholes, floats, uuids, texts, offsets, valid, left))
        found = []
        for number, one in enumerate(wanted):
            slot = int(spec[1][number])
            match _WAYS[one.form]:
                case 0:  # _BOOLEAN
                    found.append(_array(pa.bool_(), valid[number], np.packbits(wholes[number] != 0, bitorder="little")))
                case 1:  # _WHOLE
                    found.append(_whole(one.form, wholes[number], valid[number]))
                case 2:  # _FLOAT
                    self._rest(one.node, np.flatnonzero(left[slot]), floats[slot])
                    found.append(_floating(one.form, floats[slot], valid[number]))
                case 3:  # _UUID
                    stored = _array(pa.binary(16), valid[number], uuids[slot])
                    found.append(pa.ExtensionArray.from_storage(pa.uuid(), stored))
                case 4 | 5:  # _STRING, _NUMBER_TEXT
                    found.append(_text(offsets[number], texts, valid[number]))
                case _:
                    found.append(pa.nulls(shape[1], pa.string()))
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


def _spec(wanted: Sequence[Wanted]) -> tuple[np.ndarray, ...]:
    """Return by column: way, place among those of its way, node, lowest, highest and unit of whole numbers."""
    rows, counts = [], [0] * len(_WAYS)
    for one in wanted:
        way, unit = _WAYS[one.form], EPOCHS[one.encoding] if one.form is Form.EPOCH else 1
        low, high = -(-FIRST // unit), LAST // unit
        if one.form is not Form.EPOCH:
            bits = 31 if one.form is Form.INT else 63
            low, high = -(2**bits), 2**bits - 1
        rows.append((way, counts[way], one.node, low, high, unit))
        counts[way] += 1
    return tuple(np.array(rows, dtype=np.int64).reshape(len(rows), 6).T.copy())


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


@compiled
def _measure(places: Any, spec: Any, offsets: Any) -> int:
    """Say how long the texts of each column are at most (an escape only shortens); return the bytes in all."""
    _, kinds, starts, ends, at = places
    ways, _, nodes, _, _, _ = spec
    total = 0
    for number in range(len(ways)):
        offsets[number, 0] = total
        way, node = ways[number], nodes[number]
        if way == _STRING or way == _NUMBER_TEXT:
            for row in range(len(at)):
                kind = kinds[at[row], node]
                text = kind == TEXT or kind == ESCAPED
                if text if way == _STRING else kind == WHOLE or kind == BIG or kind == FRACTION:
                    total += ends[at[row], node] - starts[at[row], node]
    return total


@compiled
def _convert(places: Any, spec: Any, together: int, out: Any) -> None:
    data, kinds, starts, ends, at = places
    ways, slots, nodes, lows, highs, units = spec
    wholes, floats, uuids, texts, offsets, valid, left = out
    for first in range(0, len(at), together):
        for number in range(len(ways)):
            way, slot, node = ways[number], slots[number], nodes[number]
            for row in range(first, min(first + together, len(at))):
                start, end, kind = starts[at[row], node], ends[at[row], node], kinds[at[row], node]
                fine = False
                if way == _WHOLE:
                    wholes[number, row] = 0
                    if kind == WHOLE:
                        value = _integer(data, start, end)
                        fine = lows[number] <= value <= highs[number]
                        if fine:
                            wholes[number, row] = value * units[number]
                elif way == _STRING:
                    place = offsets[number, row]
                    if kind == TEXT:
                        fine = True
                        for byte in range(start + 1, end - 1):
                            texts[place] = data[byte]
                            place += 1
                    elif kind == ESCAPED:
                        written = _unescape(data, start + 1, end - 1, texts, place)
                        fine = written >= 0
                        if fine:
                            place = written
                    offsets[number, row + 1] = place
                elif way == _UUID:
                    fine = kind == TEXT and _uuid(data, start + 1, end - 1, uuids[slot, row])
                    if not fine:
                        uuids[slot, row, :] = 0
                elif way == _BOOLEAN:
                    fine = kind == BOOLEAN
                    wholes[number, row] = fine and data[start] == _TRUE
                elif way == _FLOAT:
                    fine = kind == WHOLE or kind == BIG or kind == FRACTION
                    floats[slot, row] = 0.0
                    left[slot, row] = fine and not _float(data, start, end, kind, floats[slot], row)
                elif way == _NUMBER_TEXT:
                    place = offsets[number, row]
                    fine = kind == WHOLE or kind == BIG or kind == FRACTION
                    if fine:
                        for byte in range(start, end):
                            texts[place] = data[byte]
                            place += 1
                    offsets[number, row + 1] = place
                valid[number, row] = fine


@compiled
def _integer(data: Any, at: int, end: int) -> int:
    """Return the number whose text is here; it fits into 64 bits."""
    negative = data[at] == _MINUS
    number = np.int64(0)
    for digit in range(at + 1 if negative else at, end):  # downwards: there is one more below zero
        number = number * 10 - np.int64(data[digit] - 48)
    return int(number if negative else -number)


@compiled
def _float(data: Any, at: int, end: int, kind: int, values: Any, row: int) -> bool:
    """Set what a quotient of two exact doubles gives, and tell whether it does."""
    negative = data[at] == _MINUS
    if negative:
        at += 1
    if end - at > 18:
        return False
    size, after, point = np.int64(0), 0, False
    for place in range(at, end):
        byte = data[place]
        if byte == _POINT:
            point = True
        elif 48 <= byte <= 57:
            size = size * 10 + np.int64(byte - 48)
            after += point
        else:  # an exponent
            return False
    if size > _EXACT:
        return False
    value = np.float64(size) / _POWERS[after]
    # -0 is a whole number and has one zero; -0.0 is a fraction
    values[row] = -value if negative and (size != 0 or kind == FRACTION) else value
    return True


@compiled
def _uuid(data: Any, at: int, end: int, values: Any) -> bool:
    """Set the 16 bytes of a UUID's text, and tell whether it is one."""
    if end - at != 36 or data[at + 8] != _MINUS or data[at + 13] != _MINUS:
        return False
    if data[at + 18] != _MINUS or data[at + 23] != _MINUS:
        return False
    wrong = np.uint8(0)
    for byte in range(16):
        place = at + 2 * byte + (byte >= 4) + (byte >= 6) + (byte >= 8) + (byte >= 10)
        high, low = _HEX[data[place]], _HEX[data[place + 1]]
        wrong |= high | low
        values[byte] = high << 4 | low
    return bool(wrong < 16)


@compiled
def _unescape(data: Any, at: int, end: int, values: Any, size: int) -> int:
    """Write the text and return where it ends; -1 for lone surrogates and for U+0000, which SQL's text may not hold."""
    while at < end:
        byte = data[at]
        if byte != _BACKSLASH:
            values[size] = byte
            at, size = at + 1, size + 1
            continue
        byte = data[at + 1]
        at += 2
        if byte != _U:
            values[size] = _simple(byte)
            size += 1
            continue
        code = _code(data, at)
        at += 4
        if 0xD800 <= code < 0xDC00:
            if at + 6 > end or data[at] != _BACKSLASH or data[at + 1] != _U:
                return -1
            low = _code(data, at + 2)
            if not 0xDC00 <= low < 0xE000:
                return -1
            code = 0x10000 + (code - 0xD800) * 1024 + (low - 0xDC00)
            at += 6
        elif 0xDC00 <= code < 0xE000 or code == 0:
            return -1
        size = _utf8(code, values, size)
    return size


@compiled
def _code(data: Any, at: int) -> int:
    """Return the number of four hexadecimal digits, which the scanner has checked."""
    code = 0
    for place in range(at, at + 4):
        code = code * 16 + int(_HEX[data[place]])
    return code


@compiled
def _simple(byte: int) -> int:
    """Return what an escape of one letter stands for."""
    if byte == 98:
        return 8
    if byte == 102:
        return 12
    if byte == 110:
        return 10
    if byte == 114:
        return 13
    if byte == 116:
        return 9
    return byte


@compiled
def _utf8(code: int, values: Any, size: int) -> int:
    """Write a character and return where it ends."""
    if code < 0x80:
        values[size] = code
        return size + 1
    if code < 0x800:
        values[size] = 0xC0 | code >> 6
    else:
        if code < 0x10000:
            values[size] = 0xE0 | code >> 12
        else:
            values[size] = 0xF0 | code >> 18
            size += 1
            values[size] = 0x80 | code >> 12 & 0x3F
        size += 1
        values[size] = 0x80 | code >> 6 & 0x3F
    values[size + 1] = 0x80 | code & 0x3F
    return size + 2

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

from tacet_runtime.engines.embedded.native import compiled, part, put_word, word
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
_ONES = np.uint64(0x0101010101010101)
_BEHIND = 8
"""Room behind the texts of a column: they are copied eight bytes at a time."""
_TOGETHER = 8
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
            total += _BEHIND
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
                        _copy(data, start + 1, end - 1, texts, place)
                        place += end - start - 2
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
                        _copy(data, start, end, texts, place)
                        place += end - start
                    offsets[number, row + 1] = place
                valid[number, row] = fine


@part
def _copy(data: Any, at: int, end: int, texts: Any, place: int) -> None:
    """Copy bytes, and up to seven more that are behind them, which the next text or nothing overwrites."""
    while at < end and at + 8 <= len(data):
        put_word(texts, place, word(data, at))
        at, place = at + 8, place + 8
    while at < end:
        texts[place] = data[at]
        at, place = at + 1, place + 1


@part
def _integer(data: Any, at: int, end: int) -> int:
    """Return the number whose text is here; it fits into 64 bits."""
    negative = data[at] == _MINUS
    if negative:
        at += 1
    number = np.uint64(0)
    while end - at >= 8:
        number = number * np.uint64(100_000_000) + _eight_digits(word(data, at))
        at += 8
    while at < end:
        number = number * np.uint64(10) + np.uint64(data[at] - 48)
        at += 1
    return int(np.int64(~number + np.uint64(1)) if negative else np.int64(number))


@part
def _eight_digits(text: Any) -> Any:
    """Return the number of eight digits: pairs of neighbours, three times (after D. Lemire, 2018)."""
    pairs = (text & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(2561) >> np.uint64(8)
    fours = (pairs & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    return (fours & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)


@part
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


@part
def _uuid(data: Any, at: int, end: int, values: Any) -> bool:
    """Set the 16 bytes of a UUID's text, and tell whether it is one."""
    if end - at != 36 or data[at + 8] != _MINUS or data[at + 13] != _MINUS:
        return False
    if data[at + 18] != _MINUS or data[at + 23] != _MINUS:
        return False
    half = np.uint64(0xFFFFFFFF)
    first, one = _hexadecimal(word(data, at))
    second, two = _hexadecimal(word(data, at + 9) & half | word(data, at + 14) << np.uint64(32))
    third, three = _hexadecimal(word(data, at + 19) & half | word(data, at + 24) << np.uint64(32))
    fourth, four = _hexadecimal(word(data, at + 28))
    put_word(values, 0, first | second << np.uint64(32))
    put_word(values, 8, third | fourth << np.uint64(32))
    return bool(one & two & three & four)


@part
def _hexadecimal(text: Any) -> tuple[Any, bool]:
    """Return (the four bytes, the first lowest, that eight hexadecimal digits say; whether they are such), digit beside digit in one word."""
    letters = text >> np.uint64(6) & _ONES
    values = (text & (_ONES * np.uint64(15))) + letters * np.uint64(9)
    spelt = text | letters << np.uint64(5)
    right = spelt == values + _ONES * np.uint64(48) + letters * np.uint64(39)
    right &= (values + (_ONES - letters) * np.uint64(6)) & (
        _ONES * np.uint64(0xF0)
    ) == 0  # 10 to 15 are letters' alone,
    right &= (values + _ONES * np.uint64(0x80) - letters * np.uint64(10)) & (
        _ONES * np.uint64(0x80)
    ) == _ONES * np.uint64(0x80)
    bytes_ = (values << np.uint64(4) | values >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    bytes_ = (bytes_ | bytes_ >> np.uint64(8)) & np.uint64(0x0000FFFF0000FFFF)
    return (bytes_ | bytes_ >> np.uint64(16)) & np.uint64(0xFFFFFFFF), right


@part
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


@part
def _code(data: Any, at: int) -> int:
    """Return the number of four hexadecimal digits, which the scanner has checked."""
    code = 0
    for place in range(at, at + 4):
        code = code * 16 + int(_HEX[data[place]])
    return code


@part
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


@part
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

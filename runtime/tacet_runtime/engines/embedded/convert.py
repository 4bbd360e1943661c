"""The text of values -> the values: compiled loops over many rows and columns.

Rows are converted a few at a time, all columns of them, so that a message's bytes are fetched from memory once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tacet_runtime.engines.embedded import scan
from tacet_runtime.native import compiled, part, put_word, word

BOOLEAN, WHOLE, FLOAT, UUID, STRING, NUMBER_TEXT, NOTHING = range(7)
"""Ways to read the values of a column."""
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


@compiled
def measure(places: Any, spec: Any, offsets: Any) -> int:
    """Say how long the texts of each column are at most (an escape only shortens); return the bytes in all."""
    _, kinds, starts, ends, at = places
    ways, _, nodes, _, _, _ = spec
    total = 0
    for number in range(len(ways)):
        offsets[number, 0] = total
        way, node = ways[number], nodes[number]
        if way == STRING or way == NUMBER_TEXT:
            for row in range(len(at)):
                kind = kinds[at[row], node]
                text = kind == scan.TEXT or kind == scan.ESCAPED
                if text if way == STRING else kind == scan.WHOLE or kind == scan.BIG or kind == scan.FRACTION:
                    total += ends[at[row], node] - starts[at[row], node]
            total += _BEHIND
    return total


@compiled
def convert(places: Any, spec: Any, out: Any) -> None:
    """Convert all rows, a few at a time, all columns of them."""
    data, kinds, starts, ends, at = places
    ways, slots, nodes, lows, highs, units = spec
    wholes, floats, uuids, texts, offsets, valid, left = out
    for first in range(0, len(at), _TOGETHER):
        for number in range(len(ways)):
            way, slot, node = ways[number], slots[number], nodes[number]
            for row in range(first, min(first + _TOGETHER, len(at))):
                start, end, kind = starts[at[row], node], ends[at[row], node], kinds[at[row], node]
                fine = False
                if way == WHOLE:
                    wholes[number, row] = 0
                    if kind == scan.WHOLE:
                        value = _integer(data, start, end)
                        fine = lows[number] <= value <= highs[number]
                        if fine:
                            wholes[number, row] = value * units[number]
                elif way == STRING:
                    place = offsets[number, row]
                    if kind == scan.TEXT:
                        fine = True
                        _copy(data, start + 1, end - 1, texts, place)
                        place += end - start - 2
                    elif kind == scan.ESCAPED:
                        written = _unescape(data, start + 1, end - 1, texts, place)
                        fine = written >= 0
                        if fine:
                            place = written
                    offsets[number, row + 1] = place
                elif way == UUID:
                    fine = kind == scan.TEXT and _uuid(data, start + 1, end - 1, uuids[slot, row])
                    if not fine:
                        uuids[slot, row, :] = 0
                elif way == BOOLEAN:
                    fine = kind == scan.BOOLEAN
                    wholes[number, row] = fine and data[start] == _TRUE
                elif way == FLOAT:
                    fine = kind == scan.WHOLE or kind == scan.BIG or kind == scan.FRACTION
                    floats[slot, row] = 0.0
                    left[slot, row] = fine and not _float(data, start, end, kind, floats[slot], row)
                elif way == NUMBER_TEXT:
                    place = offsets[number, row]
                    fine = kind == scan.WHOLE or kind == scan.BIG or kind == scan.FRACTION
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
    values[row] = -value if negative and (size != 0 or kind == scan.FRACTION) else value
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

"""JSON bytes -> what stands where: one pass over each message, strictly RFC 8259, that builds no value.

It refuses what the reference's decoder refuses, and more: escapes in keys that matter, long messages. What it refuses
takes the strict path.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tacet_runtime.native import WIDE, compiled, lowest, marked, part, word

ABSENT, NULL, BOOLEAN, WHOLE, BIG, FRACTION, TEXT, ESCAPED, ARRAY, OBJECT = range(10)
"""Kinds of JSON values. WHOLE fits into 64 bits, BIG does not; FRACTION has a point or an exponent; ESCAPED has a `\\`."""
KINDS = OBJECT + 1
FINE, STRANGE = 0, 1
"""What became of a message."""

_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _PLUS, _POINT = 34, 92, 44, 58, 45, 43, 46
_ZERO, _NINE, _OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 48, 57, 91, 93, 123, 125
_E, _F, _N, _T, _U, _SPACE, _NOT_ASCII = 101, 102, 110, 116, 117, 32, 0x80
_MIX = np.uint64(0xFF51AFD7ED558CCD)
"""Of MurmurHash3's finish (A. Appleby)."""
_WORD_BYTES = 8
_LONG = 18
"""So many digits fit into 64 bits whatever they are."""
_LIMIT = np.uint64(1 << 63)


@part
def _skip_space(data: Any, at: int, end: int) -> int:
    while at < end and data[at] <= _SPACE and (data[at] == _SPACE or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@part
def _hexadecimal(byte: int) -> bool:
    return _ZERO <= byte <= _NINE or 97 <= byte <= 102 or 65 <= byte <= 70


@part
def _escape(data: Any, at: int, end: int) -> int:
    """Return where an escape ends that begins at a backslash; -1 when it is none."""
    if at + 1 >= end:
        return -1
    byte = data[at + 1]
    if byte == _U:
        if at + 6 > end:
            return -1
        for digit in range(at + 2, at + 6):
            if not _hexadecimal(data[digit]):
                return -1
        return at + 6
    simple = byte == _QUOTE or byte == _BACKSLASH or byte == 47 or byte == 98 or byte == _F or byte == _N
    return at + 2 if simple or byte == 114 or byte == _T else -1


@part
def _next_mark(data: Any, at: int) -> int:
    """Return where the next quote, backslash, control or byte that is not ASCII stands, or a byte before it where few are left."""
    while at + WIDE <= len(data):
        marks = marked(data, at)
        if marks:
            return at + lowest(marks)
        at += WIDE
    return at


@part
def _text(data: Any, at: int, end: int) -> tuple[int, int]:
    """Return (behind the closing quote, or -1; kind) of the string whose inside begins here."""
    kind = TEXT
    while True:
        at = _next_mark(data, at)
        if at >= end:
            return -1, kind
        byte = data[at]
        if byte == _QUOTE:
            return at + 1, kind
        if byte == _BACKSLASH:
            kind = ESCAPED
            at = _escape(data, at, end)
        elif byte < _SPACE:
            return -1, kind
        elif byte < _NOT_ASCII:
            at += 1
        else:
            at = _character(data, at, end)
        if at < 0:
            return -1, kind


@part
def _character(data: Any, at: int, end: int) -> int:
    """Return where a character ends that takes several bytes; -1 when it is no UTF-8 (RFC 3629, section 4)."""
    byte = data[at]
    more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
    if byte < 0xC2 or byte > 0xF4 or at + more >= end:
        return -1
    low, high = 0x80, 0xBF
    if byte == 0xE0:
        low = 0xA0  # not in fewer bytes
    elif byte == 0xED:
        high = 0x9F  # no surrogates
    elif byte == 0xF0:
        low = 0x90
    elif byte == 0xF4:
        high = 0x8F  # nothing above U+10FFFF
    if not low <= data[at + 1] <= high:
        return -1
    for place in range(at + 2, at + more + 1):
        if data[place] & 0xC0 != _NOT_ASCII:
            return -1
    return at + more + 1


@part
def _digits(data: Any, at: int, end: int) -> int:
    while at < end and _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@part
def _number(data: Any, at: int, end: int) -> tuple[int, int]:
    """Return (behind the number, or -1; kind)."""
    negative = data[at] == _MINUS
    first = at + 1 if negative else at
    at = _digits(data, first, end)
    if at == first or (data[first] == _ZERO and at > first + 1):
        return -1, WHOLE
    kind = WHOLE
    if at - first > _LONG:
        kind = BIG
        if at - first == _LONG + 1:  # 19 digits are below 2^64
            size = np.uint64(0)
            for digit in range(first, at):
                size = size * np.uint64(10) + np.uint64(data[digit] - _ZERO)
            if size < _LIMIT or (negative and size == _LIMIT):
                kind = WHOLE
    if at < end and data[at] == _POINT:
        kind, start = FRACTION, at + 1
        at = _digits(data, start, end)
        if at == start:
            return -1, kind
    if at < end and (data[at] == _E or data[at] == 69):
        kind, start = FRACTION, at + 1
        if start < end and (data[start] == _PLUS or data[start] == _MINUS):
            start += 1
        at = _digits(data, start, end)
        if at == start:
            return -1, kind
    return at, kind


@part
def _word(data: Any, at: int, end: int) -> tuple[int, int]:
    """Return (behind `true`, `false` or `null`, or -1; kind)."""
    left, byte = end - at, data[at]
    if byte == _T and left >= 4 and data[at + 1] == 114 and data[at + 2] == _U and data[at + 3] == _E:
        return at + 4, BOOLEAN
    if byte == _F and left >= 5 and data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115:
        return (at + 5 if data[at + 4] == _E else -1), BOOLEAN
    if byte == _N and left >= 4 and data[at + 1] == _U and data[at + 2] == 108 and data[at + 3] == 108:
        return at + 4, NULL
    return -1, NULL


@part
def _eight(data: Any, at: int, length: int) -> Any:
    """Return at most eight bytes of a key as a number, the first byte lowest."""
    if length >= _WORD_BYTES:
        return word(data, at)
    if at + _WORD_BYTES <= len(data):
        return word(data, at) & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
    found = np.uint64(0)
    for place in range(length):
        found |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return found


@part
def _hashed(data: Any, at: int, length: int, seed: Any) -> Any:
    """Return the hash of a key, as `layout` has it."""
    hashed = seed
    for offset in range(0, length, _WORD_BYTES):
        hashed = (hashed ^ _eight(data, at + offset, length - offset)) * _MIX
        hashed ^= hashed >> np.uint64(32)
    return hashed


@part
def _find(data: Any, at: int, length: int, node: int, hashed: Any, keys: Any) -> int:
    """Return the child of a node for the key whose bytes are here, or -1."""
    _, table, parents, children, starts, lengths, words = keys
    size = len(table)
    place = np.int64(hashed) & (size - 1)
    while table[place] >= 0:
        number = table[place]
        if parents[number] == node and lengths[number] == length:
            same = True
            for offset in range(0, length, _WORD_BYTES):
                same &= words[starts[number] + offset // _WORD_BYTES] == _eight(data, at + offset, length - offset)
            if same:
                return int(children[number])
        place = (place + 1) & (size - 1)
    return -1


@part
def _key(data: Any, at: int, end: int) -> int:
    """Return where the closing quote of a key stands, or -1: when it has escapes, or is no text."""
    while True:
        at = _next_mark(data, at)
        if at >= end or data[at] == _BACKSLASH or data[at] < _SPACE:
            return -1
        if data[at] == _QUOTE:
            return at
        at = at + 1 if data[at] < _NOT_ASCII else _character(data, at, end)
        if at < 0:
            return -1


@compiled
def scan(
    data: Any,
    offsets: Any,
    begin: int,
    limits: Any,
    stack: Any,
    nodes: Any,
    keys: Any,
    reports: Any,
    message: Any,
    item: Any,
) -> tuple[int, int]:
    """Scan messages from `begin`; return (the message at which the rows ran out of room, or how many there are; rows)."""
    longest, deepest = limits
    inside, in_object = stack
    of_message, exploded = nodes
    seeds = keys[0]
    kinds, starts, ends, unknown, status, first = message
    item_kinds, item_starts, item_ends, item_unknown = item
    rows = first[begin]
    for number in range(begin, len(offsets) - 1):
        first[number] = rows
        kinds[number, :] = ABSENT
        unknown[number] = np.uint64(0)
        at, end = offsets[number], offsets[number + 1]
        if status[number] != FINE or end - at > longest:
            status[number] = STRANGE
            continue
        depth, target, row, fine = 0, 0, rows - 1, False
        while True:
            # a value, to be noted at `target`
            at = _skip_space(data, at, end)
            if at >= end:
                break
            start, opened = at, False
            byte = data[at]
            if byte == _QUOTE:
                at, kind = _text(data, at + 1, end)
            elif byte == _OPEN_OBJECT or byte == _OPEN_LIST:
                kind = OBJECT if byte == _OPEN_OBJECT else ARRAY
                opened = True
                at += 1
                depth += 1
                if depth > deepest:
                    break
            elif byte == _MINUS or _ZERO <= byte <= _NINE:
                at, kind = _number(data, at, end)
            else:
                at, kind = _word(data, at, end)
            if at < 0:
                break
            if target >= of_message:
                place = target - of_message
                if place == 0:
                    row = rows
                    if row >= len(item_kinds):
                        return number, first[number]
                    rows += 1
                    item_kinds[row, :] = ABSENT
                    item_unknown[row] = np.uint64(0)
                item_kinds[row, place] = kind
                item_starts[row, place] = start
                item_ends[row, place] = at
            elif target >= 0:
                kinds[number, target] = kind
                starts[number, target] = start
                ends[number, target] = at
            closed = False
            if opened:
                inside[depth] = target
                in_object[depth] = kind == OBJECT
                at = _skip_space(data, at, end)
                if at >= end:
                    break
                closed = data[at] == (_CLOSE_OBJECT if kind == OBJECT else _CLOSE_LIST)
                if closed:
                    at += 1
                    depth -= 1
            # what follows a value: the end, a comma, closing brackets
            if not opened or closed:
                bad = False
                while depth > 0:
                    at = _skip_space(data, at, end)
                    if at >= end:
                        bad = True
                        break
                    byte = data[at]
                    at += 1
                    if byte == _COMMA:
                        break
                    if byte != (_CLOSE_OBJECT if in_object[depth] else _CLOSE_LIST):
                        bad = True
                        break
                    depth -= 1
                if bad:
                    break
                if depth == 0:
                    fine = _skip_space(data, at, end) == end
                    break
            node = inside[depth]
            if not in_object[depth]:
                target = of_message if node >= 0 and node == exploded else -1
                continue
            # a key and its colon
            at = _skip_space(data, at, end)
            if at >= end or data[at] != _QUOTE:
                break
            at += 1
            start = at
            target = -1
            if node < 0:
                at, kind = _text(data, at, end)
                if at < 0:
                    break
            else:
                at = _key(data, at, end)
                if at < 0:
                    break
                hashed = _hashed(data, start, at - start, seeds[node])
                target = _find(data, start, at - start, node, hashed, keys)
                if target < 0:
                    if reports[node]:
                        told = hashed * _MIX
                        told = (told ^ (told >> np.uint64(32))) | np.uint64(1 << 63)
                        if node < of_message:
                            unknown[number] += told
                        else:
                            item_unknown[row] += told
                elif target >= of_message:
                    if item_kinds[row, target - of_message] != ABSENT:
                        target = -1  # of a key that stands twice the first counts
                elif kinds[number, target] != ABSENT:
                    target = -1
                at += 1
            at = _skip_space(data, at, end)
            if at >= end or data[at] != _COLON:
                break
            at += 1
        if not fine:
            status[number] = STRANGE
            rows = first[number]
    first[len(offsets) - 1] = rows
    return len(offsets) - 1, rows

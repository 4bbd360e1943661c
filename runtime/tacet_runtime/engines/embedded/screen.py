"""Which messages DuckDB may see: UTF-8, strictly RFC 8259, objects, within the limits. The others take the strict path.

DuckDB's JSON takes trailing commas, NaN and Infinity; msgspec's decoder does not. It is asked for an object without
fields, which it checks from end to end and throws away. The screen may refuse too much, never too little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Limits


class _Anything(msgspec.Struct):
    """An object of which nothing is kept."""


_decode = msgspec.json.Decoder(_Anything).decode
_KEY_BYTES = 4
"""A key of an object takes at least `"":0` and a comma."""


def clean(messages: pa.LargeBinaryArray, limits: Limits) -> np.ndarray:
    """Return a boolean array: True for what DuckDB may see."""
    longest = min(limits.message_bytes, limits.string_bytes, limits.keys * _KEY_BYTES)
    found = np.fromiter((_strict(data, longest, limits.depth) for data in messages.to_pylist()), bool, len(messages))
    for at in _not_utf8(messages, 0):
        found[at] = False
    return found


def _strict(data: bytes | None, longest: int, depth: int) -> bool:
    if data is None or len(data) > longest or data.count(b"{") + data.count(b"[") > depth:
        return False
    try:
        _decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _not_utf8(messages: pa.LargeBinaryArray, start: int) -> list[int]:
    """Return the positions that are not UTF-8, by halving what Arrow's own check refuses."""
    try:
        messages.cast(pa.large_string())
    except pa.ArrowInvalid:
        if len(messages) == 1:
            return [start]
        half = len(messages) // 2
        return _not_utf8(messages[:half], start) + _not_utf8(messages[half:], start + half)
    return []


def as_text(messages: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """Return messages that are UTF-8 as strings, without copying."""
    return pa.LargeStringArray.from_buffers(
        len(messages), *messages.buffers()[1:], *messages.buffers()[:1], offset=messages.offset
    )

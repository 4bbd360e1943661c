"""Bytes -> JSON value, strictly RFC 8259: what is malformed here is malformed on every engine.

The scanner is the standard library's, with hooks: numbers keep their text (so that 1, 1.0 and 1e0 stay different), of a
duplicate key the first counts, NaN and Infinity are refused, depth and keys are bounded. Lone surrogates pass: they
are a matter of the field that is read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Limits


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class WholeNumber(Number):
    """A JSON number without fraction and exponent."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a message is no JSON that a job takes."""

    kind: Literal["malformed", "too_large", "too_deep"]
    detail: str


class _TooManyKeys(Exception):  # noqa: N818
    """Raised inside the scanner."""


_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def decode(data: bytes | None, limits: Limits) -> Any | Refused:
    """Return the value (dict, list, str, Number, bool or None), or why there is none.

    Checked in this order: tombstone, size, encoding, depth, syntax, number of keys.
    """
    if data is None:
        return Refused("malformed", "tombstone")
    if len(data) > limits.message_bytes:
        return Refused("too_large", f"message_bytes: {len(data)} > {limits.message_bytes}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refused("malformed", f"not UTF-8 at byte {error.start}")
    if _deeper(text, limits.depth):
        return Refused("too_deep", f"depth: > {limits.depth}")
    counter = _Pairs(limits.keys)
    decoder = json.JSONDecoder(
        object_pairs_hook=counter, parse_float=Number, parse_int=WholeNumber, parse_constant=_refuse_constant
    )
    try:
        value, end = decoder.raw_decode(text, _space(text, 0))
    except json.JSONDecodeError as error:
        return Refused("malformed", f"not JSON at byte {_byte(text, error.pos)}")
    except ValueError:
        return Refused("malformed", "not JSON: NaN or Infinity")
    except _TooManyKeys:
        return Refused("too_large", f"keys: > {limits.keys}")
    if _space(text, end) != len(text):
        return Refused("malformed", f"text after the value at byte {_byte(text, _space(text, end))}")
    return value


_SPACE = re.compile(r"[ \t\n\r]*")


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _byte(text: str, character: int) -> int:
    return len(text[:character].encode("utf-8"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _Pairs:
    """Builds objects: the first of duplicate keys counts; counts keys over the whole message."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._seen += len(pairs)
        if self._seen > self._limit:
            raise _TooManyKeys
        value = dict(pairs)
        if len(value) != len(pairs):
            value = dict(reversed(pairs))
        return value


def _deeper(text: str, limit: int) -> bool:
    """Tell whether brackets nest deeper than the limit, strings aside; the scanner recurses, so this comes first."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def dump(value: Any) -> str:
    """Write a decoded value as compact JSON; numbers keep their text."""
    match value:
        case Number():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=not _encodable(value))
        case dict():
            return "{" + ",".join(f"{dump(k)}:{dump(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(dump, value)) + "]"
        case _:
            return json.dumps(value)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

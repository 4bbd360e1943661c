"""Versions of producers: how they are read and compared, in each scheme. One meaning, for compiler and runtime."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_runtime.plan.model import Bound

Scheme: TypeAlias = Literal["semver", "dotted", "integer", "date"]
Key: TypeAlias = tuple[object, ...]

_NUMBER = r"(0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SHAPES = {
    "semver": re.compile(
        rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
    ),
    "dotted": re.compile(r"[0-9]+(?:\.[0-9]+)*"),
    "integer": re.compile(r"[0-9]+"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
MAX_LENGTH = 256
"""Characters of a version; a longer text is none, and numbers of any size below it are compared exactly."""


def version_key(text: str, scheme: Scheme) -> Key | None:
    """Return what versions of a scheme compare by, or None when the text is no version of it.

    semver: SemVer 2.0.0, sections 9 to 11 (a pre-release sorts before its release; build metadata is ignored).
    dotted: numbers; the shorter is filled with zeros. integer: one number. date: ISO 8601, YYYY-MM-DD.
    """
    match = _SHAPES[scheme].fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        return None
    if scheme == "semver":
        return (int(match[1]), int(match[2]), int(match[3]), *_prerelease(match[4]))
    if scheme == "dotted":
        numbers = [int(part) for part in text.split(".")]
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        return tuple(numbers)
    if scheme == "integer":
        return (int(text),)
    try:
        return (dt.date.fromisoformat(text).toordinal(),)
    except ValueError:
        return None


def _prerelease(text: str | None) -> Key:
    if text is None:
        return ((1,),)
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in text.split("."))
    return ((0, parts),)


def holds(bounds: Iterable[Bound], key: Key, scheme: Scheme) -> bool:
    """Tell whether a version lies in a range: all bounds must hold."""
    return all(_holds(bound, key, scheme) for bound in bounds)


def _holds(bound: Bound, key: Key, scheme: Scheme) -> bool:
    limit = version_key(bound.version, scheme)
    if limit is None:
        return False
    match bound.operator:
        case ">=":
            return key >= limit
        case ">":
            return key > limit
        case "<=":
            return key <= limit
        case "<":
            return key < limit
        case "=":
            return key == limit

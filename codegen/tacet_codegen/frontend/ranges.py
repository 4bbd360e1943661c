"""Version ranges: `>=4.0.0 <5.2.0`, in each scheme; reading them, and telling whether two can both hold.

How versions of producers compare is the runtime's meaning too (`steps/versions.py`); here are only their texts.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.ir.model import Version
from tacet_runtime.plan.model import Bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.model import Scheme

_BOUND = re.compile(r"(>=|<=|>|<|=)([^\s<>=]{1,64})")
_NUMBER = r"(0|[1-9][0-9]{0,17})"
_SHAPES = {
    "semver": re.compile(
        rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
    ),
    "dotted": re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18}){0,15}"),
    "integer": re.compile(r"[0-9]{1,18}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_EXAMPLES = {
    "semver": ">=4.0.0 <5.2.0",
    "dotted": ">=10.2 <11",
    "integer": ">=120 <200",
    "date": ">=2026-01-01 <2026-07-01",
}
Key = tuple[object, ...]


def read_bounds(text: Scalar, scheme: Scheme, problems: Problems) -> tuple[Bound, ...] | None:
    """Read `>=a <b`: all must hold."""
    parts = text.value.split()
    bounds: list[Bound] = []
    for part in parts:
        match = _BOUND.fullmatch(part)
        if match is None or version_key(match[2], scheme) is None:
            problems.add(
                "E303",
                f"range `{reading.cut(text.value)}`: `{reading.cut(part)}` is no {scheme} bound",
                text.at(text.value.find(part)),
                f"write for example `{_EXAMPLES[scheme]}`",
            )
            return None
        bounds.append(Bound(match[1], match[2]))  # type: ignore[arg-type]
    if not bounds:
        problems.add("E303", "an empty range", text.span, f"write for example `{_EXAMPLES[scheme]}`")
        return None
    if _empty(bounds, scheme):
        problems.add(
            "E303",
            f"range `{reading.cut(text.value)}` holds for no version",
            text.span,
            "put the smaller bound after `>=`",
        )
        return None
    return tuple(bounds)


def version_key(text: str, scheme: Scheme) -> Key | None:
    """Return what versions of a scheme compare by, or None when the text is no version of it.

    semver: SemVer 2.0.0 section 11 (a pre-release sorts before its release; build metadata is ignored).
    dotted: numbers, the shorter is filled with zeros. integer: a number. date: ISO 8601.
    """
    match = _SHAPES[scheme].fullmatch(text)
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


def _empty(bounds: Iterable[Bound], scheme: Scheme) -> bool:
    low, low_open, high, high_open = _interval(bounds, scheme)
    if low is None or high is None:
        return False
    return bool(low > high) or (low == high and (low_open or high_open))


def overlap(one: Iterable[Bound], other: Iterable[Bound], scheme: Scheme) -> bool:
    """Tell whether some version can satisfy both."""
    return not _empty([*one, *other], scheme)


def _interval(bounds: Iterable[Bound], scheme: Scheme) -> tuple[Key | None, bool, Key | None, bool]:
    low: Key | None = None
    high: Key | None = None
    low_open = high_open = False
    for bound in bounds:
        key = version_key(bound.version, scheme)
        if key is None:
            continue
        if bound.operator in {">=", ">", "="} and (low is None or key >= low):
            low_open = bound.operator == ">" or (low == key and low_open)
            low = key
        if bound.operator in {"<=", "<", "="} and (high is None or key <= high):
            high_open = bound.operator == "<" or (high == key and high_open)
            high = key
    return low, low_open, high, high_open


def contains(bounds: Iterable[Bound], version: Version) -> bool:
    """Tell whether a contract version lies in a range of contract versions."""
    key = version_key(str(version), "semver")
    return key is not None and not _empty([*bounds, Bound("=", str(version))], "semver")

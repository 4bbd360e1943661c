"""Version ranges: `>=4.0.0 <5.2.0`, in each scheme; reading them, and telling whether two can both hold.

How versions compare is the plan's (`plan/versions.py`): one meaning for compiler and runtime.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_runtime.plan.model import Bound
from tacet_runtime.plan.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.model import Scheme, Version
    from tacet_runtime.plan.versions import Key

_BOUND = re.compile(r"(>=|<=|>|<|=)([^\s<>=]{1,64})")
_FIRST: dict[Scheme, Key] = {"dotted": (0,), "integer": (0,), "date": (1,)}
"""What no version lies below."""
_EXAMPLES = {
    "semver": ">=4.0.0 <5.2.0",
    "dotted": ">=10.2 <11",
    "integer": ">=120 <200",
    "date": ">=2026-01-01 <2026-07-01",
}


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
            "put the smaller bound after `>=`" if len(bounds) > 1 else f"write for example `{_EXAMPLES[scheme]}`",
        )
        return None
    return tuple(bounds)


def _empty(bounds: Iterable[Bound], scheme: Scheme) -> bool:
    low, low_open, high, high_open = _interval(bounds, scheme)
    if high is not None and high_open and high == _FIRST.get(scheme):
        return True
    if low is None or high is None:
        return False
    if low_open and high_open and scheme in {"integer", "date"} and _number(high) == _number(low) + 1:
        return True
    return bool(low > high) or (low == high and (low_open or high_open))


def _number(key: Key) -> int:
    """Return what whole numbers, and days, are counted by: between two neighbours there is none."""
    return int(str(key[0]))


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

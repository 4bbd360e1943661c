"""What `released.lock` and `waivers.yaml` say about the files: a released one never changes, a waiver ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend import reading
from tacet_codegen.frontend.nodes import parse
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.ir.lock import LockError, parse_lock
from tacet_codegen.ir.model import Lock, Waiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.nodes import Node
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.model import Header

_RULE = re.compile(r"W[0-9]{3}")
WAIVERS = Shape({"waivers": "a list"})
WAIVER = Shape(
    {
        "rule": "the rule's id",
        "contract": "namespace.name@version, or a producer's file",
        "reason": "why",
        "expires": "last day, UTC",
    }
)


def read_lock(data: bytes | None, file: str, problems: Problems) -> Lock:
    """Read the lock; an absent one is empty."""
    if data is None:
        return Lock()
    try:
        return parse_lock(data)
    except LockError as error:
        problems.add(
            "E603",
            f"damaged lock: {reading.cut(str(error))}",
            Span(file, error.line, 1 if error.line else 0),
            "restore it from version control: ids in it may never change",
        )
        return Lock()


def check_released(lock: Lock, places: Iterable[Place], problems: Problems) -> None:
    """Compare every released file with its digest."""
    present = {place.file: place for place in places}
    for file, digest in sorted(lock.released.items()):
        place = present.get(file)
        if place is None:
            problems.add(
                "E602",
                f"released file `{reading.cut(file)}` is gone",
                Span(file),
                "restore it: what was released stays; `status: deprecated` belongs in a new version",
            )
        elif place.digest != digest:
            problems.add(
                "E601",
                f"released file `{reading.cut(file)}` was changed",
                Span(file),
                "restore it, and put the change into a new version",
            )


def newly_released(headers: Iterable[Header], lock: Lock) -> dict[str, str]:
    """Return file -> digest of what is released and not yet locked."""
    return {h.file: h.digest for h in headers if h.status == "released" and h.file not in lock.released}


def read_waivers(place: Place | None, files: Mapping[str, str], problems: Problems) -> tuple[Waiver, ...]:
    """Read the waivers' file; `files`: what a contract is called -> its path."""
    if place is None:
        return ()
    node, wrong = parse(place.data, place.file)
    problems.found.extend(wrong)
    found = reading.keys(node, WAIVERS, "waivers", problems)
    if found is None:
        return ()
    waivers = [_waiver(item, files, problems) for item in reading.elements(found.get("waivers"), "waivers", problems)]
    return tuple(w for w in waivers if w is not None)


def _waiver(node: Node, files: Mapping[str, str], problems: Problems) -> Waiver | None:
    found = reading.keys(node, WAIVER, "waiver", problems)
    if found is None:
        return None
    rule = reading.text(found.get("rule"), "rule", problems)
    contract = reading.text(found.get("contract"), "contract", problems)
    reason = reading.text(found.get("reason"), "reason", problems, lines=True)
    expires = reading.date(found.get("expires"), "expires", problems)
    if rule is not None and not _RULE.fullmatch(rule.value):
        problems.add(
            "E604", f"waiver of `{reading.cut(rule.value)}`", rule.span, "only warnings are waived: write a W code"
        )
        return None
    if contract is not None and contract.value not in files:
        hint = reading.did_you_mean(contract.value, files, "write `namespace.name@version`, or a producer's file")
        problems.add("E604", f"waiver for `{reading.cut(contract.value)}`, and there is none", contract.span, hint)
        return None
    if rule is None or contract is None or reason is None or expires is None:
        return None
    return Waiver(rule.value, files[contract.value], reason.value.strip(), expires, rule.span)

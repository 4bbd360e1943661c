"""gaps.yaml: where a target does not say what the reference says, and why. A gap that nothing needs any more is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

PATH = Path(__file__).parent / "gaps.yaml"
Says = Literal["accepts", "refuses", "value"]


@dataclass(frozen=True)
class Gap:
    """One line: target, which cases and texts, what the target does instead, the reason."""

    target: str
    cases: str
    says: Says
    texts: str
    reason: str

    def covers(self, target: str, case: str, says: str, text: str | None) -> bool:
        """Tell whether a difference is this gap's."""
        return (
            target == self.target
            and says == self.says
            and re.fullmatch(self.cases, case) is not None
            and re.search(self.texts, text or "") is not None
        )


def gaps() -> list[Gap]:
    """Read the file."""
    return [Gap(**{"texts": "", **entry}) for entry in yaml.safe_load(PATH.read_text(encoding="utf-8"))]


class Ledger:
    """Takes every difference: known ones are counted, the others kept."""

    def __init__(self) -> None:
        self._gaps = gaps()
        self.used = [0] * len(self._gaps)
        self.unknown: list[str] = []

    def take(self, target: str, case: str, says: str, text: str | None, more: str = "") -> None:
        """Take one difference."""
        for number, gap in enumerate(self._gaps):
            if gap.covers(target, case, says, text):
                self.used[number] += 1
                return
        self.unknown.append(f"{target} {says} in `{case}`: {text}"[:300] + more)

    def stale(self) -> list[Gap]:
        """Return the gaps that no difference needed."""
        return [gap for gap, times in zip(self._gaps, self.used, strict=True) if not times]

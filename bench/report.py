"""What was measured, against its bounds: a table for people, JSON for machines, and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio or limit. `bound` None: for information; `least`: it must be at least the bound, else at most."""

    name: str
    value: float
    bound: float | None
    note: str
    least: bool = True

    @property
    def verdict(self) -> str:
        """Return `pass`, `MISSED`, or nothing when there is no bound."""
        if self.bound is None:
            return ""
        met = self.value >= self.bound if self.least else self.value <= self.bound
        return "pass" if met else "MISSED"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines."""
    rows = [("figure", "value", "bound", "", "how")]
    for one in figures:
        bound = "" if one.bound is None else f"{'>=' if one.least else '<='} {one.bound:g}"
        rows.append((one.name, f"{one.value:.3g}", bound, one.verdict, one.note))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def stage_table(stages: Mapping[str, float], messages: int, valid: float) -> str:
    """Return what each stage costs: microseconds of CPU a message, and as a multiple of json_valid's."""
    whole = sum(stages.values())
    lines = [f"{'stage':28}{'us/message':>12}{'x json_valid':>14}{'share':>8}"]
    for name, seconds in sorted(stages.items(), key=lambda item: -item[1]):
        each = seconds / messages * 1e6
        lines.append(f"{name:28}{each:12.2f}{each / valid:14.2f}{seconds / whole:8.1%}")
    return "\n".join(lines)


def write(folder: Path, figures: Sequence[Figure], stages: Mapping[str, float], more: Mapping[str, object]) -> None:
    """Write `bench.json` and `bench.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "figures": [{**asdict(one), "verdict": one.verdict} for one in figures],
        "stages": dict(stages),
        **more,
    }
    (folder / "bench.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "bench.svg").write_text(picture(figures, stages), encoding="utf-8")


def picture(figures: Sequence[Figure], stages: Mapping[str, float]) -> str:
    """Return a picture: each bounded figure as a bar against its bound (the line), then the stages by their share."""
    bounded = [one for one in figures if one.bound is not None]
    parts, y = [], 30
    for one in bounded:
        reach = (one.value / one.bound if one.least else one.bound / one.value) if one.bound and one.value else 0.0
        colour = "#2a7f4f" if one.verdict == "pass" else "#b3402a"
        parts.append(_bar(y, one.name, min(reach, 2.0) / 2.0, colour, f"{one.value:.3g} (bound {one.bound:g})"))
        y += 24
    parts.append(f'<line x1="500" y1="20" x2="500" y2="{y}" stroke="#333" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="500" y="16" text-anchor="middle">bound</text><text x="10" y="{y + 24}">CPU by stage</text>')
    y += 40
    whole = sum(stages.values()) or 1.0
    for name, seconds in sorted(stages.items(), key=lambda item: -item[1]):
        parts.append(_bar(y, name, seconds / whole, "#34618f", f"{seconds / whole:.1%}"))
        y += 24
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{y + 10}" font-family="sans-serif" font-size="13">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _bar(y: int, name: str, share: float, colour: str, text: str) -> str:
    width = round(share * 400)
    return (
        f'<text x="290" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="300" y="{y}" width="{width}" height="18" fill="{colour}"/>'
        f'<text x="{max(300 + width, 500) + 10}" y="{y + 14}">{escape(text)}</text>'
    )

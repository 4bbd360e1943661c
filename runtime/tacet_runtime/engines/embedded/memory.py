"""What the engine remembers from batch to batch: shapes of messages, kinds of rows, their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.engines.embedded.shapes import Shapes
from tacet_runtime.engines.embedded.templates import Templates

if TYPE_CHECKING:
    from tacet_runtime.engines.embedded.layout import Layout
    from tacet_runtime.plan.model import Plan

_SHAPES, _KINDS, _LABELS = 50_000, 20_000, 20_000
"""A stream that keeps making new ones must not fill the memory: a shape is about 0.5 KB (3 KB with unknown keys), a kind about 10 KB."""


class Memory:
    """All of it refers to one another by number, so it is forgotten together."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.message = Shapes(plan, layout, "$")
        self.item = Shapes(plan, layout, "$item")
        self.templates = Templates(plan)
        self.kinds: dict[bytes, int] = {}
        """What makes a kind -> number of its template before derivation."""
        self.ends: dict[bytes, int] = {}
        """The same and what became of it in derivation -> number of its template."""

    def full(self) -> bool:
        """Tell whether it is time to begin anew."""
        return (
            max(len(self.message), len(self.item)) > _SHAPES
            or len(self.templates) > _KINDS
            or len(self.templates.labels) > _LABELS
        )

"""What the engine remembers from batch to batch: shapes of messages, kinds of rows, their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.engines.embedded.shapes import Shapes
from tacet_runtime.engines.embedded.templates import Templates

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan

_REMEMBERED = 200_000
"""A stream that keeps making new shapes or kinds must not fill the memory."""


class Memory:
    """All of it refers to one another by number, so it is forgotten together."""

    def __init__(self, plan: Plan) -> None:
        self.message = Shapes(plan.source, "$")
        self.item = Shapes(plan.source, "$item")
        self.templates = Templates(plan)
        self.kinds: dict[bytes, int] = {}
        """What makes a kind -> number of its template before derivation."""
        self.ends: dict[bytes, int] = {}
        """The same and what became of it in derivation -> number of its template."""

    def full(self) -> bool:
        """Tell whether it is time to begin anew."""
        return max(len(self.message), len(self.item), len(self.templates)) > _REMEMBERED

"""How a reader of an expression stops: one mistake, where it stands in the text, and a way out."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Refused(Exception):  # noqa: N818  (a mistake of the contract's author, reported as a Diagnostic)
    """One mistake at an offset of the expression's text."""

    def __init__(self, code: str, message: str, at: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest, or None."""
    near = difflib.get_close_matches(word.lower(), sorted({k.lower() for k in known}), n=1, cutoff=0.6)
    return next((k for k in sorted(known) if near and k.lower() == near[0]), None)

"""Texts that match a pattern of the language: made from its parse, then checked."""

from __future__ import annotations

import re
import string
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_PRINTABLE = string.ascii_letters + string.digits
_LONGEST = 8
"""How often an open repetition is repeated at most, above its least."""


def matching(rng: random.Random, pattern: str, count: int) -> list[str]:
    """Return up to `count` texts that match as a whole; none where no text could be made."""
    tree = parser.parse(pattern)
    whole = re.compile(pattern, re.ASCII)
    texts = (_text(rng, tree) for _ in range(count * 4))
    return [text for text in texts if whole.fullmatch(text)][:count]


def unmatched(pattern: str) -> str | None:
    """Return a text that does not match, or None for a pattern that everything matches."""
    whole = re.compile(pattern, re.ASCII)
    return next((text for text in ("?", "", "~", "not this", "0", "x" * 600) if not whole.fullmatch(text)), None)


def _text(rng: random.Random, tree: Any) -> str:
    return "".join(_piece(rng, code, argument) for code, argument in tree)


def _piece(rng: random.Random, code: Any, argument: Any) -> str:
    match code:
        case codes.LITERAL:
            return chr(argument)
        case codes.NOT_LITERAL:
            return "a" if argument != ord("a") else "b"
        case codes.ANY:
            return rng.choice(string.ascii_lowercase)
        case codes.IN:
            return _member(rng, argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT:
            low, high, inner = argument
            most = int(low) + _LONGEST if high is codes.MAXREPEAT else min(int(high), int(low) + _LONGEST)
            return "".join(_text(rng, inner) for _ in range(rng.randint(int(low), most)))
        case codes.BRANCH:
            return _text(rng, rng.choice(argument[1]))
        case codes.SUBPATTERN:
            return _text(rng, argument[-1])
        case _:
            return ""


def _member(rng: random.Random, items: list[tuple[Any, Any]]) -> str:
    negated = items[0][0] is codes.NEGATE
    found: list[int] = []
    for code, argument in items[1:] if negated else items:
        if code is codes.RANGE:
            found += range(argument[0], min(argument[1], argument[0] + 255) + 1)
        elif code is codes.LITERAL:
            found.append(argument)
    if negated:
        return rng.choice([c for c in _PRINTABLE if ord(c) not in found] or ["\u00e9"])
    return chr(rng.choice(found))

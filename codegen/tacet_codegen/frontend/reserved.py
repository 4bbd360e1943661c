"""Names that a target cannot carry, even quoted. SQL's own words are not here: every renderer quotes its names."""

from __future__ import annotations

import keyword

_PYTHON_MODEL = frozenset({"self", "cls", "print", "None", "True", "False", "__init__", "__class__", "__dict__"})
_PATHS = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})


def reserved_by(name: str) -> str | None:
    """Return who reserves the name, or None."""
    if keyword.iskeyword(name) or name in _PYTHON_MODEL:
        return "Python"
    if name.startswith("__"):
        return "Python (two leading underscores)"
    if name.casefold() in _PATHS:
        return "Windows (a file of this name cannot be made)"
    return None

"""`$.device."app.version"` -> a path, and back. Keys are compared exactly; nothing here is JSONPath's filter language."""

from __future__ import annotations

import re

from tacet_runtime.plan.expressions import Path

ROOTS = ("$item", "$index", "$")
_STEP = re.compile(r'\.(?:([A-Za-z_][A-Za-z0-9_-]{0,127})|"([^"\\]{0,256})")')
"""A key with a quote or a backslash in it is refused: no typed model can name it."""
MAX_STEPS = 32


def parse_path(text: str) -> tuple[Path | None, int]:
    """Return the path, or None and the offset of what is wrong."""
    root = next((r for r in ROOTS if text.startswith(r)), None)
    if root is None:
        return None, 0
    at = len(root)
    steps: list[str] = []
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or len(steps) >= MAX_STEPS:
            return None, at
        steps.append(match[1] if match[1] is not None else match[2])
        at = match.end()
    if root == "$index" and steps:
        return None, len(root)
    return Path(root, tuple(steps)), at

"""Mistakes in contracts, as values: where, what, and one way out. Rendered as text, JSON or GitHub annotations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity: TypeAlias = Literal["error", "warning", "info"]
Format: TypeAlias = Literal["text", "json", "github"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a contract: path relative to the repository with `/`, line and column from 1 (0: the whole file)."""

    file: str
    line: int = 0
    col: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `code` is stable; `message` quotes values in backticks and has no full stop; `hint` is a way out."""

    code: str
    severity: Severity
    message: str
    span: Span
    hint: str | None = None


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any of them is an error."""
    return any(d.severity == "error" for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort by place, then code, and drop repeats."""
    return sorted(set(diagnostics), key=lambda d: (d.span, d.code, d.message))


def render(diagnostics: Iterable[Diagnostic], form: Format) -> str:
    """Render in the order given, one per line (text adds an indented hint line); empty text for none."""
    match form:
        case "text":
            lines = [_text(d) for d in diagnostics]
        case "json":
            lines = [json.dumps(as_json(d), ensure_ascii=False) for d in diagnostics]
        case "github":
            lines = [_github(d) for d in diagnostics]
    return "".join(f"{line}\n" for line in lines)


def as_json(diagnostic: Diagnostic) -> dict[str, str | int | None]:
    """Return the diagnostic as a flat JSON object."""
    span = diagnostic.span
    return {
        "file": span.file,
        "line": span.line,
        "col": span.col,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def _text(diagnostic: Diagnostic) -> str:
    head = (
        f"{_one_line(str(diagnostic.span))}: {diagnostic.severity}[{diagnostic.code}]: {_one_line(diagnostic.message)}"
    )
    return f"{head}\n  hint: {_one_line(diagnostic.hint)}" if diagnostic.hint else head


def _github(diagnostic: Diagnostic) -> str:
    """Follow the workflow-command syntax of GitHub Actions: `%`, CR and LF are escaped, also `:` and `,` in properties."""
    level = {"error": "error", "warning": "warning", "info": "notice"}[diagnostic.severity]
    span = diagnostic.span
    place = f"file={_property(span.file)},line={max(span.line, 1)},col={max(span.col, 1)}"
    text = diagnostic.message + (f" (hint: {diagnostic.hint})" if diagnostic.hint else "")
    return f"::{level} {place},title={_property(diagnostic.code)}::{_escaped(text)}"


def _escaped(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return _one_line(escaped)


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _one_line(text: str) -> str:
    """Escape what would break the line or deceive the reader's eye (control and bidirectional characters)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

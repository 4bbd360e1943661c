"""SQL's expression subset: text -> typed, closed AST, or diagnostics with exact positions. See docs/expressions.md.

`scan` (tokens) -> `syntax` (what binds to what) -> `check` and `calls` (types) ; `text` writes it back, canonically.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Diagnostic
from tacet_codegen.frontend.expressions.check import Scope, check
from tacet_codegen.frontend.expressions.problems import Refused
from tacet_codegen.frontend.expressions.scan import scan
from tacet_codegen.frontend.expressions.syntax import read
from tacet_codegen.frontend.expressions.text import text
from tacet_runtime.plan.walk import columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from tacet_codegen.diagnostics import Span
    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.types import Type

_HINT = "see docs/expressions.md"

__all__ = ["Scope", "inputs", "parse", "text"]


def parse(
    text: str,
    span_of: Callable[[int], Span],
    scope: Scope,
    diagnostics: list[Diagnostic],
    expected: Type | None = None,
) -> Expression | None:
    """Read and type one expression; `expected` is widened to (int to long) but never narrowed to.

    `span_of` gives the place of an offset of `text`. Returns None after appending one E5xx diagnostic.
    """
    try:
        return check(read(scan(text)), scope, expected)
    except Refused as refused:
        diagnostics.append(
            Diagnostic(refused.code, "error", refused.message, span_of(refused.at), refused.hint or _HINT)
        )
        return None


def inputs(expression: Expression) -> tuple[str, ...]:
    """Return the columns of an expression, each once, in the order they are written."""
    return columns(expression)

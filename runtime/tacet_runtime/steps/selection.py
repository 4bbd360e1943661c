"""`select`: is this message ours? Its paths take the type they are compared with; anything else there is NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tacet_runtime.steps.expressions import evaluate
from tacet_runtime.steps.paths import ABSENT, find
from tacet_runtime.steps.typing import Wrong, typer

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Expression, PathValue

_NO_LIMIT = 1 << 40


def selected(select: Expression, message: Any) -> bool:
    """Tell whether a decoded message is selected: TRUE selects, FALSE and NULL do not."""

    def value(path: PathValue) -> Any:
        found = find(path.path.steps, message)
        if found is ABSENT or found is None:
            return None
        try:
            return typer(path.type, "json", _NO_LIMIT)(found)
        except Wrong:
            return None

    return evaluate(select, {}, value)[0] is True

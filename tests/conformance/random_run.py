"""One random repository, its random messages, both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.lookups import load_lookups
from tests.conformance.contracts import repository
from tests.conformance.differential import Both, plan_of
from tests.conformance.messages import Messages

if TYPE_CHECKING:
    from pathlib import Path


def differences(root: Path, seed: int, messages: int, batches: int = 1) -> list[str]:
    """Return what differs between the engines over the repository of a seed."""
    made = repository(seed)
    made.write(root)
    plan = plan_of(root)
    engines = Both(plan, load_lookups(plan, root))
    drawn = Messages(plan, seed, producers=made.producers, versions=made.versions, keys=made.keys)
    found: list[str] = []
    for number in range(batches):
        found += engines.differences(list(drawn.draw(messages)), number * messages)
    return found

"""What the loop is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacet_runtime.plan.island import Island
    from tacet_runtime.service.lookups import Lookups
    from tacet_runtime.service.observe import Observer
    from tacet_runtime.service.outputs import Outputs
    from tacet_runtime.service.owner import Shard
    from tacet_runtime.service.refusal import Accept
    from tacet_runtime.service.tables import Tables
    from tacet_runtime.service.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop is made of; all of it made once, by `engines`' means and the island's settings."""

    shard: Shard
    island: Island
    tables: Tables
    lookups: Lookups
    outputs: Outputs
    watchdog: Watchdog
    observer: Observer
    accept: Accept

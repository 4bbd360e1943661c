"""What one shard of a job on an island owns, by name: nobody else may use these names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_runtime.plan.island import Island
    from tacet_runtime.plan.model import Plan

_OWNER = re.compile(r"([a-z0-9-]+)\.[0-9]+")
"""An island's name and a shard's number."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One owner: a job, an island, a number."""

    job: str
    island: str
    number: int = 0

    @property
    def group(self) -> str:
        """Return the consumer group, which all shards of a job on an island share."""
        return f"tacet.{self.job}.{self.island}"

    @property
    def name(self) -> str:
        """Return the transactional id and the static member of the group."""
        return f"{self.group}.{self.number}"

    @property
    def intents(self) -> str:
        """Return the topic of the shard's intents."""
        return f"{self.intents_prefix}{self.number}"

    @property
    def intents_prefix(self) -> str:
        """Return what the intents topics of all shards begin with."""
        return f"tacet-intents.{self.job}.{self.island}."

    @property
    def marker(self) -> str:
        """Return the table property that says which of the shard's commits a table has."""
        return f"{self.markers}.{self.island}.{self.number}"

    @property
    def markers(self) -> str:
        """Return what the markers of all shards begin with, before a dot."""
        return f"tacet.seq.{self.job}"

    def folder(self, seq: int, unique: str) -> str:
        """Return the name of the folder of one batch's data files."""
        return f"{self.island}.{self.number}.{seq}.{unique}"

    def folder_seq(self, name: str) -> int | None:
        """Return the number of the batch that a folder was made for; None when it is not this shard's."""
        prefix = f"{self.island}.{self.number}."
        seq = name.removeprefix(prefix).partition(".")[0]
        return int(seq) if name.startswith(prefix) and seq.isdigit() else None

    def foreign(self, names: Iterable[str]) -> dict[str, str]:
        """Return which of the names of markers or intents topics are another island's, and whose."""
        found = {}
        for start in (f"{self.markers}.", f"tacet-intents.{self.job}."):
            for name in names:
                whose = _OWNER.fullmatch(name.removeprefix(start)) if name.startswith(start) else None
                if whose is not None and whose[1] != self.island:
                    found[name] = whose[1]
        return found


def shard_of(plan: Plan, island: Island, number: int) -> Shard:
    """Return the shard of a plan on an island."""
    return Shard(plan.job, island.name, number)

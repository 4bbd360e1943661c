"""What is measured over Kafka, each in a process of its own (`kafka_child.py`): CPU seconds of the work alone.

With `TACET_PROFILE=FILE` a profile of it is written, too.
"""

from __future__ import annotations

import cProfile
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.events import plan_of
from bench.kafka_loop import loop
from bench.work import ROOT, Cost, measured, read_titles
from tacet_codegen.frontend.island import load_island
from tacet_runtime.service.observe import Quiet
from tacet_runtime.service.refusal import Accept
from tacet_runtime.service.start import serve

if TYPE_CHECKING:
    from tacet_runtime.plan.island import Island
    from tacet_runtime.service.observe import Committed


class Enough(Quiet):
    """Counts what was committed, and the seconds of every step."""

    def __init__(self, messages: int) -> None:
        self._wanted = messages
        self.messages = self.rows = 0
        self.steps: dict[str, float] = {}

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        self.messages += what.counts.messages
        self.rows += what.counts.rows
        for step, seconds in what.seconds.items():
            self.steps[step] = self.steps.get(step, 0.0) + seconds

    def applied(self, _seq: int, seconds: float) -> None:
        """See `Observer`."""
        self.steps["S8"] = self.steps.get("S8", 0.0) + seconds

    def reached(self) -> bool:
        """Tell whether it is enough."""
        return self.messages >= self._wanted


def service(island: Island, messages: int) -> Cost:
    """Run the service over what is in the topic."""
    plan, told = plan_of(ROOT), Enough(messages)

    def work() -> tuple[int, int]:
        serve(plan, ROOT, island, 0, "embedded", Accept(), told, told.reached, expired=sys.exit)
        return told.messages, told.rows

    return replace(measured(work), stages=told.steps)


def by_hand(island: Island, messages: int) -> Cost:
    """Run the loop over what is in the topic."""
    titles = read_titles(ROOT / "examples/impressions/titles.csv")
    folder = Path(island.warehouse) / "loop"
    return measured(lambda: loop(island.kafka.bootstrap.value(), island.name, messages, titles, folder))


def main(name: str, path: str, messages: str) -> None:
    """Measure, and say what it cost."""
    island, wrong = load_island(Path(path))
    if island is None:
        raise SystemExit(str(wrong))
    work = {"service": service, "loop": by_hand}[name]
    profile = os.environ.get("TACET_PROFILE")
    if profile is None:
        cost = work(island, int(messages))
    else:
        with cProfile.Profile() as found:
            cost = work(island, int(messages))
        found.dump_stats(profile)
    print(json.dumps(asdict(cost)))

"""Scenarios: which kinds of faults are planted, how often, and how much of the stream around them is trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_runtime.sample.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.sample.clients import Client
    from tacet_runtime.sample.faults import Fault, Site


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong, and how often.

    `share` is of the messages of the client that a fault is planted in; `anybody` of all messages, for faults of no
    one client and for clients that nobody registered. `broken`, `duplicates` and `others` are shares of the queue.
    """

    purpose: str
    kinds: tuple[str, ...] = ()
    share: float = 0.4
    anybody: float = 0.02
    broken: float = 0.0
    duplicates: float = 0.0
    others: float = 0.02


SCENARIOS: dict[str, Scenario] = {
    "mixed": Scenario(
        "a real day: several bugs and omissions, retries, other events, broken messages",
        ("logging_bug", "null", "wrong_type", "out_of_range", "bad_format", "not_listed", "clock_skew",
         "lookup_miss", "unknown_producer", "no_list", "empty_list"),
        anybody=0.005, broken=0.002, duplicates=0.01, others=0.03,
    ),
    "clean": Scenario("nothing is wrong; what is left out is declared"),
    "omission": Scenario("nothing is wrong; look at what is declared, and labelled"),
    "logging_bug": Scenario("one build forgets a field that it registered", ("logging_bug",)),
    "null": Scenario("one build sends null where a value is required", ("null",)),
    "wrong_type": Scenario("one build sends another JSON type", ("wrong_type",)),
    "out_of_range": Scenario("one build sends a number above its range", ("out_of_range",)),
    "bad_format": Scenario("one build writes a value in no known form", ("bad_format",)),
    "not_listed": Scenario("one build sends a symbol that `one_of` does not list", ("not_listed",)),
    "clock_skew": Scenario("one build's clock runs 90 seconds ahead", ("clock_skew",)),
    "unknown_producer": Scenario("builds that nobody registered leave a field out", ("unknown_producer",), anybody=0.1),
    "expired_omission": Scenario("one build still omits a field after its omission expired", ("expired_omission",)),
    "rejecting_bug": Scenario("one build forgets a field with `on_bug: reject`", ("rejecting_bug",)),
    "lost_identity": Scenario("one build forgets a field of the identity", ("lost_identity",)),
    "lookup_miss": Scenario("one build names what reference data does not know", ("lookup_miss",)),
    "no_list": Scenario("messages without the list that is exploded", ("no_list",)),
    "empty_list": Scenario("messages whose list is empty", ("empty_list",)),
    "duplicates": Scenario("clients retry: a fifth of the queue comes again", duplicates=0.2),
    "poison": Scenario("half of the queue is no JSON", broken=0.5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planted:
    """The faults of one sample: by client, and those that may be in any message."""

    by_client: Mapping[Client, tuple[Fault, ...]]
    anybody: tuple[Fault, ...]


def plant(scenario: Scenario, site: Site) -> tuple[Planted, list[str]]:
    """Choose where each kind goes wrong, the same for the same contracts; return also the kinds that have no place."""
    by_client: dict[Client, tuple[Fault, ...]] = {}
    anybody: list[Fault] = []
    without: list[str] = []
    used: set[str | None] = set()
    for number, kind in enumerate(scenario.kinds):
        found = KINDS[kind](site)
        if not found:
            without.append(kind)
        elif found[0].client is None or (found[0].client.registration is None and kind == "unknown_producer"):
            anybody.append(found[0])
        else:
            fault = _chosen(found, site, number, used)
            used.add(fault.field)
            if fault.client is not None:
                by_client[fault.client] = (*by_client.get(fault.client, ()), fault)
    return Planted(by_client, tuple(anybody)), without


def _chosen(found: list[Fault], site: Site, number: int, used: set[str | None]) -> Fault:
    """Spread faults over clients and fields: the best free field of the next client that has one."""
    turned = [*site.clients[number % len(site.clients) :], *site.clients[: number % len(site.clients)]]
    for free in (True, False):
        for client in turned:
            own = [f for f in found if f.client == client and not (free and f.field in used)]
            if own:
                return own[0]
    return found[0]


def possible(site: Site) -> list[str]:
    """Return the scenarios that these contracts give a place to."""
    return [
        name
        for name, scenario in SCENARIOS.items()
        if not scenario.kinds or any(KINDS[k](site) for k in scenario.kinds)
    ]

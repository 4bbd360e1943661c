"""All files as written, before anything is settled between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.frontend.derived import WrittenDerived
    from tacet_codegen.frontend.producer import WrittenProducer
    from tacet_codegen.frontend.raw import WrittenRaw
    from tacet_codegen.ir.model import Header, RawEvent, Table


@dataclass(slots=True)
class Written:
    """All files as written. `broken`: qualified names of contracts that have errors, so that nobody else complains."""

    raw: list[WrittenRaw] = field(default_factory=list)
    derived: list[WrittenDerived] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    producers: list[WrittenProducer] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Known:
    """What other contracts may name, by qualified name, oldest version first."""

    raw: Mapping[str, tuple[RawEvent, ...]]
    tables: Mapping[str, tuple[Table, ...]]
    broken: set[str]


class Versioned(Protocol):
    """Whatever has a header."""

    @property
    def header(self) -> Header:
        """Return name and version."""
        ...


_Some = TypeVar("_Some", bound=Versioned)


def by_name(contracts: Iterable[_Some]) -> dict[str, tuple[_Some, ...]]:
    """Group by qualified name, in the order given."""
    found: dict[str, list[_Some]] = {}
    for contract in contracts:
        found.setdefault(contract.header.qualified, []).append(contract)
    return {name: tuple(versions) for name, versions in found.items()}

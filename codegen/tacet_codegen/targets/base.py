"""What a target is: a name, and a function from what was compiled to files. Targets never look at one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tacet_codegen.ir.model import Header, Repository
    from tacet_runtime.plan.model import Plan


NAME = "[A-Za-z_][A-Za-z0-9_]*"
CONTRACT = rf"{NAME}/{NAME}/[0-9]+[.][0-9]+[.][0-9]+"
"""What `contract_path` gives, as a pattern, without root and suffix."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One generated file: path below `generated/`, with `/`, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Compilation:
    """Everything that targets read. `plans`: job name -> plan."""

    repository: Repository
    plans: Mapping[str, Plan]


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of artefact."""

    name: str
    purpose: str
    emit: Callable[[Compilation], Iterable[Artifact]]
    files: str
    """Pattern of what it writes below `name/`, so that what no build writes any more is known for its own."""


def contract_path(root: str, header: Header, suffix: str) -> str:
    """Return where a contract's artefact stands: `avro/shop/order/1.0.0.avsc`."""
    return f"{root}/{header.namespace}/{header.name}/{header.version}{suffix}"

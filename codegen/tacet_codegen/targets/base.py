"""What a target is: a name, and a function from what was compiled to files. Targets never look at one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tacet_codegen.ir.model import Header, Repository
    from tacet_runtime.plan.model import Plan


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


def contract_path(root: str, header: Header, suffix: str) -> str:
    """Return where a contract's artefact stands: `avro/shop/order/1.0.0.avsc`."""
    return f"{root}/{header.namespace}/{header.name}/{header.version}{suffix}"

"""The Python API: what the verbs do, as values. `import tacet` offers all of it, and imports it when it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tacet.console import Outside, Usage
from tacet.failures import existing, outside
from tacet.places import apart
from tacet.repository import find_job
from tacet.results import Ran, Verified, ran, verified
from tacet_codegen import frontend
from tacet_codegen.build import build, compile_plan
from tacet_codegen.diagnostics import Diagnostic, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tacet_codegen.ir.model import Repository as Meaning
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.interpreter import Interpreter


class ContractError(ValueError):
    """The contracts have errors. `diagnostics` holds all of them, warnings too; the text shows them as `tacet check` does."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(render(diagnostics, "text").rstrip("\n"))
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Job:
    """One event, ready to run: a derived event's job, or a raw event alone, which is run only when no derived event reads it."""

    name: str
    """`namespace.name`."""
    plan: Plan
    root: Path = field(compare=False)
    """The repository's folder, which files of reference data are relative to."""
    _runs: bool = field(default=True, compare=False, repr=False)
    _interpreters: dict[Path, Interpreter] = field(default_factory=dict, compare=False, repr=False)

    def run(
        self,
        inputs: Sequence[str | Path],
        *,
        warehouse: str | Path = "warehouse",
        engine: Literal["embedded", "reference"] = "embedded",
        framing: Literal["lines", "file"] = "lines",
        workers: int = 1,
        advance: Callable[[int], None] = lambda _messages: None,
    ) -> Ran:
        """Run the job over files and folders into the warehouse's tables, and return the accounting.

        The same input again adds nothing; after a crash the same call goes on. `advance` is told the number of messages
        that were computed since the last call. Raises Usage (a ValueError) for a raw event that others read, an option that does not
        exist or inputs and a warehouse that hold one another, Outside when a file, a table, a lookup or the disk fails: nothing half-done is then in a table.
        """
        from tacet_runtime.engines.run import run
        from tacet_runtime.engines.tasks import Options

        if not self._runs:
            raise Usage(f"`{self.name}` is a raw event: run an event that is derived from it")
        _one_of("engine", engine, ("embedded", "reference"))
        _one_of("framing", framing, ("lines", "file"))
        if isinstance(inputs, str | Path) or workers < 1:
            raise Usage("`inputs` is a list of files and folders, `workers` at least 1")
        place, named = Path(warehouse), [*map(str, inputs)]
        apart(named, place)
        with outside(place):
            return ran(run(self.plan, self.root, place, named, Options(engine, framing, workers), advance))

    def verify(self, *, warehouse: str | Path = "warehouse") -> Verified:
        """Prove the accounting from the tables alone. Raises Outside when there is nothing to be proved."""
        from tacet_runtime.exactly_once import Warehouse
        from tacet_runtime.locking import owned
        from tacet_runtime.verify import verify

        place = Path(warehouse)
        existing(place)
        with outside(place), owned(place, self.plan.job, reads=True):
            return verified(verify(Warehouse(self.plan, place)))

    def explain(self, message: bytes | str, *, warehouse: str | Path = "warehouse") -> dict[str, Any]:
        """Return what becomes of one message: the document that `tacet explain` prints.

        `warehouse` matters only for lookups in Iceberg tables. Raises Outside when reference data cannot be read.
        """
        from tacet.verbs.explain import lookup_rows
        from tacet_runtime.steps.interpreter import Interpreter
        from tacet_runtime.steps.show import message_json

        place = Path(warehouse)
        interpreter = self._interpreters.get(place)
        if interpreter is None:
            interpreter = Interpreter(self.plan, lookup_rows(self.plan, self.root, place))
            self._interpreters[place] = interpreter
        data = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
        return message_json(interpreter.message(data), self.plan)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Contracts without errors. Equal when their jobs mean the same."""

    jobs: Mapping[str, Job]
    """Derived events, and raw events that none of them reads, by `namespace.name`, each at its newest version."""
    diagnostics: tuple[Diagnostic, ...] = field(compare=False)
    """Warnings of the loader; what only `tacet check` finds is not among them."""
    root: Path = field(compare=False)
    _meaning: Meaning = field(compare=False, repr=False)

    def job(self, name: str) -> Job:
        """Return a derived or a raw event: `name`, `namespace.name`, or either with `@version`.

        Raises Usage (a ValueError) when the name says none, or two.
        """
        found = find_job(self._meaning, name, raw=True)
        runs = found.derived is not None or found.name in self.jobs
        return Job(found.name, compile_plan(found, self._meaning.lock), self.root, runs)

    def artefacts(self) -> Mapping[str, str]:
        """Return what `tacet build` writes below `generated/`: path -> text."""
        return build(self._meaning).files


def compile(path: str | Path = "contracts") -> Compiled:  # noqa: A001  (the API's word; nobody imports it bare)
    """Compile a folder of contracts, or a repository that holds one. Raises ContractError with everything that is wrong."""
    folder = Path(path)
    if (folder / "contracts").is_dir():
        folder /= "contracts"
    loaded = frontend.load(folder)
    if loaded.repository is None:
        raise ContractError(loaded.diagnostics)
    root, meaning = folder.absolute().parent, loaded.repository
    jobs = {job.name: Job(job.name, compile_plan(job, meaning.lock), root) for job in meaning.jobs}
    return Compiled(jobs, loaded.diagnostics, root, meaning)


def explain(
    contract: str, message: bytes | str, *, contracts: str | Path = "contracts", warehouse: str | Path = "warehouse"
) -> dict[str, Any]:
    """Return what becomes of one message under a contract: `compile(contracts).job(contract).explain(message)`.

    Raises ContractError, Usage and Outside as those do.
    """
    return compile(contracts).job(contract).explain(message, warehouse=warehouse)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise Usage(f"{option} `{value}` is none of {', '.join(known)}")


__all__ = [
    "Compiled",
    "ContractError",
    "Diagnostic",
    "Job",
    "Outside",
    "Ran",
    "Usage",
    "Verified",
    "compile",
    "explain",
]

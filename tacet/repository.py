"""From the command line to a plan: load the contracts, find the one that is named, compile it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet.console import OPTIONS, Usage, finish, show
from tacet_codegen import frontend
from tacet_codegen.build import compile_plan
from tacet_codegen.diagnostics import has_errors
from tacet_codegen.frontend.reading import did_you_mean
from tacet_codegen.frontend.resolve import job_of

if TYPE_CHECKING:
    from pathlib import Path

    from tacet_codegen.ir.model import Header, Job, Repository
    from tacet_runtime.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Compiled:
    """One job, compiled; `root` is the repository's folder, what files are relative to."""

    repository: Repository
    job: Job
    plan: Plan
    root: Path


def load() -> Repository:
    """Return the contracts' meaning, or show what is wrong and end with 1."""
    there()
    loaded = frontend.load(OPTIONS.contracts)
    if loaded.repository is None or has_errors(loaded.diagnostics):
        show(loaded.diagnostics)
        finish(1)
    return loaded.repository


def there() -> None:
    """Raise Usage when the folder of contracts is not there."""
    if not OPTIONS.contracts.is_dir():
        raise Usage(
            f"no folder `{OPTIONS.contracts}` of contracts here: run in a repository, name the folder with `--contracts`, "
            "or begin one with `tacet init`"
        )


def compiled(name: str, *, raw: bool = False) -> Compiled:
    """Compile the job or (with `raw`) the raw event of this name: `name`, `namespace.name`, `...@version`."""
    repository = load()
    job = find_job(repository, name, raw=raw)
    root = OPTIONS.contracts.absolute().parent
    return Compiled(repository, job, compile_plan(job, repository.lock), root)


def find_job(repository: Repository, name: str, *, raw: bool = False) -> Job:
    """Return the job of a derived event, or of a raw event alone. Raises Usage when the name says none, or two."""
    wanted, _, version = name.partition("@")
    if version:
        return _at_version(repository, wanted, version)
    jobs = [job for job in repository.jobs if _named(job.name, wanted)]
    taken = {job.name for job in jobs}
    raws = [e for e in repository.raw_events if _named(e.header.qualified, wanted)] if raw else []
    raws = [e for e in raws if e.header.qualified not in taken]
    newest = {
        e.header.qualified: e for e in sorted(raws, key=lambda e: (e.header.status != "draft", e.header.version.key))
    }
    jobs += [job_of(e, None, repository.raw_events, repository.producers) for e in newest.values()]
    return _one(jobs, name, repository)


def _at_version(repository: Repository, wanted: str, version: str) -> Job:
    def fits(header: Header) -> bool:
        return _named(header.qualified, wanted) and str(header.version) == version

    events, producers = repository.raw_events, repository.producers
    jobs = [job_of(d.raw, d, events, producers) for d in repository.derived_events if fits(d.header)]
    jobs += [job_of(e, None, events, producers) for e in events if fits(e.header)]
    headers = [d.header for d in repository.derived_events] + [e.header for e in events]
    headers = [h for h in headers if _named(h.qualified, wanted)]
    if headers and not jobs:
        raise Usage(f"`{wanted}` has no version `{version}`: there is {', '.join(str(h.version) for h in headers)}")
    return _one(jobs, f"{wanted}@{version}", repository)


def _named(qualified: str, wanted: str) -> bool:
    return wanted in {qualified, qualified.partition(".")[2]}


def _one(jobs: list[Job], name: str, repository: Repository) -> Job:
    if len(jobs) == 1:
        return jobs[0]
    if jobs:
        raise Usage(f"`{name}` could be {' or '.join(sorted(job.name for job in jobs))}: write the namespace")
    derived = [d.header.qualified for d in repository.derived_events if _named(d.raw.header.qualified, name)]
    if derived:
        raise Usage(f"`{name}` is a raw event: name an event that is derived from it: {', '.join(derived)}")
    known = [job.name for job in repository.jobs] + sorted({e.header.qualified for e in repository.raw_events})
    short = [k.partition(".")[2] for k in known]
    raise Usage(f"there is no `{name}`: {did_you_mean(name, [*known, *short], 'known: ' + ', '.join(known))}")

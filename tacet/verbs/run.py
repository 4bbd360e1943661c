"""`tacet run`: the job over files, into the warehouse's Iceberg tables."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacet.console import Usage, finish, message, progress, result_json
from tacet.failures import outside
from tacet.repository import compiled
from tacet.results import ran, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def run(
    job: Annotated[
        str,
        typer.Argument(
            help="The derived event (or a raw event that none reads): name, namespace.name, or with @version."
        ),
    ],
    inputs: Annotated[list[str], typer.Option("--input", help="A file, a folder, or - for stdin; gzip and zstd too.")],
    framing: Annotated[str, typer.Option(help="lines: a message a line; file: a message a file.")] = "lines",
    engine: Annotated[str, typer.Option(help="embedded or reference.")] = "embedded",
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = Path("warehouse"),
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    commit_messages: Annotated[int, typer.Option(min=1, help="Commit after so many messages.")] = 400_000,
    block_bytes: Annotated[
        int, typer.Option(min=1, help="The least that is computed and committed at once.")
    ] = 50_331_648,
    accept_rollback: Annotated[
        bool, typer.Option("--accept-rollback", help="Put back what a table lost that was rolled back by hand.")
    ] = False,
) -> None:
    """Run a job over files. The same input again adds nothing; after a crash the same command goes on."""
    from tacet_runtime.engines.run import run as execute
    from tacet_runtime.engines.tasks import Options

    options = Options(
        _engine(engine),
        _framing(framing),
        workers,
        commit_messages,
        block_bytes=block_bytes,
        accept_rollback=accept_rollback,
    )
    found = compiled(job)
    with outside(warehouse), progress(found.plan.job, None) as advance, _stopper() as stop:
        totals = execute(found.plan, found.root, warehouse, inputs, options, advance, stop)
    counts = ran(totals)
    result_json(counts)
    message(said(counts))
    if totals.stopped:
        message("stopped at a commit: the same command goes on from there")
        finish(130)


@contextmanager
def _stopper() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C or SIGTERM end the run at a commit; the second one ends it at once."""
    asked = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        message("stopping at the next commit")

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _engine(name: str) -> Literal["embedded", "reference"]:
    if name == "flink":
        raise Usage("--engine flink is not part of this version: use embedded")
    if name not in {"embedded", "reference"}:
        raise Usage(f"--engine `{name}` is none of embedded, reference")
    return "reference" if name == "reference" else "embedded"


def _framing(name: str) -> Literal["lines", "file"]:
    if name not in {"lines", "file"}:
        raise Usage(f"--framing `{name}` is none of lines, file")
    return "file" if name == "file" else "lines"

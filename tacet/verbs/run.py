"""`tacet run`: the job over files into the warehouse's Iceberg tables, or with an island as a service on Kafka."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from tacet.console import Outside, Usage, finish, message, progress, result_json
from tacet.failures import outside
from tacet.places import WAREHOUSE, apart
from tacet.repository import compiled
from tacet.results import ran, said
from tacet.stopping import SUPERVISED, stopper, supervisor
from tacet_runtime.process import steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tacet_runtime.plan.island import Island
    from tacet_runtime.service.refusal import Accept


_OF_FILES = ("framing", "workers", "commit_messages", "block_bytes")
_OF_ISLANDS = ("shard", "restarts", "accept_new_topic", "accept_loss", "strict")


def run(
    context: typer.Context,
    job: Annotated[
        str,
        typer.Argument(
            help="The derived event (or a raw event that none reads): name, namespace.name, or with @version."
        ),
    ],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="A file, a folder, or - for stdin; gzip and zstd too.")
    ] = None,
    framing: Annotated[str, typer.Option(help="lines: a message a line; file: a message a file.")] = "lines",
    engine: Annotated[str, typer.Option(help="embedded or reference.")] = "embedded",
    warehouse: Annotated[Path, typer.Option(help="The folder of the tables.")] = WAREHOUSE,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    commit_messages: Annotated[int, typer.Option(min=1, help="Commit after so many messages.")] = 1_000_000,
    block_bytes: Annotated[
        int, typer.Option(min=1, help="The least that is computed and committed at once.")
    ] = 50_331_648,
    island: Annotated[
        Path | None, typer.Option(help="Run as a service on this island's Kafka, until SIGTERM; its file.")
    ] = None,
    shard: Annotated[
        int, typer.Option(min=0, max=9_999, help="With --island: which of several processes this is.")
    ] = 0,
    restarts: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="With --island: start again after so many failures in a row.")
    ] = 0,
    accept_rollback: Annotated[
        bool, typer.Option("--accept-rollback", help="Put back what a table lost that was rolled back by hand.")
    ] = False,
    accept_new_topic: Annotated[
        bool,
        typer.Option(
            "--accept-new-topic", help="With --island: the source topic is another one now; begin at its start."
        ),
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="With --island: go on after messages or intents that have expired.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --island: refuse plain text to a host that is not this one.")
    ] = False,
) -> None:
    """Run a job over files, or as a service. The same input again adds nothing; after a crash the same command goes on."""
    steady()
    if island is not None:
        _see_none(context, _OF_FILES, "--island: a service has `pace` and shards, and reads no files")
        supervise = restarts > 0 and SUPERVISED not in os.environ
        asked = supervisor() if supervise else stopper()
        if inputs:
            raise Usage("--input and --island: a job reads files or a topic, not both")
        if warehouse != WAREHOUSE:
            raise Usage("--warehouse and --island: the island's file names the folder of the tables")
        from tacet_runtime.service.refusal import Accept

        place = _island(island, job, strict=strict)
        if supervise:
            _supervise(restarts, asked)
        accept = Accept(accept_rollback, accept_new_topic, accept_loss)
        _serve(job, place, shard, _engine(engine), accept, asked)
        return
    if not inputs:
        raise Usage("nothing to read: name files with '--input', or an island's Kafka with '--island'")
    _see_none(context, _OF_ISLANDS, "--input: it is for a service, with '--island FILE'")
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
    apart(inputs, warehouse)
    with outside(warehouse), progress(found.plan.job, None) as advance, _stopper() as stop:
        totals = execute(found.plan, found.root, warehouse, inputs, options, advance, stop)
    counts = ran(totals)
    result_json(counts)
    message(said(counts))
    if totals.stopped:
        message("stopped at a commit: the same command goes on from there")
        finish(130)


def _see_none(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """Refuse options that would mean nothing: who gives one believes to have it."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise Usage(f"--{name.replace('_', '-')} and {why}")


def _supervise(restarts: int, asked: threading.Event) -> NoReturn:
    from tacet.service import supervised

    finish(supervised(restarts, asked))


def _serve(
    job: str,
    island: Island,
    shard: int,
    engine: Literal["embedded", "reference"],
    accept: Accept,
    asked: threading.Event,
) -> None:
    from tacet.service import serve
    from tacet_runtime.engines.run import Totals

    total = serve(job, island, shard, engine, accept, asked)
    counts = ran(Totals([total.counts], total.commits))
    result_json(counts)
    message(said(counts), "stopped")


def _island(path: Path, job: str, *, strict: bool) -> Island:
    from tacet.service import log, read_island
    from tacet_runtime.plan.island import SettingError, exposed

    island = read_island(path)
    log(island, job)
    try:
        open_ = exposed(island) if strict else []
    except SettingError as error:
        raise Outside(str(error)) from error
    if open_:
        for what in open_:
            message(f"{what}: choose a protocol with TLS")
        finish(1)
    return island


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

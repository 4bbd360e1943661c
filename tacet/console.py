"""What every verb shares: the global options, where messages and results go, and how a command ends.

Results go to stdout, messages to stderr. Exit status: 0 clean, 1 findings, 2 wrong usage, 3 something outside failed.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TextIO, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tacet_codegen.diagnostics import Diagnostic
    from tacet_runtime.service.log import Log

Format: TypeAlias = Literal["text", "json", "github"]


@dataclass(slots=True)
class Options:
    """The global options, as given."""

    contracts: Path = Path("contracts")
    form: Format = "text"
    form_given: bool = False
    quiet: bool = False
    log: Log | None = None
    """Where everything that is said goes as JSON lines, when an island wants it so."""


OPTIONS = Options()


class Outside(Exception):  # noqa: N818  (it is no bug: it says that something outside failed)
    """Something outside failed: a file, a catalog, a disk. The command ends with 3 and this message."""


class Usage(ValueError):  # noqa: N818
    """The command or the API was called wrongly. The command ends with 2, this message and an example."""


def open_streams() -> None:
    """Give every standard stream that is closed a place that swallows, and make stdout UTF-8, whatever the locale.

    Without it the next file that is opened would take a closed stream's number, and get what is printed.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def to_nowhere() -> None:
    """Throw away what is still to be written: who read it has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def fault(error: Exception) -> str:
    """Return what to say of an exception that nobody foresaw; with TACET_TRACEBACK set, all of it."""
    if os.environ.get("TACET_TRACEBACK"):
        return "".join(traceback.format_exception(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = f"this is a fault of tacet, not yours: {type(error).__name__}: {error}\n"
    return text + f"  at {Path(last.filename).name}:{last.lineno}; TACET_TRACEBACK=1 shows the way there"


class _Lines(io.TextIOBase):
    """Stands in for stderr: what anybody else writes there (a library's warning, usage) is a line of the log, too."""

    def __init__(self, log: Log, before: TextIO) -> None:
        self._log = log
        self.before = before
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for line in filter(None, whole):
            self._log.line("warning", "said", text=line)
        return len(text)


def log_to_stderr(**every: str) -> None:
    """From now on each line on stderr is one JSON object with these keys, too."""
    from tacet_runtime.service.log import Log

    out: TextIO = sys.stderr.before if isinstance(sys.stderr, _Lines) else sys.stderr
    OPTIONS.log = Log(out, **every)
    sys.stderr = cast("TextIO", _Lines(OPTIONS.log, out))


def message(text: str, event: str = "message") -> None:
    """Say something to the person, on stderr, unless --quiet."""
    if OPTIONS.quiet:
        return
    if OPTIONS.log is None:
        print(text, file=sys.stderr)
    else:
        OPTIONS.log.line("info", event, text=text)


def failure(text: str, who: str = "") -> None:
    """Say why the command ends, on stderr; `who`, when it is not the command itself."""
    if OPTIONS.log is None:
        sys.stderr.write(f"tacet: {who}{': ' if who else ''}{text}\n")
        sys.stderr.flush()
    else:
        OPTIONS.log.line("error", who or "ended", why=text)


def result(text: str) -> None:
    """Write a result to stdout."""
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Outside(f"cannot write the result: {error.strerror}") from error


def result_json(value: object, *, indent: int | None = None) -> None:
    """Write one JSON document (or one line of several) to stdout."""
    result(json.dumps(value, ensure_ascii=False, indent=indent))


def show(diagnostics: Sequence[Diagnostic]) -> None:
    """Show diagnostics: as text on stderr, as one JSON document or GitHub annotations on stdout."""
    from tacet_codegen.diagnostics import as_json, render

    if OPTIONS.form == "json":
        result_json({"diagnostics": [as_json(d) for d in diagnostics]}, indent=1)
    elif OPTIONS.form == "github":
        result(render(diagnostics, "github"))
    else:
        sys.stderr.write(render(diagnostics, "text"))


def finish(status: int) -> NoReturn:
    """End the command."""
    sys.stdout.flush()
    raise SystemExit(status)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield `advance(n)`: draws a bar on a terminal, does nothing in a pipe or with --quiet."""
    if OPTIONS.quiet or not sys.stderr.isatty():
        yield lambda _n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)

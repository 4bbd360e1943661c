"""What every verb shares: the global options, where messages and results go, and how a command ends.

Results go to stdout, messages to stderr. Exit status: 0 clean, 1 findings, 2 wrong usage, 3 something outside failed.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tacet_codegen.diagnostics import Diagnostic

Format: TypeAlias = Literal["text", "json", "github"]


@dataclass(slots=True)
class Options:
    """The global options, as given."""

    contracts: Path = Path("contracts")
    form: Format = "text"
    form_given: bool = False
    quiet: bool = False


OPTIONS = Options()


class Outside(Exception):  # noqa: N818  (it is no bug: it says that something outside failed)
    """Something outside failed: a file, a catalog, a disk. The command ends with 3 and this message."""


class Usage(Exception):  # noqa: N818
    """The command was called wrongly. The command ends with 2, this message and an example."""


def message(text: str) -> None:
    """Say something to the person, on stderr, unless --quiet."""
    if not OPTIONS.quiet:
        print(text, file=sys.stderr)


def result(text: str) -> None:
    """Write a result to stdout."""
    sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    sys.stdout.flush()


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

"""The `tacet` command: one line a verb, and how every command ends. What a verb does is in `tacet/verbs/`."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core
import typer.main

from tacet import __version__
from tacet.arguments import VerbCommand, hoisted, near
from tacet.console import OPTIONS, Format, Outside, Usage, failure, fault, message, open_streams, to_nowhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command, Context, HelpFormatter

VERBS: tuple[tuple[str, str], ...] = (
    ("init", "a new repository that checks, builds and runs at once"),
    ("check", "every contract: all problems, with position and hint"),
    ("build", "write generated/, or compare it with --check"),
    ("explain", "one event, every step with its reason"),
    ("sample", "realistic events, seeded, with labels of what was planted"),
    ("run", "the job: files in, Iceberg tables out; with --island a service on Kafka"),
    ("registry", "push what was built to a schema registry"),
    ("verify", "prove the accounting from the tables alone"),
    ("backfill", "the same job over the raw archive, audited before it is published"),
    ("replay-rejects", "give rejects another chance after a fix, each once"),
    ("relabel", "judge missing values again after omissions were declared"),
    ("maintain", "merge small files, expire snapshots, remove what nothing names"),
)
"""Name and one line of help. The module is `tacet.verbs.<name>` with `_` for `-`, its function the same name."""

USAGE_ERROR: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
"""The parent of all of typer's complaints about arguments, which typer itself exports only through its children."""

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class _Verbs(typer.core.TyperGroup):
    """Verbs that are imported when they are called: `check` must not wait for DuckDB."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        return [name for name, _ in VERBS]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        if cmd_name not in dict(VERBS):
            verbs = [name for name, _ in VERBS]
            raise Usage(f"there is no verb `{cmd_name}`{near(cmd_name, verbs) or ': there are ' + ', '.join(verbs)}")
        module = importlib.import_module(f"tacet.verbs.{cmd_name.replace('-', '_')}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(
            name=cmd_name, cls=VerbCommand, epilog=f"Example: {EXAMPLES[cmd_name]}", context_settings=HELP_OPTIONS
        )(getattr(module, cmd_name.replace("-", "_")))
        return typer.main.get_command(single)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS))


app = typer.Typer(
    cls=_Verbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
    epilog="Exit status: 0 clean, 1 findings, 2 wrong usage, 3 something outside failed.",
)


@app.callback(invoke_without_command=True)
def options(
    ctx: typer.Context,
    contracts: Annotated[Path, typer.Option(help="The folder of contracts.")] = Path("contracts"),
    form: Annotated[str, typer.Option("--format", help="text, json or github.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
    version: Annotated[bool, typer.Option("--version", help="The version, and nothing else.")] = False,
) -> None:
    """Turn event contracts into schemas, tables and a job, and tell a bug from an omission."""
    if version:
        print(f"tacet {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        raise Usage(f"which verb? There are {', '.join(name for name, _ in VERBS)}")
    forms: dict[str, Format] = {"text": "text", "json": "json", "github": "github"}
    if form and form not in forms:
        raise Usage(f"--format `{form}` is none of text, json, github")
    OPTIONS.contracts, OPTIONS.quiet = contracts, quiet
    OPTIONS.form, OPTIONS.form_given = forms.get(form, "text"), bool(form)


def main(argv: list[str] | None = None) -> None:
    """Run the command and end the process: 0 clean, 1 findings, 2 wrong usage, 3 something outside failed.

    Beside those: 70 a fault of tacet itself, 130 interrupted, 141 the reader of stdout has gone.
    """
    open_streams()
    logging.lastResort = logging.NullHandler()  # what libraries note for themselves; what matters is said by us
    arguments = sys.argv[1:] if argv is None else argv
    try:
        sys.exit(_status(arguments))
    except USAGE_ERROR as error:
        sys.exit(_usage(error.format_message().removesuffix("."), _verb(arguments)))
    except Usage as error:
        sys.exit(_usage(str(error), _verb(arguments)))
    except (typer.Abort, KeyboardInterrupt):
        failure("stopped")
        sys.exit(130)
    except Outside as error:
        failure(str(error))
        sys.exit(3)
    except BrokenPipeError:
        to_nowhere()
        sys.exit(141)
    except OSError as error:
        failure(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        sys.exit(3)
    except Exception as error:  # noqa: BLE001  (the last resort: say whose fault it is, and where)
        failure(fault(error))
        sys.exit(70)


def _status(arguments: list[str]) -> int:
    """Return the exit status; not through typer's own `main`, which has its own ways with pipes and interrupts."""
    command = typer.main.get_command(app)
    try:
        with _drill(), command.make_context("tacet", hoisted(arguments)) as ctx:
            found = command.invoke(ctx)
    except typer.Exit as error:
        return error.exit_code
    return found if isinstance(found, int) else 0


@contextmanager
def _drill() -> Iterator[None]:
    """Refuse a fault that there is not, when the environment asks for one; say so when it did not come by."""
    if not os.environ.get("TACET_FAIL_AT"):
        yield
        return
    from tacet_runtime.faults import UnknownPoint, missed, wanted

    try:
        wanted()
    except UnknownPoint as error:
        raise Usage(str(error)) from error
    try:
        yield
    finally:
        if point := missed():
            message(f"TACET_FAIL_AT: this command did not come by {point}, so the drill proved nothing")


def _verb(arguments: list[str]) -> str | None:
    names = dict(VERBS)
    return next((a for a in arguments if a in names), None)


def _usage(text: str, verb: str | None) -> int:
    failure(text)
    print(f"  example: {EXAMPLES.get(verb or '', 'tacet check')}", file=sys.stderr)
    print(f"  help:    tacet {verb + ' ' if verb else ''}--help", file=sys.stderr)
    return 2


EXAMPLES = {
    "init": "tacet init my-events",
    "check": "tacet check --format github",
    "build": "tacet build --check",
    "explain": "tacet explain order examples/kiosk.json",
    "sample": "tacet sample order --events 1000 --seed 1 --out events/sample.ndjson",
    "run": "tacet run order --input events/ --warehouse warehouse",
    "registry": "tacet registry push --url http://127.0.0.1:8081",
    "verify": "tacet verify order --warehouse warehouse",
    "backfill": "tacet backfill order --from 2026-11-20 --to 2026-11-21 --publish",
    "replay-rejects": "tacet replay-rejects order --warehouse warehouse",
    "relabel": "tacet relabel order --field customer_id --from 2026-11-01 --to 2026-12-01",
    "maintain": "tacet maintain order --warehouse warehouse --keep 5d",
}
"""One a verb, which works in the repository that `tacet init` writes (a test runs them all, in this order)."""

if __name__ == "__main__":
    main()

"""The `tacet` command: one line a verb, and how every command ends. What a verb does is in `tacet/verbs/`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core
import typer.main

from tacet import __version__
from tacet.console import OPTIONS, Format, Outside, Usage

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

VERBS: tuple[tuple[str, str], ...] = (
    ("init", "a new repository that checks, builds and runs at once"),
    ("check", "every contract: all problems, with position and hint"),
    ("build", "write generated/, or compare it with --check"),
    ("explain", "one event, every step with its reason"),
    ("sample", "realistic events, seeded, with labels of what was planted"),
    ("run", "the job: files in, Iceberg tables out"),
    ("verify", "prove the accounting from the tables alone"),
    ("backfill", "the same job over the raw archive, audited before it is published"),
    ("replay-rejects", "give rejects another chance after a fix, each once"),
    ("relabel", "judge missing values again after omissions were declared"),
    ("maintain", "merge small files, expire snapshots, remove what nothing names"),
)
"""Name and one line of help. The module is `tacet.verbs.<name>` with `_` for `-`, its function the same name."""

USAGE_ERROR: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
"""The parent of all of typer's complaints about arguments, which typer itself exports only through its children."""

GLOBAL_VALUES = ("--contracts", "--format")
GLOBAL_FLAGS = ("--quiet",)


class _Verbs(typer.core.TyperGroup):
    """Verbs that are imported when they are called: `check` must not wait for DuckDB."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        return [name for name, _ in VERBS]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        if cmd_name not in dict(VERBS):
            return None
        module = importlib.import_module(f"tacet.verbs.{cmd_name.replace('-', '_')}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(name=cmd_name)(getattr(module, cmd_name.replace("-", "_")))
        return typer.main.get_command(single)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS))


app = typer.Typer(cls=_Verbs, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


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
        raise Usage("no verb given")
    forms: dict[str, Format] = {"text": "text", "json": "json", "github": "github"}
    if form and form not in forms:
        raise Usage(f"--format `{form}` is none of text, json, github")
    OPTIONS.contracts, OPTIONS.quiet = contracts, quiet
    OPTIONS.form, OPTIONS.form_given = forms.get(form, "text"), bool(form)


def main(argv: list[str] | None = None) -> None:
    """Run the command and end the process: 0 clean, 1 findings, 2 wrong usage, 3 something outside failed."""
    arguments = hoisted(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        status = app(arguments, prog_name="tacet", standalone_mode=False)
    except USAGE_ERROR as error:
        status = _usage(error.format_message(), _verb(arguments))
    except Usage as error:
        status = _usage(str(error), _verb(arguments))
    except typer.Exit as error:
        status = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("tacet: stopped", file=sys.stderr)
        status = 130
    except Outside as error:
        print(f"tacet: {error}", file=sys.stderr)
        status = 3
    except BrokenPipeError:
        sys.stderr.close()
        status = 0
    sys.exit(status if isinstance(status, int) else 0)


def hoisted(arguments: list[str]) -> list[str]:
    """Move global options to the front, so that they may stand before or after the verb; `--` ends the search."""
    front: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            rest += [argument, *left]
            break
        if argument in GLOBAL_VALUES and left:
            front += [argument, left.pop(0)]
        elif argument in GLOBAL_FLAGS or argument.startswith(tuple(f"{name}=" for name in GLOBAL_VALUES)):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def _verb(arguments: list[str]) -> str | None:
    names = dict(VERBS)
    return next((a for a in arguments if a in names), None)


def _usage(text: str, verb: str | None) -> int:
    print(f"tacet: {text}", file=sys.stderr)
    print(f"  example: {EXAMPLES.get(verb or '', 'tacet check')}", file=sys.stderr)
    print(f"  help:    tacet {verb + ' ' if verb else ''}--help", file=sys.stderr)
    return 2


EXAMPLES = {
    "init": "tacet init my-events",
    "check": "tacet check --format github",
    "build": "tacet build --check",
    "explain": "tacet explain enriched_impression event.json",
    "sample": "tacet sample enriched_impression --events 1000 --seed 1 --out events.ndjson",
    "run": "tacet run enriched_impression --input events/ --warehouse warehouse",
    "verify": "tacet verify enriched_impression --warehouse warehouse",
    "backfill": "tacet backfill enriched_impression --from 2026-11-01 --to 2026-11-08",
    "replay-rejects": "tacet replay-rejects enriched_impression",
    "maintain": "tacet maintain enriched_impression --warehouse warehouse --keep 5d",
    "relabel": "tacet relabel enriched_impression --field row_index --from 2026-11-01 --to 2026-11-08",
}

if __name__ == "__main__":
    main()

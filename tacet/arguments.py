"""What was typed, put in order before typer reads it: global options anywhere, `--input a b`, nothing given twice."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, TypeAlias

import typer.core

from tacet.console import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typer._click import Context

Kind: TypeAlias = Literal["flag", "value", "many"]
"""An option without a value, with one, or with one each time that it is given."""

GLOBAL: Mapping[str, Kind] = {"--contracts": "value", "--format": "value", "--quiet": "flag"}


def hoisted(arguments: list[str]) -> list[str]:
    """Move global options to the front, so that they may stand before or after the verb; `--` ends the search.

    Raises Usage for one that is given twice or has no value.
    """
    front: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            rest += [argument, *left]
            break
        name = argument.partition("=")[0]
        if name not in GLOBAL:
            rest.append(argument)
            continue
        if any(given.partition("=")[0] == name for given in front):
            raise Usage(f"`{name}` is given twice")
        front += _with_value(argument, GLOBAL[name], left)
    return front + rest


def _with_value(argument: str, kind: Kind, left: list[str]) -> list[str]:
    """Return an option and its value, as one word; the value is taken off `left`. Raises Usage when there is none."""
    name, equals, value = argument.partition("=")
    if kind == "flag":
        if equals:
            raise Usage(f"`{name}` takes no value")
        return [argument]
    if not equals:
        if not left or left[0].startswith("--"):
            raise Usage(f"`{name}` needs a value")
        value = left.pop(0)
    if not value:
        raise Usage(f"the value of `{name}` is empty")
    return [f"{name}={value}"]


def arranged(arguments: list[str], options: Mapping[str, Kind], positionals: int) -> list[str]:
    """Return a verb's arguments with each option and its value as one word.

    After `positionals` words, further words behind an option that may be given many times are values of it:
    `--input a b`. Raises Usage for an option that is unknown, given twice, or has no value.
    """
    done: list[str] = []
    seen: set[str] = set()
    words = 0
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            return [*done, argument, *left]
        if not argument.startswith("-") or argument == "-":
            words += 1
            done.append(argument)
            continue
        name = argument.partition("=")[0]
        kind = options.get(name)
        if kind is None:
            raise Usage(f"no option `{name}`{near(name, [*options, *GLOBAL])}")
        if name in seen and kind != "many":
            raise Usage(f"`{name}` is given twice")
        seen.add(name)
        done += _with_value(argument, kind, left)
        while kind == "many" and words >= positionals and left and (left[0] == "-" or not left[0].startswith("-")):
            done += _with_value(name, kind, left)
    return done


def near(word: str, known: Iterable[str]) -> str:
    """Return `: did you mean ...?` for the nearest known word, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f": did you mean `{found[0]}`?" if found else ""


class VerbCommand(typer.core.TyperCommand):
    """A verb whose arguments are put in order first."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Arrange, then read."""
        options: dict[str, Kind] = {"--help": "flag", "-h": "flag"}
        positionals = 0
        for parameter in self.params:
            if isinstance(parameter, typer.core.TyperArgument):
                positionals += 1
                continue
            flag, many = getattr(parameter, "is_flag", False), getattr(parameter, "multiple", False)
            kind: Kind = "flag" if flag else "many" if many else "value"
            options |= dict.fromkeys([*parameter.opts, *parameter.secondary_opts], kind)
        return super().parse_args(ctx, arranged(args, options, positionals))

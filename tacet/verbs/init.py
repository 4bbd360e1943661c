"""`tacet init`: a new repository from `tacet/templates/`, where `check`, `build` and `run` work at once."""

from __future__ import annotations

import os
import shlex
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Outside, Usage, message, result, result_json
from tacet_runtime.connectors.locations import LocationError, location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

DOT = "dot-"
"""A template's name begins so where the file's begins with a dot: no tool should take a template for its own file."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A new or an empty folder.")] = Path(),
) -> None:
    """Begin a repository: contracts of a small shop to change into your own, events to try, and settings for CI.

    Nothing that exists is overwritten.
    """
    if OPTIONS.contracts != Path("contracts"):
        raise Usage("init takes no --contracts: they are in DIR/contracts")
    written = {folder / name: data for name, data in templates(files("tacet") / "templates")}
    _refuse(folder, written)
    try:
        for path, data in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
    except OSError as error:
        raise Outside(f"cannot write {error.filename or folder}: {error.strerror}") from error
    names = [path.relative_to(folder).as_posix() for path in written]
    if OPTIONS.form == "json":
        result_json({"folder": str(folder), "files": names})
    else:
        result("".join(f"{folder / name}\n" for name in names))
    into = "" if folder == Path() else f"  cd {shlex.quote(str(folder))}\n"
    message(f"next:\n{into}  tacet check\n  tacet build\n  tacet run order --input events/")


def templates(folder: Traversable, under: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield every template: the path of its file in the new repository, and the content."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = under + (f".{item.name.removeprefix(DOT)}" if item.name.startswith(DOT) else item.name)
        if item.is_dir():
            yield from templates(item, f"{name}/")
        else:
            yield name, item.read_bytes()


def _refuse(folder: Path, written: Mapping[Path, bytes]) -> None:
    way_out = "choose another folder, for example `tacet init my-events`"
    if os.path.lexists(folder) and not folder.is_dir():
        raise Usage(f"{folder} is there and is no folder: {way_out}")
    try:
        location(folder)
    except LocationError as error:
        raise Usage(f"{error}, and no tables can be below it: choose a folder with another whole path") from error
    there = [path for path in written if os.path.lexists(path)]
    if os.path.lexists(folder / "contracts"):
        there.insert(0, folder / "contracts")
    if there:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        raise Usage(f"{', '.join(map(str, there[:3]))}{more} would be overwritten: {way_out}")

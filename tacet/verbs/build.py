"""`tacet build`: write `generated/`, or compare it."""

from __future__ import annotations

from typing import Annotated

import typer

from tacet.console import OPTIONS, Outside, finish, message, result, result_json
from tacet.repository import load


def build(
    check: Annotated[
        bool, typer.Option("--check", help="Compare; print a diff; end with 1 when something is stale.")
    ] = False,
) -> None:
    """Write every artefact of every contract below generated/."""
    from tacet_codegen.build import LOCK_NAME, changes, diff, write
    from tacet_codegen.build import build as compiled

    repository = load()
    root = OPTIONS.contracts.absolute().parent
    output = compiled(repository)
    try:
        found = changes(output, root / "generated", OPTIONS.contracts.absolute() / LOCK_NAME)
    except OSError as error:
        raise Outside(f"cannot read {error.filename}: {error.strerror}") from error
    if check:
        if OPTIONS.form == "json":
            result_json({"stale": [str(change.path.relative_to(root)) for change in found]}, indent=1)
        else:
            for change in found:
                result(diff(change, root))
        if found:
            message(f"{len(found)} files are stale: run `tacet build`")
            finish(1)
        message(f"{len(output.files)} files are as the contracts say")
        return
    try:
        write(found, root / "generated")
    except OSError as error:
        raise Outside(f"cannot write {error.filename}: {error.strerror}") from error
    if OPTIONS.form == "json":
        result_json({"files": len(output.files), "changed": len(found)})
    message(f"{len(output.files)} files, {len(found)} changed")
    for file in output.released:
        message(
            f"{file} is released: it is in {OPTIONS.contracts.name}/{LOCK_NAME} now (commit that), and may not change any more"
        )

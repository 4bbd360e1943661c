"""`tacet sample`: realistic events, seeded, with labels of what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Outside, Usage, message, progress, result_json
from tacet.failures import outside
from tacet.places import WAREHOUSE, catalog_of
from tacet.repository import compiled

if TYPE_CHECKING:
    from tacet.repository import Compiled
    from tacet_runtime.sample.conditions import Reference
    from tacet_runtime.steps.derivation import Rows


def sample(
    job: Annotated[str, typer.Argument(help="A derived or raw event: name, namespace.name, or with @version.")],
    events: Annotated[int, typer.Option(min=1, help="How many messages.")],
    out: Annotated[Path, typer.Option(help="The file, one message a line; .gz and .zst are compressed.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    scenario: Annotated[str, typer.Option(help="What is planted; a wrong name lists them.")] = "mixed",
    labels: Annotated[Path | None, typer.Option(help="A file for labels of what was planted, as JSON lines.")] = None,
    profile: Annotated[Path | None, typer.Option(help="What makes events of this domain look real (JSON).")] = None,
    warehouse: Annotated[Path, typer.Option(help="Where Iceberg lookups are.")] = WAREHOUSE,
) -> None:
    """Write realistic events for a job, with planted faults and their labels.

    Scenarios: mixed, clean, omission, logging_bug, null, wrong_type, out_of_range, bad_format, not_listed, clock_skew,
    unknown_producer, expired_omission, rejecting_bug, lost_identity, lookup_miss, no_list, empty_list, duplicates, poison.
    """
    from tacet_runtime.sample import (
        SCENARIOS,
        NoPlaceError,
        Profile,
        ProfileError,
        Recipe,
        SampleError,
        read_profile,
        write_sample,
    )

    if scenario not in SCENARIOS:
        raise Usage(f"--scenario `{scenario}` is none of {', '.join(SCENARIOS)}")
    if Path("-") in {out, labels}:
        raise Usage("--out and --labels name files, and `-` is none: write for example `--out /dev/stdout`")
    if labels is not None and labels.absolute() == out.absolute():
        raise Usage("--labels and --out name the same file")
    found = compiled(job, raw=True)
    try:
        recipe = Recipe(
            seed,
            scenario,
            read_profile(profile) if profile is not None else Profile(),
            reference_rows(found, warehouse),
        )
        with progress("sample", events) as advance:
            write_sample(found.plan, recipe, out, events=events, labels=labels, advance=advance)
    except NoPlaceError as error:
        raise Usage(f"{error}; possible are {', '.join(error.possible)}") from error
    except (SampleError, ProfileError) as error:
        raise Outside(str(error)) from error
    except OSError as error:
        raise Outside(f"cannot write {error.filename or out}: {error.strerror}") from error
    if OPTIONS.form == "json":
        result_json({"messages": events, "file": str(out), "labels": None if labels is None else str(labels)})
    message(f"{events} messages in {out}" + (f", labels in {labels}" if labels is not None else ""))


def reference_rows(found: Compiled, warehouse: Path) -> Reference:
    """Return the rows of each lookup whose data is there, so that events find theirs."""
    from tacet_runtime.connectors.lookups import load_lookup

    lookups = found.plan.derived.lookups if found.plan.derived is not None else ()
    rows: dict[str, Rows] = {}
    for lookup in lookups:
        try:
            with outside(warehouse):
                catalog = catalog_of(warehouse) if lookup.source.kind == "iceberg" else None
                rows[lookup.name] = load_lookup(lookup, found.root, catalog).rows
        except Outside as error:
            message(f"keys of lookup `{lookup.name}` are made up, and whether they are found is not labelled: {error}")
    return rows

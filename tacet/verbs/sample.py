"""`tacet sample`: realistic events, seeded, with labels of what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacet.console import OPTIONS, Outside, Usage, message, progress, result_json
from tacet.repository import compiled

if TYPE_CHECKING:
    from tacet.repository import Compiled


def sample(
    job: Annotated[str, typer.Argument(help="A derived or raw event.")],
    events: Annotated[int, typer.Option(min=1, help="How many messages.")],
    out: Annotated[Path, typer.Option(help="The file: one message a line.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    scenario: Annotated[str, typer.Option(help="What is planted; see --list.")] = "mixed",
    labels: Annotated[Path | None, typer.Option(help="A file for labels of what was planted.")] = None,
    profile: Annotated[Path | None, typer.Option(help="What makes events of this domain look real (JSON).")] = None,
) -> None:
    """Write realistic events for a job, with planted faults and their labels.

    Scenarios: mixed, clean, omission, logging_bug, null, wrong_type, out_of_range, clock_skew, unknown_producer,
    duplicates, poison.
    """
    from tacet_runtime.sample import SCENARIOS, ProfileError, SampleError, read_profile, write_sample

    if scenario not in SCENARIOS:
        raise Usage(f"--scenario `{scenario}` is none of {', '.join(SCENARIOS)}")
    found = compiled(job, raw=True)
    try:
        own = read_profile(profile) if profile is not None else None
        with progress("sample", events) as advance:
            write_sample(
                found.plan, out, events=events, seed=seed, scenario=scenario, labels=labels, profile=own,
                keys=_keys(found), advance=advance,
            )  # fmt: skip
    except (SampleError, ProfileError) as error:
        raise Outside(str(error)) from error
    except OSError as error:
        raise Outside(f"cannot write {error.filename}: {error.strerror}") from error
    if OPTIONS.form == "json":
        result_json({"messages": events, "file": str(out), "labels": None if labels is None else str(labels)})
    message(f"{events} messages in {out}")


def _keys(found: Compiled) -> dict[str, list[Any]]:
    """Return the keys that lookups know, so that most events find their row; none where the data is not there."""
    from tacet_runtime.connectors.lookups import LookupError_, load_lookups

    if found.plan.derived is None:
        return {}
    try:
        lookups = load_lookups(found.plan, found.root)
    except LookupError_ as error:
        message(f"keys are made up: {error}")
        return {}
    keys: dict[str, list[Any]] = {}
    for lookup in found.plan.derived.lookups:
        if len(lookup.keys) == 1:
            keys[lookup.keys[0].field] = [key[0] for key in lookups[lookup.name].rows]
    return keys

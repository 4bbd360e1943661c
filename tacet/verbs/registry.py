"""`tacet registry push`: the schemas that were built, into a schema registry. The job itself never registers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacet.console import OPTIONS, Outside, Usage, finish, message, result, result_json
from tacet.repository import load

if TYPE_CHECKING:
    from tacet_runtime.connectors.registry import Registered
    from tacet_runtime.plan.island import Registry

_SECONDS = 20.0


def registry(
    action: Annotated[str, typer.Argument(help="push: register every topic's schema, all or none of what is tested.")],
    url: Annotated[str, typer.Option(help="The registry's Confluent-compatible address.")] = "",
    island: Annotated[Path | None, typer.Option(help="Take address and credentials from this island's file.")] = None,
) -> None:
    """Push the Avro schemas of the topics that jobs write. An incompatible one is refused: 1, and nothing is pushed.

    Example: tacet registry push --url http://127.0.0.1:8081
    """
    from tacet_runtime.connectors.registry import Incompatible, RegistryError, SchemaRegistry
    from tacet_runtime.plan.island import SettingError

    if action != "push":
        raise Usage(f"registry `{action}` is none of push")
    settings = _settings(url, island)
    schemas = _schemas()
    pushed: list[Registered] = []
    try:
        registry_ = SchemaRegistry(settings, _SECONDS)
        refused = []
        for subject, schema in schemas.items():
            try:
                registry_.test(subject, schema)
            except Incompatible as error:
                refused.append(str(error))
        if refused:
            _refuse(refused)
        for subject, schema in schemas.items():
            pushed.append(registry_.push(subject, schema))
    except Incompatible as error:
        _refuse([f"{error}{_stay(pushed)}"])
    except (RegistryError, SettingError) as error:
        raise Outside(f"{error}{_stay(pushed)}") from error
    _report(pushed)


def _stay(pushed: list[Registered]) -> str:
    """Say what is registered although a later schema is not: a registry takes one at a time."""
    names = ", ".join(one.subject for one in pushed)
    return f"; {names} stay registered, and the same command goes on after them" if pushed else ""


def _settings(url: str, island: Path | None) -> Registry:
    from tacet.service import read_island
    from tacet_runtime.plan.island import Registry, Text

    if bool(url) == (island is not None):
        raise Usage("name the registry, with --url or with --island")
    if island is None:
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise Usage("credentials in a registry's address: write them by reference in an island file")
        return Registry(Text(url))
    found = read_island(island).registry
    if found is None:
        raise Usage(f"island {island} has no registry")
    return found


def _schemas() -> dict[str, str]:
    """Return the schema of every topic in Avro, by subject."""
    from tacet_codegen.build import compile_plan
    from tacet_runtime.connectors.registry import subject_of

    repository = load()
    plans = [compile_plan(job, repository.lock) for job in repository.jobs]
    return {
        subject_of(topic.topic): topic.avro_schema
        for plan in plans
        for topic in plan.topics
        if topic.avro_schema is not None
    }


def _refuse(reasons: list[str]) -> None:
    for reason in reasons:
        message(f"refused: {reason}")
    if OPTIONS.form == "json":
        result_json({"pushed": [], "refused": reasons})
    finish(1)


def _report(pushed: list[Registered]) -> None:
    if OPTIONS.form == "json":
        found = [{"subject": one.subject, "id": one.id, "version": one.version} for one in pushed]
        result_json({"pushed": found, "refused": []})
        return
    for one in pushed:
        result(f"{one.subject}: id {one.id}, version {one.version}")
    if not pushed:
        message("no job writes a topic in Avro")

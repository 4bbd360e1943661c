"""The published JSON Schema of the language takes what the loader takes, and knows the same keys and words."""

import json

import jsonschema
import pytest

from tacet_codegen.frontend import derived, header, language, producer, raw, released, sinks, table
from tacet_codegen.frontend.reading import Shape
from tests.language.repositories import EVERYTHING, ROOT, document, every_contract
from tests.support.cases import CASES, names, unpacked

SCHEMA = language.schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)
STRUCTURAL = {"E201", "E202", "E203", "E204", "E207", "E208", "E211", "E214", "E216", "E218"}
BEYOND = {
    "E204-full-width-letters": "the folder's name",
    "E211-encoding-of-another-type": "depends on the type",
    "E214-one-of-on-a-number": "depends on the type",
    "E214-symbol-twice": "compares symbols as text",
    "E218-no-date-and-no-share": "the calendar",
}
"""Cases of these codes that only the loader can see, and why."""


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", every_contract(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_it_takes_every_contract_that_the_loader_takes(path):
    assert [e.message for e in CHECK.iter_errors(document(path))] == []


@pytest.mark.parametrize("name", [n for n in names() if n[:4] in STRUCTURAL and n not in BEYOND])
def test_it_refuses_what_the_loader_refuses_for_its_shape(name, tmp_path):
    paths = sorted(unpacked(name, tmp_path).rglob("*.yaml"))
    assert any(not CHECK.is_valid(document(path)) for path in paths)


def test_the_cases_that_it_cannot_see_are_still_there():
    assert all((CASES / name).is_dir() for name in BEYOND)


def shapes() -> dict[str, Shape]:
    modules = (derived, header, producer, raw, released, sinks, table)
    return {f"{m.__name__}.{n}": s for m in modules for n, s in vars(m).items() if isinstance(s, Shape)}


@pytest.mark.parametrize("name", sorted(shapes()))
def test_a_key_that_the_loader_learns_and_the_schema_does_not_ends_the_build(name, monkeypatch):
    module, _, attribute = name.rpartition(".")
    shape = shapes()[name]
    monkeypatch.setattr(
        f"{module}.{attribute}", Shape(shape.required, {**shape.optional, "brand_new": "a key of tomorrow"})
    )
    with pytest.raises(language.Drift, match="brand_new"):
        language.schema()


def keys_of(node) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(keys_of, node))
    if isinstance(node, dict):
        return set(node).union(*map(keys_of, node.values()))
    return set()


def test_the_repository_with_everything_uses_every_key_of_the_language():
    used = set().union(*(keys_of(document(path)) for path in (EVERYTHING / "contracts").rglob("*.yaml")))
    assert {key for shape in shapes().values() for key in shape.keys} <= used


def test_every_key_of_the_schema_says_what_it_is():
    def bare(schema) -> list[str]:
        if isinstance(schema, list):
            return [key for item in schema for key in bare(item)]
        if not isinstance(schema, dict):
            return []
        properties = schema.get("properties", {})
        found = [key for key, value in properties.items() if not value.get("description")]
        return found + [key for value in schema.values() for key in bare(value)]

    assert bare(SCHEMA) == []


def test_an_editor_finds_it_where_build_writes_it():
    settings = json.loads((ROOT / "tacet/templates/dot-vscode/settings.json").read_text())
    assert settings["yaml.schemas"] == {f"generated/{language.NAME}": ["contracts/**/*.yaml"]}
    assert (ROOT / "generated" / language.NAME).read_text() == language.render()

"""Generated Python models: executed, type-checked, and named whatever a contract names things."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from tacet_codegen import frontend
from tacet_codegen.build import build
from tests.language.repositories import EVERYTHING, ROOT, copied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EVENT = """event: {event}
version: 1.0.0
status: draft
owner: {{team: t, notify: ["slack:#t"]}}
doc: d
source: {{topic: t, explode: $.items, event_time: at}}
producer: {{name: m, version: b, scheme: semver}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  m: {{type: string, path: $.m, presence: required}}
  b: {{type: string, path: $.b, presence: required}}
  at: {{type: timestamptz, path: $.at, presence: required}}
  one: {{type: string, path: '$item."{key}"', presence: optional}}
  two: {{type: "struct{{inner: int, other: string}}", path: '$."{key}"', presence: optional}}
  three: {{type: int, path: '$."{key}".inner', range: [0, 9], presence: optional}}
  four: {{type: string, path: '$item."{other}"', presence: optional}}
  five: {{type: "map<string,long>", path: '$item.map', presence: optional}}
"""
MESSAGE = {"id": 1, "m": "a", "b": "1.0.0", "at": "2026-01-01T00:00:00Z"}


def generated(folder: Path, event: str = "thing", key: str = "k", other: str = "o") -> Mapping[str, str]:
    contract = folder / "contracts" / "ns" / event / "1.0.0.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(EVENT.format(event=event, key=key, other=other))
    loaded = frontend.load(folder / "contracts")
    assert loaded.repository is not None, loaded.diagnostics
    return build(loaded.repository).files


def imported(folder: Path, text: str, name: str) -> Any:
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(f"{folder.name}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def round_trips(folder: Path, event: str = "thing", key: str = "k", other: str = "o") -> None:
    files = generated(folder, event, key, other)
    module = imported(folder, files[f"python/tacet_models/ns/{event}_1_0_0.py"], event)
    message = {**MESSAGE, key: {"inner": 5}, "items": [{key: "v", other: "w", "map": {"x": 1}}]}
    assert json.loads(module.encode(module.decode(json.dumps(message).encode()))) == message
    for wrong in ({"id": "x"}, {"items": [{key: 5}]}, {key: {"inner": "x"}}, {"items": [{"map": {"x": "y"}}]}):
        with pytest.raises(msgspec.ValidationError):
            module.decode(json.dumps({**message, **wrong}).encode())


EVENTS = ["struct", "Struct", "meta", "literal", "annotated", "any", "unset", "UNSET", "unset_type", "none_", "true_", "item", "k", "decode", "msgspec",
          "field", "str", "_1", "_", "e" * 128]  # fmt: skip
NAMES = ["class", "decode", "msgspec", "field", "Literal", "1abc", "", "a b", "__class__", "self", "é", "日本", "a.b", "UNSET", "_x", "__x", "`",
         "{{7}}", "$ref", "type", "None", "-", "_", "#/x", "~1", "/", "items_", "Thing", "properties", "model_config"]  # fmt: skip


@pytest.mark.parametrize("event", ["struct", "UNSET", "none_"])
def test_a_model_of_an_event_that_is_called_like_something_in_its_module_reads_and_refuses(tmp_path, event):
    round_trips(tmp_path, event=event)


@pytest.mark.slow
@pytest.mark.parametrize("event", EVENTS)
def test_a_model_of_an_event_of_any_name_reads_and_refuses(tmp_path, event):
    round_trips(tmp_path, event=event)


@pytest.mark.slow
@pytest.mark.parametrize("key", NAMES)
def test_a_model_of_keys_of_any_name_reads_and_refuses(tmp_path, key):
    round_trips(tmp_path, key=key)


@pytest.mark.parametrize(("one", "other"), [("a-b", "a_b"), ("a", "A"), ("1a", "field_1a"), ("class", "class_")])
def test_keys_that_make_one_python_name_stay_two_fields(tmp_path, one, other):
    round_trips(tmp_path, key=one, other=other)


def test_two_fields_of_one_place_are_both_in_the_json_schema(tmp_path):
    schema = json.loads(generated(tmp_path)["jsonschema/ns/thing/1.0.0.json"])
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({**MESSAGE, "items": [], "k": {"inner": 9, "other": "x"}})
    assert not check.is_valid({**MESSAGE, "items": [], "k": {"inner": 10}})
    assert not check.is_valid({**MESSAGE, "items": [], "k": {"inner": 9, "other": 1}})


@pytest.mark.slow
def test_all_models_pass_mypy_strict(tmp_path):
    loaded = frontend.load(copied(EVERYTHING, tmp_path))
    assert loaded.repository is not None
    for name, text in build(loaded.repository).files.items():
        if name.startswith("python/"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    roots = [str(tmp_path / "python/tacet_models"), str(ROOT / "generated/python/tacet_models")]
    for root in roots:
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache"), root],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("key", ["k", "kCamel"])
def test_a_struct_that_may_be_null_says_so_once(tmp_path, key):
    text = generated(tmp_path, key=key)["python/tacet_models/ns/thing_1_0_0.py"]
    assert re.search(r"^    \w+: \w+ \| None \| UnsetType = ", text, re.MULTILINE)
    assert "None | None" not in text

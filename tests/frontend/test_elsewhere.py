"""A name that only a newer version has: the hint says which, and following it is a way out."""

from __future__ import annotations

import pytest

from tacet_codegen import frontend
from tests.support.small import derived, producer, raw, write

FIELD = "level: {type: int, path: $.level, presence: optional}"
TABLE = """table: site
version: {version}
status: {status}
owner: {{team: probes, notify: ["slack:#probes"]}}
doc: Sites.
source: {{file: data/sites.csv}}
key: [id]
fields:
  id: {{type: long, presence: required}}
{more}"""


def draft(text: str) -> str:
    return text.replace("status: released", "status: draft")


def errors(folder) -> dict[str, str]:
    return {d.code: d.hint for d in frontend.load(folder / "contracts").diagnostics if d.severity == "error"}


def repository(folder, newer: dict[str, str], view: str):
    files = {"ping/1.0.0.yaml": raw(), "ping/producers/web.yaml": producer('">=1.0.0": {contract: 1.0.0}')}
    return write(folder, {**files, "pong/1.0.0.yaml": view, **newer})


@pytest.mark.parametrize(
    ("code", "field"),
    [("E505", 'twice: {type: long, expr: "level * 2"}'), ("E301", "level: {from: level}")],
)
def test_a_field_of_a_draft_is_read_once_the_draft_is_released_or_its_version_is_asked_for(tmp_path, code, field):
    view = derived(f"id: {{from: id}}\n{field}")
    folder = repository(tmp_path, {"ping/1.1.0.yaml": draft(raw(FIELD, version="1.1.0"))}, view)
    hint = "`demo.ping@1.1.0` has it and is a draft: release it first, or write `from.versions` as `>=1.1.0 <2.0.0` meanwhile"
    assert errors(folder) == {code: hint}
    write(folder, {"pong/1.0.0.yaml": view.replace(">=1.0.0 <2.0.0", ">=1.1.0 <2.0.0")})
    assert errors(folder) == {}
    write(folder, {"pong/1.0.0.yaml": view, "ping/1.1.0.yaml": raw(FIELD, version="1.1.0")})
    assert errors(folder) == {}


@pytest.mark.parametrize(("status", "said"), [(draft, " and is a draft"), (str, "")])
def test_a_field_of_a_version_outside_the_range_is_read_with_the_range_that_the_hint_names(tmp_path, status, said):
    view = derived("id: {from: id}\nlevel: {from: level}")
    folder = repository(tmp_path, {"ping/2.0.0.yaml": status(raw(FIELD, version="2.0.0"))}, view)
    assert errors(folder) == {"E301": f"`demo.ping@2.0.0` has it{said}: write `from.versions` as `>=2.0.0 <3.0.0`"}
    write(folder, {"pong/1.0.0.yaml": view.replace(">=1.0.0 <2.0.0", ">=2.0.0 <3.0.0")})
    assert errors(folder) == {}


def test_a_column_of_a_drafted_table_is_known_by_its_draft(tmp_path):
    lookup = 'lookups:\n  site: {table: site, version: ">=1.0.0 <2.0.0", on: {id: id}, missing: keep}\n'
    tables = {
        "site/1.0.0.yaml": TABLE.format(version="1.0.0", status="released", more=""),
        "site/1.1.0.yaml": TABLE.format(
            version="1.1.0", status="draft", more="  city: {type: string, presence: optional}\n"
        ),
        "data/sites.csv": "id,city\n1,here\n",
    }
    folder = repository(tmp_path, tables, derived("id: {from: id}\ncity: {from: site.city}", lookup))
    hint = "`demo.site@1.1.0` has it and is a draft: release it first, or write `lookups.site.version` as `>=1.1.0 <2.0.0` meanwhile"
    assert errors(folder) == {"E301": hint}

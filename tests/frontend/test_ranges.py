"""`range`: what its ends may be, and the form that a refusal names."""

from __future__ import annotations

import re

import pytest

from tacet_codegen import frontend
from tests.support.small import producer, raw, write


def found(folder, type_: str, ends: str):
    """Load a contract with a field of a range; return the range as meant, and the diagnostics."""
    encoding = "iso8601" if type_.startswith(("date", "time")) else "string"
    field = f'x: {{type: "{type_}", path: $.x, encoding: {encoding}, presence: required, range: [{ends}]}}\n'
    write(folder, {"ping/1.0.0.yaml": raw(field), "ping/producers/web.yaml": producer('">=1.0.0": {contract: 1.0.0}')})
    loaded = frontend.load(folder / "contracts")
    if loaded.repository is None:
        return None, loaded.diagnostics
    [event] = loaded.repository.raw_events
    return next(f.constraint.range for f in event.fields if f.name == "x"), loaded.diagnostics


@pytest.mark.parametrize(
    "type_",
    ["int", "long", "float", "double", "decimal(2,2)", "decimal(9,0)", "date", "time", "timestamp", "timestamptz"],
)
def test_the_form_that_a_refusal_names_is_taken(tmp_path, type_):
    nothing, [problem] = found(tmp_path / "refused", type_, "nonsense, null")
    assert (nothing, problem.code) == (None, "E213")
    form = re.search("for example `(.*)`, or `null`", problem.hint)[1]
    for number, written in enumerate((form, f'"{form}"')):
        range_, problems = found(tmp_path / str(number), type_, f"{written}, null")
        assert range_ is not None, problems


@pytest.mark.parametrize(
    "written",
    ["2099-12-31T22:00:00Z", "2100-01-01T00:00:00+02:00", "2099-12-31 22:00:00Z", "2099-12-31T20:30:00.0-01:30"],
)
def test_a_moment_is_taken_with_its_offset_as_expressions_take_it(tmp_path, written):
    range_, problems = found(tmp_path, "timestamptz", f'null, "{written}"')
    assert range_ is not None, problems
    assert range_.high == "2099-12-31T22:00:00.000000Z"


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        ("timestamptz", "2100-01-01T00:00:00"),
        ("timestamptz", "0001-01-01T00:00:00+02:00"),
        ("timestamptz", "9999-12-31T23:59:59-00:01"),
        ("timestamptz", "2100-01-01T00:00:00+25:00"),
        ("timestamp", "2100-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_moment_of_the_type_is_refused(tmp_path, type_, written):
    range_, [problem] = found(tmp_path, type_, f'null, "{written}"')
    assert (range_, problem.code) == (None, "E213")

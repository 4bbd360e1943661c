"""Keys of reference data of every type, and ranges with one end: samples are valid, and their labels true."""

from __future__ import annotations

import json

import pytest

from tests.sample.agreement import disagreements, open_repository, sampled
from tests.support import small

KEYS = {
    "uuid": [f"6f1c2b0e-0a5d-4c1b-9e57-{n:012x}" for n in range(9)],
    "date": ["2026-01-01", "2026-06-30", "2027-12-31"],
    "boolean": ["true"],
    "long": ["5", "9223372036854774000"],
    "int": ["-4", "7"],
    "string": ["a", "b"],
    "decimal(38,10)": ["1234567890123456789012345678.0123456789", "0.0000000001"],
    "time": ["12:00:00", "13:30:00"],
}
TABLE = """table: place
version: 1.0.0
status: released
owner: {{team: probes}}
doc: Names of keys.
key: [key]
source: {{file: data/place.csv}}
fields:
  key: {{type: "{type}", presence: required}}
  name: {{type: string, presence: required}}
"""


@pytest.mark.parametrize("type_", KEYS)
def test_keys_that_are_there_are_found_and_others_are_labelled(type_, tmp_path, monkeypatch):
    lookup = "lookups:\n  place: {table: demo.place, version: '>=1.0.0 <2.0.0', on: {key: key}, missing: keep}\n"
    files = {
        "ping/1.0.0.yaml": small.raw(f'key: {{type: "{type_}", path: $.key, presence: required}}'),
        "pong/1.0.0.yaml": small.derived("id: {from: id}\nname: {from: place.name}", lookup),
        "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
        "place/1.0.0.yaml": TABLE.format(type=type_),
        "data/place.csv": "key,name\n" + "".join(f"{key},n{key}\n" for key in KEYS[type_]),
    }
    small.write(tmp_path, files)
    found = open_repository(tmp_path, "pong", monkeypatch)
    assert disagreements(sampled(found, tmp_path, "clean", events=60)) == []
    assert disagreements(sampled(found, tmp_path, "mixed", events=200)) == []
    if type_ not in {"boolean", "time", "decimal(38,10)"}:
        missed = sampled(found, tmp_path, "lookup_miss", events=100)
        assert disagreements(missed) == []
        assert missed.planted("lookup_miss")
        assert not missed.planted("bad_format")


def test_a_decimal_that_has_no_lowest_value_has_many(tmp_path, monkeypatch):
    files = {
        "ping/1.0.0.yaml": small.raw(
            'owed: {type: "decimal(38,2)", path: $.owed, range: [null, "-5"], presence: required}'
        ),
        "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
    }
    small.write(tmp_path, files)
    sample = sampled(open_repository(tmp_path, "ping", monkeypatch), tmp_path, "clean", events=60)
    assert disagreements(sample) == []
    assert len({json.loads(line)["owed"] for line in sample.messages if b'"owed"' in line}) > 9

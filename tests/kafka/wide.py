"""An event with a column of every type that the contract language has, and messages at the edges of each."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EDGES = {
    "boolean": [True, False],
    "int": [0, 2**31 - 1, -(2**31)],
    "long": [0, 2**63 - 1, -(2**63)],
    "float": [1.5, -0.0, 3.4028234e38],
    "double": [0.1, 5e-324, -1.7976931348623157e308],
    "decimal(38,10)": ["1.25", "-0.0000000001", "9999999999999999999999999999.9999999999"],
    "decimal(9,2)": ["0.00", "-1.5", "1234567.89"],
    "date": ["1970-01-01", "0001-01-01", "9999-12-31"],
    "time": ["00:00:00", "12:30:00.5", "23:59:59.999999"],
    "timestamp": ["1969-12-31T23:59:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"],
    "timestamptz": ["2026-11-25T01:02:03.000004Z", "1582-10-04T12:00:00+01:30", "9999-12-31T23:59:59.999999Z"],
    "string": ["", "é\u0000\u2028", "\U0001f3b5" * 3],
    "uuid": ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
    "binary": [base64.b64encode(data).decode() for data in (b"", b"\xff\x00\xfe", bytes(range(256)))],
    "list<uuid>": [[], ["00000000-0000-0000-0000-000000000007"]],
    "map<string,long>": [{}, {"a": 1, "é b": -1}],
    "struct{a: decimal(9,2), b: struct{c: list<date>, d: binary}}": [
        {},
        {"a": 0.01, "b": {"c": ["2026-11-25", "1969-12-31"], "d": "/wD+"}},
        {"a": None, "b": {"c": []}},
    ],
    "list<struct{a: uuid, b: timestamptz}>": [[{"b": "1969-12-31T23:59:59.999999Z"}], [{}, {"a": None}]],
}
"""Type -> values as sent; a decimal of its own as text, which keeps its digits."""
RAW = """event: reading
version: 1.0.0
status: released
owner: {{team: t, notify: ["slack:#t"]}}
doc: A value of every type.
source: {{topic: {source}, format: json, event_time: at}}
producer: {{name: app, version: ver, scheme: semver}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  app: {{type: string, path: $.app, presence: required}}
  ver: {{type: string, path: $.ver, presence: required}}
  at: {{type: timestamptz, path: $.at, encoding: epoch_millis, presence: required}}
{fields}sinks:
  iceberg: {{table: wide.reading}}
"""
DERIVED = """event: known
version: 1.0.0
status: released
owner: {{team: t, notify: ["slack:#t"]}}
doc: A value of every type, as it came.
from: {{event: reading, versions: ">=1.0.0 <2.0.0"}}
fields:
  id: {{from: id}}
{fields}sinks:
  iceberg: {{table: wide.known}}
  kafka: {{topic: {topic}, key: [id], format: avro}}
"""
PRODUCER = """producer: t
owner: {team: t, notify: ["slack:#t"]}
event: reading
versions:
  ">=1.0.0": {contract: 1.0.0}
"""
ISLAND = """island: {island}
kafka: {{bootstrap: "{bootstrap}"}}
registry: {{url: "{registry}"}}
warehouse: warehouse
pace: {{time: 0.2s, tables: 0.1s}}
"""


def write_repository(folder: Path, source: str, topic: str) -> None:
    """Write the contracts."""
    raw = "".join(_field(number, type_) for number, type_ in enumerate(EDGES))
    derived = "".join(f"  f{number}: {{from: f{number}}}\n" for number in range(len(EDGES)))
    files = {
        "reading/1.0.0.yaml": RAW.format(source=source, fields=raw),
        "known/1.0.0.yaml": DERIVED.format(topic=topic, fields=derived),
        "reading/producers/t.yaml": PRODUCER,
    }
    for name, text in files.items():
        path = folder / "contracts/wide" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _field(number: int, type_: str) -> str:
    encoding = ", encoding: string" if type_.startswith("decimal") else ""
    return f'  f{number}: {{type: "{type_}", path: $.f{number}, presence: optional{encoding}}}\n'


def message(number: int) -> bytes:
    """Return one message: the edges in turn, and every seventh time, in turn for each type, nothing or null."""
    event = {"id": number, "app": "a", "ver": "1.0.0", "at": 1_790_000_000_000 + number}
    for at, values in enumerate(EDGES.values()):
        match (number + at) % 7:
            case 0:
                continue
            case 1:
                event[f"f{at}"] = None
            case _:
                event[f"f{at}"] = values[number % len(values)]
    return json.dumps(event).encode()

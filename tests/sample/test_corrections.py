"""Chained corrections: each sees what the one before it left, and so do lookups and agreements; labels say the same."""

from __future__ import annotations

import random

import pytest

from tests.sample.agreement import disagreements, open_repository, sampled
from tests.support import small

COUNT = """table: count
version: 1.0.0
status: released
owner: {team: probes}
doc: Names of numbers.
key: [number]
source: {file: data/count.csv}
fields:
  number: {type: int, presence: required}
  name: {type: string, presence: required}
"""


def chained(seed: int) -> dict[str, str]:
    """Return a repository whose corrections read and set the same few fields, in a message and in its rows."""
    rng = random.Random(seed)
    names = ["a", "b", "c"]

    def condition() -> str:
        one, other = rng.sample(names, 2)
        number = rng.randrange(1, 12)
        return rng.choice(
            [f"{one} > {number}", f"{one} < {number}", f"{one} > {other}", f"{one} IS NULL", f"{one} + {other} > 9"]
        )

    def value() -> str:
        one, other = rng.choices(names, k=2)
        return rng.choice([f"{one} - 4", f"{one} + {other}", other, f"{rng.randrange(14)}", f"NULLIF({one}, {other})"])

    fixes = "".join(
        f'  fix{n}: {{when: "{condition()}", set: {{{", ".join(f"{name}: {value()!r}" for name in rng.sample(names, rng.choice([1, 1, 2])))}}}}}\n'
        for n in range(4)
    )
    item = rng.random() < 0.5
    rows = "".join(
        f"{name}: {{type: int, path: {'$item' if item and name != 'a' else '$'}.{name}, range: [0, 20], presence: optional}}\n"
        for name in names
    )
    rows += "at: {type: int, path: $index, presence: required, identity: true}\n" if item else ""
    more = "at: {from: at}\n" if item else ""
    return {
        "ping/1.0.0.yaml": small.raw(rows, explode="$.items" if item else ""),
        "pong/1.0.0.yaml": small.derived(
            f"id: {{from: id}}\n{more}a: {{from: a}}\nname: {{from: count.name}}",
            f"corrections:\n{fixes}lookups:\n  count: {{table: demo.count, version: '>=1.0.0 <2.0.0', on: {{number: {rng.choice(names)}}},"
            f" missing: {rng.choice(['keep', 'reject'])}}}\n",
        ).replace(
            "sinks:",
            f'agreements:\n  small: {{check: "a < {rng.randrange(2, 12)}", else: {rng.choice(["flag", "reject"])}}}\nsinks:',
        ),
        "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
        "count/1.0.0.yaml": COUNT,
        "data/count.csv": "number,name\n" + "".join(f"{n},n{n}\n" for n in range(0, 20, 2)),
    }


@pytest.mark.parametrize("seed", range(12))
def test_labels_of_chained_corrections_are_what_the_interpreter_finds(seed, tmp_path, monkeypatch):
    small.write(tmp_path, chained(seed))
    found = open_repository(tmp_path, "pong", monkeypatch)
    for scenario in ("mixed", "wrong_type"):
        assert disagreements(sampled(found, tmp_path, scenario, events=250, seed=seed)) == []


def test_a_correction_that_an_earlier_one_made_needless_has_no_label(tmp_path, monkeypatch):
    fixes = "corrections:\n  first: {when: a > 2, set: {a: a - 2}}\n  second: {when: a > 2, set: {a: '0'}}\n"
    files = {
        "ping/1.0.0.yaml": small.raw("a: {type: int, path: $.a, range: [3, 5], presence: required}"),
        "pong/1.0.0.yaml": small.derived("id: {from: id}\na: {from: a}", fixes),
        "ping/producers/web.yaml": small.producer('">=1.0.0": {contract: 1.0.0}'),
    }
    small.write(tmp_path, files)
    sample = sampled(open_repository(tmp_path, "pong", monkeypatch), tmp_path, "clean", events=60)
    assert disagreements(sample) == []
    assert {label["expected"] for label in sample.planted("correction")} == {"corrected:first", "corrected:second"}

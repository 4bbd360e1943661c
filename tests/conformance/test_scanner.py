"""The scanner takes what the reference's decoder takes, and notes the same: over messages broken byte by byte."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from tacet_runtime.engines.embedded import scan
from tacet_runtime.engines.embedded.layout import lay_out
from tacet_runtime.engines.embedded.scanner import Scanner
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Path
from tacet_runtime.plan.known import known_keys
from tacet_runtime.plan.model import Field, Limits, Optional, Source
from tacet_runtime.steps.paths import ABSENT, find
from tacet_runtime.steps.strict_json import Number, Refused, decode
from tacet_runtime.steps.unknown import unknown

LONG = "a_key_of_more_than_two_words"
STEPS = (
    ("a",),
    ("b", "c"),
    ("b", "é"),
    ("b", "d", "e"),
    ("b", ""),
    ("list", "x"),
    ('"',),
    ("B", "c"),
    (LONG,),
    ("b", LONG[:8]),
)
LIMITS = Limits(message_bytes=10_000, depth=8, keys=10_000, string_bytes=10_000, explode_rows=100)
PIECES = (
    *'{}[]:,"\\ \n\t0123456789.eE+-', "null", "true", "false", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "é", "€", "😀",
    '"a":', '"b":{', '"c":', '"list":[', '"x":', "\x00", "\x7f",
)  # fmt: skip
RAW = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xc3\xa9", b"\xef\xbb\xbf")


def source() -> Source:
    def field(number: int, path: Path) -> Field:
        return Field(
            f"f{number}", number, t.StringType(), path, "json", Optional(), False, False, None, None, None, "1", ""
        )

    fields = [field(number, Path("$", steps)) for number, steps in enumerate(STEPS)]
    fields.append(field(99, Path("$item", ("x",))))
    return Source(
        event="e.e", version="1", topic="t", select=None, explode=Path("$", ("items",)), event_time="f0", producer_name="f0",
        producer_version="f0", scheme="semver", unknown_fields="report", fields=tuple(fields), versions=(), registrations=(),
        rules=(), keep_payload=False, line="",
    )  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> object:
    """Make a value whose keys are often those of the paths."""
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return "x" * rng.randrange(80) + rng.choice(("", "é", "\n", "\\", '"', "\U0001f600")) + "y" * rng.randrange(40)
    if kind < 6:
        return rng.choice(
            (None, True, False, 0, -7, 1.5, 1e300, 2**63, -(2**63), 2**70, "", "é\u20ac\U0001f600", 'q"\\\n', "plain")
        )
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    keys = (
        "a",
        "b",
        "c",
        "d",
        "e",
        "é",
        "",
        "list",
        "x",
        "items",
        "B",
        '"',
        "new",
        "A",
        LONG,
        LONG[:8],
        LONG[:-1],
        LONG + "s",
    )
    return {key: value(rng, depth + 1) for key in rng.sample(keys, rng.randrange(6))}


def message(rng: random.Random) -> bytes:
    made = {key: value(rng) for key in rng.sample(("a", "b", "list", "items", "B", "noise", LONG), rng.randrange(6))}
    text = json.dumps(made, ensure_ascii=rng.random() < 0.3, indent=rng.choice((None, None, 1)))
    data = text.encode()
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        piece = rng.choice(RAW) if rng.random() < 0.1 else rng.choice(PIECES).encode()
        data = data[:at] + piece + data[min(end, at + rng.randrange(4)) :]
    return data


@pytest.mark.parametrize("seed", range(4))
def test_what_the_scanner_takes_and_notes_is_what_the_reference_takes_and_finds(seed):
    rng = random.Random(seed)
    plan = source()
    layout = lay_out(plan)
    data = [message(rng) for _ in range(6_000)]
    found = Scanner(layout, 10_000, LIMITS.depth).scan(pa.array(data, pa.large_binary()))
    known = known_keys(plan.fields, plan.explode, plan.select)[0]
    refused = taken = 0
    for number, one in enumerate(data):
        wanted = decode(one, LIMITS)
        if isinstance(wanted, Refused):
            refused += 1
            assert found.status[number] != scan.FINE, one
            continue
        if found.status[number] != scan.FINE:
            assert b"\\" in one, one  # an escape in a key that matters: the strict path's
            continue
        taken += 1
        for steps in STEPS:
            place = layout.places[Path("$", steps)]
            kind = found.kinds[number, place]
            there = find(steps, wanted)
            assert (kind == scan.ABSENT) == (there is ABSENT), (one, steps)
            if isinstance(there, Number):
                assert bytes(found.data[found.starts[number, place] : found.ends[number, place]]).decode() == there
            elif isinstance(there, str):
                text = bytes(found.data[found.starts[number, place] : found.ends[number, place]])
                assert json.loads(text) == there, (one, steps)
        assert (found.unknown[number] != 0) == bool(list(unknown(wanted, known, "$"))), one
        items = find(("items",), wanted)
        count = found.first[number + 1] - found.first[number]
        assert count == (len(items) if isinstance(items, list) else 0), one
    assert min(refused, taken) > 1_000
    assert np.count_nonzero(found.status == scan.FINE) == taken

"""Scanned values become columns: exact for every byte of a UUID and every length of a number."""

from __future__ import annotations

import random
import re
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tacet_runtime.engines.embedded import scan
from tacet_runtime.engines.embedded.columns import Wanted, Wants
from tacet_runtime.engines.embedded.layout import lay_out
from tacet_runtime.engines.embedded.scanner import Scanner
from tacet_runtime.plan.expressions import Path
from tacet_runtime.plan.forms import Form
from tests.conformance.test_scanner import LIMITS, source

if TYPE_CHECKING:
    from collections.abc import Sequence

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read(values: Sequence[str], form: Form) -> list[Any]:
    """Return what each JSON value is as a column of a form."""
    layout = lay_out(source())
    data = pa.array([f'{{"a":{value}}}'.encode() for value in values], pa.large_binary())
    found = Scanner(layout, LIMITS.message_bytes, LIMITS.depth).scan(data)
    assert (found.status == scan.FINE).all()
    (column,) = found.message(np.arange(len(values))).columns(
        Wants([Wanted(layout.places[Path("$", ("a",))], form, "json")])
    )
    return column.to_pylist()


def test_a_uuid_is_read_and_nothing_else_is_one_whatever_byte_stands_where():
    good = "0189abcd-EF67-4fa9-8b1c-d2e3f4a5b6c7"
    printable = [chr(code) for code in range(32, 127) if chr(code) not in '"\\']
    texts = [good[:at] + byte + good[at + 1 :] for at in range(len(good)) for byte in printable]
    rng = random.Random(1)
    texts += [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(1_000)]
    wanted = [uuid.UUID(text) if UUID.fullmatch(text) else None for text in texts]
    assert read([f'"{text}"' for text in texts], Form.UUID) == wanted
    assert sum(one is not None for one in wanted) > 1_500


def test_whole_numbers_of_every_length_are_exact():
    rng = random.Random(2)
    numbers = [0, 2**63 - 1, -(2**63), 10**8, 10**16, -(10**16), 10**8 - 1, 10**18]
    numbers += [rng.randint(-(2**63), 2**63 - 1) >> rng.randrange(63) for _ in range(5_000)]
    assert read([str(number) for number in numbers], Form.LONG) == numbers


def test_texts_stand_side_by_side_whatever_their_lengths():
    rng = random.Random(3)
    texts = ["".join(rng.choices("abcdefgh", k=rng.randrange(40))) for _ in range(3_000)]
    assert read([f'"{text}"' for text in texts], Form.STRING) == texts
    assert read([f'"\\u0061{text}"' for text in texts], Form.STRING) == [f"a{text}" for text in texts]

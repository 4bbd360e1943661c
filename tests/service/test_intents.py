"""Intents as messages: read back as they were, and refused when another version wrote them."""

from __future__ import annotations

import json

import pytest

from tacet_runtime.connectors.parquet import Finished
from tacet_runtime.service.intent import BadIntent, Intent, TableFiles, encode, history, key
from tacet_runtime.service.lineage import Lineage

INTENT = Intent(
    seq=7,
    plan="digest",
    cluster="here",
    lineage=Lineage(("one", "two"), ("old.bus", "bus"), {"one": {0: 40}}),
    offsets={0: (3, 9), 11: (0, 1)},
    positions={0: 9, 11: 1},
    messages=7,
    folder="data/7",
    tables=(TableFiles("raw", "uuid", 2, 1, (Finished("raw", "data/7/raw.parquet", (None, 5), 6),)),),
)


def test_an_intent_is_read_as_it_was_written() -> None:
    assert history([(key(7), encode(INTENT))]) == [INTENT]


@pytest.mark.parametrize("number", [1, 3, None])
def test_another_versions_intent_is_named_with_both_formats(number: int | None) -> None:
    document = json.loads(encode(INTENT)) | {"format": number}
    with pytest.raises(BadIntent, match=f"key b?'7' cannot be read: it has format {number}, and this version reads 2"):
        history([(key(7), json.dumps(document).encode())])

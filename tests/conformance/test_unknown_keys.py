"""Keys that no field names: which they are, and that a client which makes them up fills no memory."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.steps.unknown import BATCH_NAMES, OTHERS, ROW_NAMES
from tests.support import small

STRUCT = """
whole: {type: "struct{x: int, list: list<struct{d: int}>}", path: $.a, presence: optional}
n: {type: int, path: $index, presence: required, identity: true}
e: {type: int, path: $item.e, presence: optional}
"""


def counted(plan, messages):
    """Return rows by unknown key, the same on both engines."""
    small.run(plan, messages)
    batch = Batch("t", 0, pa.array(range(len(messages)), pa.int64()), pa.array(messages, pa.large_binary()))
    metrics = make_processor("embedded", plan, {}).process(batch).tables["metrics"].to_pylist()
    found = Counter()
    for row in metrics:
        if row["kind"] == "unknown_field":
            found[row["name"]] += row["rows"]
    return found


def test_keys_that_a_struct_names_around_the_exploded_list_are_known(tmp_path):
    plan = small.compiled(
        tmp_path, {"ping/1.0.0.yaml": small.raw(STRUCT, explode="$.a.list", text="unknown_fields: reject\n")}
    )
    items = ({"d": 1}, {"e": 2}, {"d": 1, "e": 2}, {"z": 1})
    results = small.run(plan, [small.message(a={"x": 1, "list": [item]}) for item in items])
    assert [result.rows[0].outcome for result in results] == ["emitted", "emitted", "emitted", "rejected"]
    assert results[3].rows[0].reject.field == "$item.z"


def test_a_row_is_counted_under_its_first_unknown_keys_and_once_for_the_rest(tmp_path):
    plan = small.compiled(tmp_path, {"ping/1.0.0.yaml": small.raw()})
    found = counted(
        plan, [small.message(**{f"k{number:03}": 1 for number in range(ROW_NAMES + 5)}), small.message(k000=1)]
    )
    assert found == {"$.k000": 2, **{f"$.k{number:03}": 1 for number in range(1, ROW_NAMES)}, OTHERS: 1}
    assert counted(plan, [small.message(**{"*": 1})]) == {'$."*"': 1}


def test_a_batch_tells_its_first_unknown_keys_by_name_whatever_path_its_rows_took(tmp_path):
    plan = small.compiled(tmp_path, {"ping/1.0.0.yaml": small.raw()})
    rows = [{f"key{row * 20 + at:05}": 1 for at in range(20)} for row in range(100)]
    messages = [small.message(**row) for row in rows]
    messages[3] = messages[3].replace(b'"key', b'"\\u006bey')  # the strict path's
    found = counted(plan, messages)
    assert found == {**{f"$.key{at:05}": 1 for at in range(BATCH_NAMES)}, OTHERS: 100 - BATCH_NAMES // 20}


def test_a_batch_of_made_up_keys_makes_few_metrics(tmp_path):
    plan = small.compiled(tmp_path, {"ping/1.0.0.yaml": small.raw()})
    messages = [json.dumps({**small.GOOD, **{f"u{row}_{at}": at for at in range(500)}}).encode() for row in range(200)]
    found = counted(plan, messages)
    assert len(found) == BATCH_NAMES + 1
    assert found[OTHERS] == 200

"""`tacet explain`: the JSON that other tools rely on, the text for a person, and no traceback whatever the bytes."""

import json
import random

import pytest

from tests.support.command import here, tacet
from tests.support.small import derived, message, producer, raw, write

FIELDS = """
item: {type: int, path: $index, presence: required, identity: true}
key: {type: uuid, path: $item.key, presence: required, on_bug: reject}
price: {type: 'decimal(9,2)', path: $item.price, presence: required}
wide: {type: 'decimal(38,10)', path: $item.wide, encoding: string, presence: optional}
day: {type: date, path: $item.day, presence: optional}
clock: {type: time, path: $item.clock, presence: optional}
wall: {type: timestamp, path: $item.wall, encoding: iso8601, presence: optional}
data: {type: binary, path: $item.data, encoding: base64, presence: optional}
ratio: {type: double, path: $item.ratio, presence: optional}
small: {type: float, path: $item.small, presence: optional}
tags: {type: list<string>, path: $item.tags, presence: optional}
costs: {type: 'map<string,decimal(5,1)>', path: $item.costs, presence: optional}
spot: {type: 'struct{at: timestamptz, name: string}', path: $item.spot, encoding: iso8601, presence: optional}
robot: {type: boolean, path: $.robot, presence: optional}
"""
RULES = "rules:\n  cheap: {check: price < 100, else: flag}\n  paid: {check: price >= 0, else: reject}\n"
VIEW = """
id: {from: id}
item: {from: item}
price: {from: price}
day: {from: day, presence: optional}
half: {type: int, expr: "10 / CAST(price AS int)", presence: optional}
"""
ITEM = {
    "key": "0B5E1C2A-1111-4222-8333-ABCDEFABCDEF", "price": 12.5, "wide": "1.5", "day": "2026-06-01", "clock": "01:02:03", "wall": "2026-06-01T01:02:03.5", "data": "AAE=", "ratio": 1e16,
    "small": 0.1, "tags": ["a", "é"], "costs": {"b": 1}, "spot": {"at": "2026-06-01T01:00:00+02:00"},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("explain"),
        {
            "ping/1.0.0.yaml": raw(FIELDS.replace("clock:", "hour:"), explode="$.items", text=RULES),
            "ping/1.1.0.yaml": raw(FIELDS, version="1.1.0", explode="$.items", text=RULES),
            "ping/producers/web.yaml": producer('">=1.0.0": {contract: 1.1.0}'),
            "pong/1.0.0.yaml": derived(
                VIEW,
                'filters:\n  robots: {drop_when: robot}\ncorrections:\n  dear: {when: "price > 50.0", set: {price: "50.00"}}\n',
            ),
        },
    )


@pytest.fixture
def explain(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    def run(contract, *messages, form=()):
        files = [tmp_path / f"{at}.json" for at in range(len(messages))]
        for file, data in zip(files, messages, strict=True):
            file.write_bytes(data)
        return here(capsys, *form, "explain", contract, *map(str, files))

    return run


def documents(ran):
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_values_are_written_as_the_page_says(explain):
    [found] = documents(explain("ping", message(items=[ITEM])))
    assert list(found) == ["outcome", "reject", "filter", "rows"]
    [row] = found["rows"]
    assert list(row)[:8] == ["index", "outcome", "reject", "filter", "values", "verdicts", "corrections", "flags"]
    assert row["values"] == {
        "id": 1, "app": "web", "build": "1.0.0", "ts": "2026-06-01T12:00:00.000000Z", "item": 0, "key": "0b5e1c2a-1111-4222-8333-abcdefabcdef", "price": "12.50", "wide": "1.5000000000",
        "day": "2026-06-01", "clock": "01:02:03.000000", "wall": "2026-06-01T01:02:03.500000", "data": "AAE=", "ratio": 1e16, "small": 0.10000000149011612, "tags": ["a", "é"],
        "costs": {"b": "1.0"}, "spot": {"at": "2026-05-31T23:00:00.000000Z", "name": None}, "robot": None,
    }  # fmt: skip
    assert list(row["values"]) == list(row["verdicts"])
    assert {name for name, verdict in row["verdicts"].items() if verdict != "present"} == {"robot"}


def test_verdicts_are_spelled_as_in_the_table_and_reasons_stand_beside(explain):
    [found] = documents(
        explain("ping", message(items=[{**ITEM, "ratio": "1", "tags": [1], "day": "1.6.26", "robot": 1}]))
    )
    [row] = found["rows"]
    assert (row["verdicts"]["ratio"], row["verdicts"]["day"]) == ("invalid", "invalid")
    assert row["reasons"] == {"day": "format", "ratio": "type", "tags": "type"}


FATES = [
    # messages, outcome, kind, field, filter, outcomes of the rows
    ({"items": [ITEM]}, ("emitted", None, None, None, ["emitted"])),
    ({"items": []}, ("filtered", None, None, "no_items", [])),
    ({}, ("rejected", "explode", None, None, [])),
    ({"items": 5}, ("rejected", "explode", None, None, [])),
    ({"items": [ITEM], "robot": True}, ("filtered", None, None, "robots", ["filtered"])),
    ({"items": [{**ITEM, "key": None}]}, ("rejected", "missing", "key", None, ["rejected"])),
    ({"items": [{**ITEM, "key": "x"}]}, ("rejected", "format", "key", None, ["rejected"])),
    ({"items": [{**ITEM, "price": -1}]}, ("rejected", "rule:paid", None, None, ["rejected"])),
    ({"items": [{**ITEM, "key": 5}, ITEM]}, ("emitted", None, None, None, ["rejected", "emitted"])),
    ({"items": [ITEM], "id": None}, ("rejected", "missing_identity", "id", None, ["rejected"])),
]


def test_outcome_reject_and_filter_of_a_message_and_of_its_rows(explain):
    for (given, fate), found in zip(FATES, documents(explain("pong", *(message(**g) for g, _ in FATES))), strict=True):
        reject = found["reject"] or {"kind": None, "field": None}
        rows = [row["outcome"] for row in found["rows"]]
        assert (found["outcome"], reject["kind"], reject["field"], found["filter"], rows) == fate, given
        assert found["reject"] is None or list(found["reject"])[:3] == ["kind", "field", "detail"]


def test_a_derived_contract_goes_through_to_the_end_and_a_raw_one_ends_after_its_rules(explain):
    dear = message(items=[{**ITEM, "price": 0}, {**ITEM, "price": 120}])
    [view] = documents(explain("pong", dear))
    assert [row["values"]["price"] for row in view["rows"]] == ["0.00", "50.00"]
    assert [row["verdicts"]["half"] for row in view["rows"]] == ["expression_error", "present"]
    assert [row["corrections"] for row in view["rows"]] == [[], ["dear"]]
    [plain] = documents(explain("ping", dear))
    assert [row["values"]["price"] for row in plain["rows"]] == ["0.00", "120.00"]
    assert [row["flags"] for row in plain["rows"]] == [[], ["cheap"]]


def test_a_contract_is_named_with_its_version(explain):
    old, new = (documents(explain(f"demo.ping@{v}", message(items=[ITEM])))[0] for v in ("1.0.0", "1.1.0"))
    assert "hour" in old["rows"][0]["values"]
    assert "clock" in new["rows"][0]["values"]


def test_one_line_a_message_in_the_order_of_the_files(explain):
    found = documents(explain("ping", message(id=3, items=[ITEM]), b"{", message(id=1, items=[ITEM])))
    assert [f["outcome"] for f in found] == ["emitted", "rejected", "emitted"]
    assert [f["rows"][0]["values"]["id"] for f in found if f["rows"]] == [3, 1]


def test_a_dash_is_stdin(folder):
    [found] = documents(tacet("explain", "ping", "-", cwd=folder, stdin=message(items=[ITEM]) + b"\n"))
    assert found["outcome"] == "emitted"


def hostile():
    chance = random.Random(7)
    good = message(items=[ITEM], robot=None)
    yield from [b"", b"\0", b"\xff", b"[]", b"null", b'"\\ud800"', b'{"id":"\\ud800","\\udc00":"\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"items":[' + b"null," * 2000 + b"1]}", b"\x1f\x8b", good * 2, b"x" * 1_100_000]  # fmt: skip
    for _ in range(60):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(b'\0\xff"\\{}[],:0e-ud\x80')
        yield bytes(data)


@pytest.mark.parametrize("form", [(), ("--format", "text")], ids=["json", "text"])
def test_any_bytes_end_as_a_result(explain, form):
    messages = list(hostile())
    ran = explain("pong", *messages, form=form)
    assert ran.status == 0, ran.err
    if not form:
        assert len(documents(ran)) == len(messages)


def test_the_text_tells_every_step_with_its_reason(explain):
    data = message(
        items=[{**ITEM, "ratio": "\u202e1", "price": 120, "day": None, "key": "0b5e1c2a-1111-4222-8333-abcdefabcdef"}]
    )
    told = explain("pong", data, form=("--format", "text")).out
    for line in [
        "message: emitted",
        "explode  1 row",
        "producer: version 1.0.0 of web registered contract 1.1.0",
        "day: optional (null; the field is optional)",
        'ratio: invalid:type (sent "\\u202e1")',
        "cheap: FALSE, flagged",
        "robots: NULL, kept",
        'dear: TRUE, set price = "50.00"',
        "day = NULL (optional)",
    ]:
        assert line in told
    assert "\u202e" not in told


def test_the_text_tells_what_stood_where_a_parent_should_be(explain):
    told = explain("pong", message(items=["\x1b[1m"]), form=("--format", "text")).out
    assert 'price: invalid:type ($item is no object: "\\u001b[1m")' in told


def test_the_text_tells_where_and_why_it_ended(explain):
    told = explain("pong", message(items=[{**ITEM, "key": 5}]), b"{", form=("--format", "text")).out
    assert "reject   type of key (contracts/demo/ping/1.1.0.yaml:" in told
    assert "decode   malformed: not JSON at byte 1 (contracts/demo/ping/1.1.0.yaml:1)" in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["pung", "x.json"], 2, "`pung`"),
        (["ping@9.0.0", "x.json"], 2, "9.0.0"),
        (["ping", "nowhere.json"], 3, "cannot read nowhere.json"),
        (["ping", "."], 3, "a folder"),
        (["ping"], 2, "files"),
    ],
)
def test_a_wrong_name_is_2_and_a_missing_file_is_3(folder, monkeypatch, capsys, arguments, status, said):
    monkeypatch.chdir(folder)
    ran = here(capsys, "explain", *arguments)
    assert ran.status == status
    assert said in ran.err
    assert "Traceback" not in ran.err

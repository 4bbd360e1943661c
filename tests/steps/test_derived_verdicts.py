"""After the raw rules: filters, corrections, lookups, derivations, agreements; why a derived field is NULL; both engines."""

import pytest

from tests.support.small import compiled, derived, message, producer, raw, run

TABLE = """table: part
version: 1.0.0
owner: {team: probes, notify: ["slack:#probes"]}
doc: Parts.
key: [part]
source: {file: data/part.csv}
fields:
  part: {type: string, presence: required}
  weight: {type: int, presence: required}
  colour: {type: string, presence: optional}
"""
FIELDS = """
a: {type: int, path: $.a, presence: required}
b: {type: int, path: $.b, presence: optional}
s: {type: string, path: $.s, presence: required}
part: {type: string, path: $.part, presence: optional}
robot: {type: boolean, path: $.robot, presence: optional}
at: {type: timestamptz, path: $.at, encoding: epoch_millis, presence: optional}
"""
BEFORE = """filters:
  robots: {drop_when: robot}
  odd: {drop_when: "a = 13"}
corrections:
  fill: {when: "b IS NULL AND s = 'fill'", set: {b: "7"}}
  wipe: {when: "s = 'wipe'", set: {a: "CAST(NULL AS int)"}}
  wrap: {when: "s = 'wrap'", set: {a: "2147483647 + a"}}
  swap: {when: "s = 'swap'", set: {a: b, b: a}}
  after: {when: "b = 7", set: {a: a + 1}}
  back: {when: "s = 'back'", set: {a: "1"}}
  forth: {when: "s = 'back'", set: {a: "CAST(NULL AS int)"}}
lookups:
  part: {table: part, version: ">=1.0.0 <2.0.0", on: {part: part}, missing: keep}
"""
BEFORE = BEFORE.replace("  part: {table", "  item: {table")
DERIVED = """
id: {from: id}
a: {from: a}
b: {from: b, presence: optional}
at: {from: at, presence: optional}
weight: {from: item.weight, presence: optional}
colour: {from: item.colour, presence: optional}
sum: {type: int, expr: b + a, presence: optional}
half: {type: int, expr: a / b, presence: optional}
number: {type: int, expr: CAST(s AS int), presence: optional}
none: {type: int, expr: "NULLIF(a, a)", presence: optional}
heavy: {type: boolean, expr: "item.weight > a", presence: optional}
tinted: {type: string, expr: "s || item.colour", presence: optional}
safe: {type: int, expr: "COALESCE(1 / (a - a), 5)", presence: optional}
lazy: {type: int, expr: "CASE WHEN a = 1 THEN 1 ELSE b END", presence: optional}
copy: {type: int, expr: b, presence: optional}
shade: {type: string, expr: item.colour, presence: optional}
"""
AFTER = """agreements:
  light: {check: "weight IS NULL OR weight < 100", else: reject}
  even: {check: "sum % 2 = 0", else: flag}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("derived")


@pytest.fixture(scope="module")
def plan(folder):
    web = '">=1.0.0": {contract: 1.0.0, omits: {a: {id: web-a, reason: not-applicable, approved_by: x, max_share: 9%}}}'
    return compiled(
        folder,
        {
            "ping/1.0.0.yaml": raw(FIELDS),
            "ping/producers/web.yaml": producer(web),
            "ping/producers/ios.yaml": producer('">=1.0.0": {contract: 1.0.0}', "ios"),
            "pong/1.0.0.yaml": derived(DERIVED, BEFORE + AFTER),
            "part/1.0.0.yaml": TABLE,
            "data/part.csv": "part,weight,colour\nbolt,3,red\nnut,2,\nanvil,100,\n",
        },
    )


SENT = {"a": 4, "b": 2, "s": "12", "part": "bolt"}
CASES = [
    # changes, field, value, verdict
    ("taken over, present", {}, "a", 4, "present"),
    ("taken over, declared", {"a": ...}, "a", None, "declared_omission:web-a"),
    ("taken over, a bug", {"app": "ios", "a": ...}, "a", None, "logging_bug"),
    ("taken over, unknown", {"app": "tv", "a": None}, "a", None, "unknown_producer"),
    ("taken over, invalid", {"a": "4"}, "a", None, "invalid:type"),
    ("taken over, optional", {"b": ...}, "b", None, "optional"),
    ("inherited, the first as written", {"a": ..., "b": ...}, "sum", None, "inherited:b"),
    ("inherited, the one that is missing", {"a": ...}, "sum", None, "inherited:a"),
    ("inherited from an invalid value", {"a": 1.5}, "sum", None, "inherited:a"),
    ("inherited, though it would divide by zero", {"a": ..., "b": 0}, "half", None, "inherited:a"),
    ("inherited through a bare column", {"b": ...}, "copy", None, "inherited:b"),
    ("a branch that is not taken excuses nothing", {"a": 1, "b": ...}, "lazy", 1, "present"),
    ("a branch that is taken", {"a": 2, "b": ...}, "lazy", None, "inherited:b"),
    ("overflow", {"a": 2**31 - 1, "b": 1}, "sum", None, "expression_error"),
    ("division by zero", {"b": 0}, "half", None, "expression_error"),
    ("a bad cast", {"s": "12x"}, "number", None, "expression_error"),
    ("a cast out of range", {"s": "2147483648"}, "number", None, "expression_error"),
    ("an expression that is NULL", {}, "none", None, "expression_null"),
    ("an error that COALESCE answers", {}, "safe", 5, "present"),
    ("found", {}, "weight", 3, "present"),
    ("missed", {"part": "gear"}, "weight", None, "lookup_miss:item"),
    ("missed by a NULL key", {"part": None}, "weight", None, "lookup_miss:item"),
    ("missed by an invalid key", {"part": 5}, "weight", None, "lookup_miss:item"),
    ("missed, in an expression", {"part": "gear"}, "heavy", None, "lookup_miss:item"),
    ("missed, and another input before it", {"part": "gear", "s": ...}, "tinted", None, "inherited:s"),
    ("found, and empty there", {"part": "nut"}, "colour", None, "optional"),
    ("found, and empty there, in an expression", {"part": "nut"}, "tinted", None, "inherited:item.colour"),
    ("found, and empty there, which is all of an expression", {"part": "nut"}, "shade", None, "inherited:item.colour"),
    ("missed, and all of an expression", {"part": "gear"}, "shade", None, "lookup_miss:item"),
    ("found, and all of an expression", {}, "shade", "red", "present"),
    ("keys are exact", {"part": "Bolt"}, "weight", None, "lookup_miss:item"),
    ("a correction fills what was missing", {"b": ..., "s": "fill"}, "b", 7, "present"),
    ("a correction fills what was invalid", {"b": "x", "s": "fill"}, "b", 7, "present"),
    ("a later one sees it", {"a": 1, "b": ..., "s": "fill"}, "a", 2, "present"),
    ("a correction that empties", {"s": "wipe"}, "a", None, "expression_null"),
    ("a correction that empties what was missing", {"a": ..., "s": "wipe"}, "a", None, "declared_omission:web-a"),
    ("a correction that fails", {"s": "wrap"}, "a", None, "expression_error"),
    ("what an emptied field leaves", {"s": "wipe"}, "sum", None, "inherited:a"),
    ("a correction sees the row before itself", {"a": 1, "b": 3, "s": "swap"}, "a", 3, "present"),
    ("in both of its fields", {"a": 1, "b": 3, "s": "swap"}, "b", 1, "present"),
    ("filled and emptied again", {"a": ..., "s": "back"}, "a", None, "expression_null"),
    ("the moment at the edge", {"at": 253402300799999}, "at", "9999-12-31T23:59:59.999000", "present"),
    ("beyond it", {"at": 253402300800000}, "at", None, "invalid:range"),
]


@pytest.fixture(scope="module")
def rows(plan, folder):
    messages = [message(**{**SENT, **changes}) for _, changes, *_ in CASES]
    return {case[0]: result.rows[0] for case, result in zip(CASES, run(plan, messages, folder), strict=True)}


@pytest.mark.parametrize(("title", "changes", "field", "value", "verdict"), CASES, ids=[c[0] for c in CASES])
def test_a_derived_field_says_why_it_is_null(rows, title, changes, field, value, verdict):
    row = rows[title]
    got = row.derived[field]
    assert (got.replace(tzinfo=None).isoformat("T", "microseconds") if field == "at" and got else got) == value
    assert row.derived_verdicts[field] == verdict


def test_corrections_are_marked_on_the_row_in_their_order(rows):
    assert rows["a later one sees it"].corrections == ["fill", "after"]
    assert rows["filled and emptied again"].corrections == ["back", "forth"]
    assert rows["taken over, present"].corrections == []


def test_the_raw_verdict_stays_what_it_was_before_a_correction(rows):
    assert rows["a correction fills what was missing"].verdicts["b"] == "optional"
    assert rows["a correction fills what was invalid"].verdicts["b"] == "invalid:type"


FATES = [
    ("a filter that is TRUE", {"robot": True}, ("filtered", "robots", None)),
    ("a filter that is FALSE", {"robot": False}, ("emitted", None, None)),
    ("a filter that is NULL", {"robot": None}, ("emitted", None, None)),
    ("a filter over an invalid value", {"robot": "true"}, ("emitted", None, None)),
    ("the second filter", {"a": 13}, ("filtered", "odd", None)),
    ("the first of two filters", {"a": 13, "robot": True}, ("filtered", "robots", None)),
    ("filters see the row before corrections", {"a": 12, "b": 7}, ("emitted", None, None)),
    ("an agreement that is FALSE", {"part": "anvil"}, ("rejected", None, "agreement:light")),
    ("an agreement over a miss", {"part": "gear"}, ("emitted", None, None)),
]


@pytest.mark.parametrize(("title", "changes", "fate"), FATES, ids=[f[0] for f in FATES])
def test_a_row_ends_where_the_contract_says(plan, folder, title, changes, fate):
    [result] = run(plan, [message(**{**SENT, **changes})], folder)
    [row] = result.rows
    assert (row.outcome, row.filter, row.reject and row.reject.kind) == fate
    assert result.outcome == row.outcome


def test_an_agreement_that_is_null_does_not_flag(plan, folder):
    cases = [{"a": 1}, {"a": 2}, {"a": ...}]
    found = run(plan, [message(**{**SENT, **changes}) for changes in cases], folder)
    assert [result.rows[0].flags for result in found] == [["even"], [], []]


def test_a_miss_rejects_where_the_contract_says_so(tmp_path):
    plan = compiled(
        tmp_path,
        {
            "ping/1.0.0.yaml": raw(FIELDS),
            "pong/1.0.0.yaml": derived("id: {from: id}\nw: {from: item.weight}", "lookups:\n  item: {table: part, version: '>=1.0.0', on: {part: part}, missing: reject}\n"),
            "part/1.0.0.yaml": TABLE,
            "data/part.csv": "part,weight,colour\nbolt,3,red\n",
        },
    )  # fmt: skip
    results = run(plan, [message(**SENT), message(**SENT | {"part": "x"}), message(**SENT | {"part": None})], tmp_path)
    assert [r.rows[0].reject and r.rows[0].reject.kind for r in results] == [None, "lookup:item", "lookup:item"]


def test_a_producer_that_registered_a_version_beyond_the_job_is_judged_by_it(tmp_path):
    fields = "a: {type: int, path: $.a, presence: required}\nz: {type: int, path: $.z, presence: required}"
    plan = compiled(
        tmp_path,
        {
            "ping/1.0.0.yaml": raw(fields),
            "ping/2.0.0.yaml": raw("a: {type: int, path: $.a, presence: optional}", version="2.0.0"),
            "ping/producers/web.yaml": producer('">=1.0.0 <2.0.0": {contract: 1.0.0}\n">=2.0.0": {contract: 2.0.0}'),
            "pong/1.0.0.yaml": derived("id: {from: id}\na: {from: a}\nz: {from: z}"),
        },
    )
    old, new = run(plan, [message(build="1.0.0"), message(build="2.0.0")])
    assert old.rows[0].verdicts["a"] == "logging_bug"
    assert new.rows[0].verdicts["a"] == "optional"
    assert new.rows[0].verdicts["z"] == "declared_omission:predates-1.0.0"  # it has no such field any more

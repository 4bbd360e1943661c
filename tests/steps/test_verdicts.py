"""One verdict for every field of every row: the table of the language's page, in its order, on both engines."""

import pytest

from tests.support.small import compiled, message, producer, raw, run

FIELDS_1_0 = """
kind: {type: string, path: $.kind, one_of: [ROW, HERO], presence: required}
row: {type: int, path: $.row, range: [0, 10], presence: {required_when: "kind = 'ROW'"}}
code: {type: int, path: $.code, presence: required}
note: {type: string, path: $.note, presence: optional}
lang: {type: string, path: $.lang, presence: optional}
price: {type: 'decimal(5,2)', path: $.price, encoding: string, presence: required, on_bug: reject}
"""
FIELDS_1_1 = (
    FIELDS_1_0.replace(
        "lang: {type: string, path: $.lang, presence: optional}",
        "lang: {type: string, path: $.lang, presence: required}",
    )
    + "late: {type: int, path: $.late, presence: required}\n"
    + "soft: {type: int, path: $.soft, presence: optional}\n"
    + "near: {type: int, path: $.near, presence: {required_when: \"kind = 'ROW'\"}}\n"
)
FIELDS_1_2 = FIELDS_1_1 + "last: {type: int, path: $.last, presence: required}\n"
WEB = """
">=1.0.0 <2.0.0":
  contract: 1.0.0
  omits:
    row: {id: web-row, reason: not-applicable, approved_by: x, since: 2026-01-01, expires: 2026-03-31}
    code: {id: web-code, reason: not-applicable, approved_by: x, since: 2026-02-01}
    note: {id: web-note, reason: not-applicable, approved_by: x, expires: 2026-03-31}
    price: {id: web-price, reason: not-applicable, approved_by: x, max_share: 50%}
">=2.0.0 <3.0.0": {contract: 1.1.0}
">=3.0.0": {contract: 1.2.0}
"""
SENT = {
    "kind": "HERO",
    "row": 1,
    "code": 5,
    "note": "n",
    "lang": "en",
    "price": "1.00",
    "late": 1,
    "soft": 1,
    "near": 1,
    "last": 1,
}
FEBRUARY = "2026-02-15T00:00:00Z"


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return compiled(
        tmp_path_factory.mktemp("verdicts"),
        {
            "ping/1.0.0.yaml": raw(FIELDS_1_0),
            "ping/1.1.0.yaml": raw(FIELDS_1_1, version="1.1.0"),
            "ping/1.2.0.yaml": raw(FIELDS_1_2, version="1.2.0"),
            "ping/producers/web.yaml": producer(WEB),
        },
    )


CASES = [
    # what is sent: build, changes to a whole message, field, verdict
    ("sent is present", {}, "code", "present"),
    ("present counts before every excuse", {"build": "1.0.0", "ts": FEBRUARY}, "code", "present"),
    ("a present field needs no condition", {"kind": "HERO", "row": 3}, "row", "present"),
    ("a wrong type is invalid", {"code": "5"}, "code", "invalid:type"),
    ("out of range is invalid", {"row": 11}, "row", "invalid:range"),
    ("not one of is invalid", {"kind": "LIST"}, "kind", "invalid:one_of"),
    ("invalid counts before its condition", {"kind": "HERO", "row": "x"}, "row", "invalid:type"),
    ("invalid counts before an omission", {"build": "1.0.0", "ts": FEBRUARY, "code": "x"}, "code", "invalid:type"),
    ("invalid counts before optional", {"note": 1}, "note", "invalid:type"),
    ("invalid counts before predates", {"build": "1.0.0", "late": "x"}, "late", "invalid:type"),
    # required_when
    ("a condition that is FALSE", {"kind": "HERO", "row": ...}, "row", "not_applicable"),
    ("FALSE counts before an omission", {"build": "1.0.0", "ts": FEBRUARY, "kind": "HERO", "row": ...}, "row", "not_applicable"),
    ("FALSE counts for an unknown producer", {"app": "tv", "kind": "HERO", "row": ...}, "row", "not_applicable"),
    ("a condition over a missing field", {"kind": ..., "row": ...}, "row", "undetermined"),
    ("a condition over a null", {"kind": None, "row": None}, "row", "undetermined"),
    ("a condition over an invalid value", {"kind": "LIST", "row": ...}, "row", "undetermined"),
    ("NULL counts before an omission", {"build": "1.0.0", "ts": FEBRUARY, "kind": ..., "row": ...}, "row", "undetermined"),
    ("a condition that is TRUE", {"kind": "ROW", "row": ...}, "row", "logging_bug"),
    ("TRUE, and the producer is unknown", {"app": "tv", "kind": "ROW", "row": ...}, "row", "unknown_producer"),
    ("FALSE, of a field that the version lacks", {"build": "1.0.0", "kind": "HERO", "near": ...}, "near", "not_applicable"),
    ("TRUE, of a field that the version lacks", {"build": "1.0.0", "kind": "ROW", "near": ...}, "near", "declared_omission:predates-1.1.0"),
    # omissions, by the day of the event in UTC
    ("the day before since", {"build": "1.0.0", "ts": "2026-01-31T23:59:59.999999Z", "code": ...}, "code", "logging_bug"),
    ("the first moment of since", {"build": "1.0.0", "ts": "2026-02-01T00:00:00Z", "code": ...}, "code", "declared_omission:web-code"),
    ("since alone never ends", {"build": "1.0.0", "ts": "9999-12-31T23:59:59Z", "code": ...}, "code", "declared_omission:web-code"),
    ("the last moment of expires", {"build": "1.0.0", "ts": "2026-03-31T23:59:59.999999Z", "kind": "ROW", "row": ...}, "row", "declared_omission:web-row"),
    ("the moment after expires", {"build": "1.0.0", "ts": "2026-04-01T00:00:00Z", "kind": "ROW", "row": ...}, "row", "logging_bug"),
    ("the day is UTC's, not the sender's", {"build": "1.0.0", "ts": "2026-04-01T01:00:00+02:00", "kind": "ROW", "row": ...}, "row", "declared_omission:web-row"),
    ("and the other way round", {"build": "1.0.0", "ts": "2026-01-31T23:00:00-02:00", "code": ...}, "code", "declared_omission:web-code"),
    ("an omission excuses a null too", {"build": "1.0.0", "ts": FEBRUARY, "code": None}, "code", "declared_omission:web-code"),
    ("an omission counts before optional", {"build": "1.0.0", "ts": FEBRUARY, "note": ...}, "note", "declared_omission:web-note"),
    ("an expired one leaves it optional", {"build": "1.0.0", "note": ...}, "note", "optional"),
    ("no event time, a dated omission", {"build": "1.0.0", "ts": ..., "code": ...}, "code", "logging_bug"),
    ("an invalid event time, a dated omission", {"build": "1.0.0", "ts": "yesterday", "code": ...}, "code", "logging_bug"),
    ("no event time, expires only", {"build": "1.0.0", "ts": ..., "note": ...}, "note", "optional"),
    ("no event time, no dates", {"build": "1.0.0", "ts": ..., "price": ...}, "price", "declared_omission:web-price"),
    ("an omission of another range", {"build": "2.0.0", "ts": FEBRUARY, "code": ...}, "code", "logging_bug"),
    # what the registered version has
    ("a field of the next version", {"build": "1.0.0", "late": ...}, "late", "declared_omission:predates-1.1.0"),
    ("a field of the version after", {"build": "1.0.0", "last": ...}, "last", "declared_omission:predates-1.2.0"),
    ("one version on", {"build": "2.0.0", "last": ...}, "last", "declared_omission:predates-1.2.0"),
    ("predates counts before optional", {"build": "1.0.0", "soft": ...}, "soft", "declared_omission:predates-1.1.0"),
    ("it is due once registered", {"build": "2.0.0", "late": ...}, "late", "logging_bug"),
    ("optional once registered", {"build": "2.0.0", "soft": ...}, "soft", "optional"),
    ("optional in the version that was registered", {"build": "1.9.9", "lang": ...}, "lang", "optional"),
    ("required in the version that was registered", {"build": "2.0.0", "lang": ...}, "lang", "logging_bug"),
    ("the newest version judges the unknown", {"app": "tv", "lang": ...}, "lang", "unknown_producer"),
    # who is known
    ("a name that is not registered", {"app": "tv", "code": ...}, "code", "unknown_producer"),
    ("a version below every range", {"build": "0.9.0", "code": ...}, "code", "unknown_producer"),
    ("a version that is none", {"build": "latest", "code": ...}, "code", "unknown_producer"),
    ("an empty version", {"build": "", "code": ...}, "code", "unknown_producer"),
    ("no version", {"build": ..., "code": ...}, "code", "unknown_producer"),
    ("no name", {"app": ..., "code": ...}, "code", "unknown_producer"),
    ("a name of the wrong type", {"app": 1, "code": ...}, "code", "unknown_producer"),
    ("names are exact", {"app": "Web", "code": ...}, "code", "unknown_producer"),
    ("optional counts before unknown", {"app": "tv", "note": ...}, "note", "optional"),
    ("the version itself, of an unknown", {"build": ...}, "build", "unknown_producer"),
    ("a known producer, nobody declared it", {"build": "3.0.0", "code": ...}, "code", "logging_bug"),
    ("and a null is missing too", {"build": "3.0.0", "code": None}, "code", "logging_bug"),
]  # fmt: skip


@pytest.fixture(scope="module")
def judged(plan):
    messages = [message(**{"build": "3.0.0", **SENT, **changes}) for _, changes, _, _ in CASES]
    return {case[0]: result.rows[0] for case, result in zip(CASES, run(plan, messages), strict=True)}


@pytest.mark.parametrize(("title", "changes", "field", "verdict"), CASES, ids=[c[0] for c in CASES])
def test_the_verdict_is_the_one_of_the_table(judged, title, changes, field, verdict):
    assert judged[title].verdicts[field] == verdict


def test_every_verdict_of_the_table_is_among_the_cases():
    seen = {"predates" if "predates" in verdict else verdict.partition(":")[0] for *_, verdict in CASES}
    assert seen == {"present", "invalid", "not_applicable", "undetermined", "declared_omission", "predates", "optional", "unknown_producer", "logging_bug"}  # fmt: skip


@pytest.mark.parametrize(
    ("title", "changes", "field", "verdict"), [c for c in CASES if c[2] in c[1]], ids=lambda v: str(v)[:30]
)
def test_null_and_absent_are_kept_apart(judged, title, changes, field, verdict):
    assert (field in judged[title].nulls) == (changes[field] is None)


REJECTS = [
    ("on_bug, and it is a bug", {"price": ...}, ("missing", "price")),
    ("on_bug, and null", {"price": None}, ("missing", "price")),
    ("on_bug, of the wrong type", {"price": 1}, ("type", "price")),
    ("on_bug, ill formed", {"price": "1,00"}, ("format", "price")),
    ("on_bug, out of range", {"price": "1000.00"}, ("range", "price")),
    ("on_bug, declared", {"build": "1.0.0", "price": ...}, None),
    ("on_bug, of an unknown producer", {"app": "tv", "price": ...}, None),
    ("another field is a bug", {"code": ...}, None),
    ("another field is invalid", {"code": True}, None),
    ("no identity", {"id": ...}, ("missing_identity", "id")),
    ("null for an identity", {"id": None}, ("missing_identity", "id")),
    ("an unknown producer without identity", {"app": "tv", "id": ...}, ("missing_identity", "id")),
    ("an identity of the wrong type", {"id": "1"}, ("type", "id")),
    ("an identity out of range", {"id": 2**63}, ("range", "id")),
    ("identity counts before on_bug", {"id": ..., "price": ...}, ("missing_identity", "id")),
]  # fmt: skip


@pytest.mark.parametrize(("title", "changes", "reject"), REJECTS, ids=[r[0] for r in REJECTS])
def test_a_row_is_rejected_for_its_identity_and_where_the_contract_says_so(plan, title, changes, reject):
    [result] = run(plan, [message(**{"build": "3.0.0", **SENT, **changes})])
    row = result.rows[0]
    assert (row.reject and (row.reject.kind, row.reject.field)) == reject
    assert result.outcome == ("emitted" if reject is None else "rejected")
    if reject is not None:
        assert row.reject.line.startswith("contracts/demo/ping/1.2.0.yaml:")


def test_what_is_wrong_and_kept_is_null(plan):
    [result] = run(plan, [message(**{"build": "3.0.0", **SENT, "code": 1.5, "row": 11, "kind": "x"})])
    [row] = result.rows
    assert (row.values["code"], row.values["row"], row.values["kind"], row.values["lang"]) == (None, None, None, "en")

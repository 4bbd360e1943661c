# ruff: noqa: RUF001  (digits of other scripts)
"""Each type in each encoding, at its edges: nothing is coerced, and each refusal has its reason. Both engines."""

import json
from decimal import Decimal as D

import pytest

from tests.support.small import compiled, derived, producer, raw, run

T, F, R = "invalid:type", "invalid:format", "invalid:range"
DECLARED = {
    "boolean": "{type: boolean",
    "boolean_text": "{type: boolean, encoding: string",
    "int": "{type: int",
    "int_text": "{type: int, encoding: string",
    "long": "{type: long",
    "long_text": "{type: long, encoding: string",
    "float": "{type: float",
    "double": "{type: double",
    "double_text": "{type: double, encoding: string",
    "decimal": "{type: 'decimal(5,2)'",
    "decimal_text": "{type: 'decimal(5,2)', encoding: string",
    "wide": "{type: 'decimal(38,10)', encoding: string",
    "date": "{type: date",
    "time": "{type: time",
    "stamp": "{type: timestamp, encoding: iso8601",
    "zoned": "{type: timestamptz, encoding: iso8601",
    "seconds": "{type: timestamptz, encoding: epoch_seconds",
    "millis": "{type: timestamptz, encoding: epoch_millis",
    "micros": "{type: timestamptz, encoding: epoch_micros",
    "wall": "{type: timestamp, encoding: epoch_millis",
    "string": "{type: string",
    "uuid": "{type: uuid",
    "binary": "{type: binary, encoding: base64",
    "ints": "{type: list<int>",
    "counts": "{type: 'map<string,long>'",
    "point": "{type: 'struct{x: int, y: string}'",
    "deep": "{type: 'list<struct{k: map<string,list<int>>}>'",
}
MIN_MICROS, MAX_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
U = "0b5e1c2a-1111-4222-8333-abcdefabcdef"
# type, the JSON as it is sent, the value (as text, for what has a Python form of its own) or the reason
CASES = [
    *[("boolean", text, value) for text, value in [("true", True), ("false", False), ("1", T), ("0", T), ('"true"', T), ("[]", T)]],
    *[("boolean_text", text, value) for text, value in [('"true"', True), ('"false"', False), ('"TRUE"', F), ('"1"', F), ('""', F), ('" true"', F), ("true", T)]],
    *[("int", text, value) for text, value in [("0", 0), ("-0", 0), ("2147483647", 2**31 - 1), ("-2147483648", -(2**31)), ("2147483648", R), ("-2147483649", R), ("9" * 400, R), ("1.0", T), ("1e3", T), ("1E0", T), ("-0.0", T), ('"5"', T), ("true", T), ("{}", T), ("[1]", T), ('""', T)]],
    *[("int_text", text, value) for text, value in [('"5"', 5), ('"-0"', 0), ('"2147483648"', R), ('"05"', F), ('"+5"', F), ('"5.0"', F), ('" 5"', F), ('"5\\n"', F), ('"٥"', F), ('"1_000"', F), ('"1e3"', F), ('""', F), ("5", T)]],
    *[("long", text, value) for text, value in [("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("9223372036854775808", R), ("-9223372036854775809", R), ("18446744073709551616", R), ("1" + "0" * 4300, R), ("1.0", T), ("1e18", T), ("9007199254740993", 2**53 + 1)]],
    *[("long_text", text, value) for text, value in [('"9223372036854775807"', 2**63 - 1), ('"9223372036854775808"', R), ('"-9223372036854775809"', R), ('"' + "9" * 5000 + '"', R)]],
    *[("float", text, value) for text, value in [("0.5", 0.5), ("1", 1.0), ("3.4028234663852886e38", 3.4028234663852886e38), ("3.4028236e38", R), ("1e39", R), ("-1e39", R), ("1e-50", 0.0), ('"1"', T), ("true", T)]],
    *[("double", text, value) for text, value in [("0.1", 0.1), ("-0.0", -0.0), ("1", 1.0), ("1e3", 1000.0), ("1.7976931348623157e308", 1.7976931348623157e308), ("1e400", R), ("-1e400", R), ("9" * 400, R), ("5e-324", 5e-324), ("1e-400", 0.0), ('"0.1"', T), ("false", T)]],
    *[("double_text", text, value) for text, value in [('"0.1"', 0.1), ('"1e3"', 1000.0), ('"NaN"', F), ('"Infinity"', F), ('"0x1p3"', F), ('".5"', F), ('"1."', F), ('"1e400"', R), ("0.1", T)]],
    *[("decimal", text, value) for text, value in [("1.25", D("1.25")), ("1", D("1.00")), ("-999.99", D("-999.99")), ("1000", R), ("999.995", R), ("1.2500", D("1.25")), ("1.25e0", D("1.25")), ("125e-2", D("1.25")), ("1e-400", R), ("1e99999999999", R), ("0e99999", D("0.00")), ("-0.00", D("0.00")), ("1.005", R), ('"1.25"', T), ("true", T)]],
    *[("decimal_text", text, value) for text, value in [('"1.25"', D("1.25")), ('"001.25"', F), ('"-01"', F), ('"00"', F), ('"0.5"', D("0.50")), ('"-0.0"', D("0.00")), ('"1.250"', D("1.25")), ('"1.251"', R), ('"1000.00"', R), ('"1e2"', F), ('"+1"', F), ('"1."', F), ('".5"', F), ('"1,5"', F), ('"١"', F), ('"NaN"', F), ('""', F), ("1.25", T)]],
    *[("wide", text, value) for text, value in [('"' + "9" * 28 + "." + "9" * 10 + '"', D("9" * 28 + "." + "9" * 10)), ('"1' + "0" * 28 + '"', R), ('"0.00000000001"', R), ('"' + "0" * 50 + '1"', F), ('"1.' + "0" * 50 + '"', D("1.0000000000"))]],
    *[("date", text, value) for text, value in [('"2024-02-29"', "2024-02-29"), ('"0001-01-01"', "0001-01-01"), ('"9999-12-31"', "9999-12-31"), ('"2026-02-29"', F), ('"0000-01-01"', R), ('"0000-13-01"', F), ('"10000-01-01"', F), ('"2026-1-1"', F), ('"20260101"', F), ('"2026-01-01T00:00:00Z"', F), ('"٢٠٢٦-٠١-٠١"', F), ('"2026-01-01\\n"', F), ("20260101", T)]],
    *[("time", text, value) for text, value in [('"00:00:00"', "00:00:00.000000"), ('"23:59:59.999999"', "23:59:59.999999"), ('"12:30:15.5"', "12:30:15.500000"), ('"24:00:00"', F), ('"23:59:60"', F), ('"12:30"', F), ('"12:30:15.1234567"', F), ('"12:30:15Z"', F), ('"12:30:15."', F), ("1230", T)]],
    *[("stamp", text, value) for text, value in [('"2026-11-20T18:03:11.25"', "2026-11-20T18:03:11.250000"), ('"2026-11-20T18:03:11Z"', F), ('"2026-11-20 18:03:11"', F), ('"2026-11-20T18:03"', F), ('"2026-11-20"', F), ('"0000-01-01T00:00:00"', R), ('"2026-11-20T24:00:00"', F), ('"2026-11-20t18:03:11"', F), ('"2026-11-20T18:03:11.1234567"', F), ("0", T)]],
    *[("zoned", text, value) for text, value in [('"2026-11-20T18:03:11Z"', "2026-11-20T18:03:11.000000Z"), ('"2026-11-20T18:03:11.000001+05:30"', "2026-11-20T12:33:11.000001Z"), ('"2026-11-20T18:03:11-00:00"', "2026-11-20T18:03:11.000000Z"), ('"2026-11-20T18:03:11+23:59"', "2026-11-19T18:04:11.000000Z"), ('"2026-11-20T18:03:11+24:00"', F), ('"2026-11-20T18:03:11+25:00"', F), ('"2026-11-20T18:03:11+0530"', F), ('"2026-11-20T18:03:11+05"', F), ('"2026-11-20T18:03:11"', F), ('"2026-11-20T18:03:11z"', F), ('"2016-12-31T23:59:60Z"', F), ('"0001-01-01T00:00:00+00:01"', R), ('"0001-01-01T00:00:00Z"', "0001-01-01T00:00:00.000000Z"), ('"9999-12-31T23:59:59.999999Z"', "9999-12-31T23:59:59.999999Z"), ('"9999-12-31T23:59:59-00:01"', R), ('"10000-01-01T00:00:00Z"', F), ("1790000000", T)]],
    *[("seconds", text, value) for text, value in [("0", "1970-01-01T00:00:00.000000Z"), ("-1", "1969-12-31T23:59:59.000000Z"), ("253402300799", "9999-12-31T23:59:59.000000Z"), ("253402300800", R), ("-62135596800", "0001-01-01T00:00:00.000000Z"), ("-62135596801", R), ("1790000000000", R), ("9" * 25, R), ("1.0", T), ("1.5", T), ("1e9", T), ('"0"', T), ("true", T)]],
    *[("millis", text, value) for text, value in [("1", "1970-01-01T00:00:00.001000Z"), ("-1", "1969-12-31T23:59:59.999000Z"), ("253402300799999", "9999-12-31T23:59:59.999000Z"), ("253402300800000", R), ("-62135596800000", "0001-01-01T00:00:00.000000Z"), ("-62135596800001", R), ("9223372036854775807", R), ("9223372036854775808", R), ("-9223372036854775808", R), ("1.0", T)]],
    *[("micros", text, value) for text, value in [("-1", "1969-12-31T23:59:59.999999Z"), (str(MAX_MICROS), "9999-12-31T23:59:59.999999Z"), (str(MAX_MICROS + 1), R), (str(MIN_MICROS), "0001-01-01T00:00:00.000000Z"), (str(MIN_MICROS - 1), R), ('"1"', T)]],
    *[("wall", text, value) for text, value in [("1", "1970-01-01T00:00:00.001000"), ('"1970-01-01T00:00:00"', T)]],
    *[("string", text, value) for text, value in [('""', ""), ('"é😀"', "é😀"), ('"\\ud83d\\ude00"', "😀"), ('"\\u0000"', "\0"), ('"\\ud800"', F), ('"\\ude00\\ud83d"', F), ("1", T), ("true", T), ("{}", T), ('"' + "x" * 65_536 + '"', "x" * 65_536)]],
    *[("uuid", text, value) for text, value in [(f'"{U}"', U), (f'"{U.upper()}"', U), (f'"{U.replace("-", "")}"', F), (f'"{{{U}}}"', F), (f'"urn:uuid:{U}"', F), (f'"{U[:-1]}"', F), (f'"{U[:-1]}g"', F), (f'" {U}"', F), ('"00000000-0000-0000-0000-000000000000"', "00000000-0000-0000-0000-000000000000"), ('""', F), ("1", T)]],
    *[("binary", text, value) for text, value in [('""', b""), ('"AA=="', b"\0"), ('"AAE="', b"\0\1"), ('"////"', b"\xff\xff\xff"), ('"AA"', F), ('"AA="', F), ('"AB=="', F), ('"__8="', F), ('"AA==\\n"', F), ('"A A="', F), ('"====" ', F), ("1", T), ("[0]", T)]],
    *[("ints", text, value) for text, value in [("[]", []), ("[1,2]", [1, 2]), ("[1,1.0]", T), ("[1,null]", T), ('[1,"2"]', T), ("[1,2147483648]", R), ("[[1]]", T), ("{}", T), ("1", T), ('"[]"', T)]],
    *[("counts", text, value) for text, value in [("{}", {}), ('{"a":1}', {"a": 1}), ('{"":1}', {"": 1}), ('{"a":null}', T), ('{"a":1.0}', T), ('{"a":9223372036854775808}', R), ('{"a":1,"a":2}', {"a": 1}), ('{"\\ud800":1}', F), ("[]", T)]],
    *[("point", text, value) for text, value in [("{}", {"x": None, "y": None}), ('{"x":1,"y":"a"}', {"x": 1, "y": "a"}), ('{"x":null,"z":5}', {"x": None, "y": None}), ('{"x":1.0}', T), ('{"x":2147483648}', R), ('{"X":1}', {"x": None, "y": None}), ("[]", T)]],
    *[("deep", text, value) for text, value in [('[{"k":{"a":[1]}},{}]', [{"k": {"a": [1]}}, {"k": None}]), ('[{"k":{"a":["1"]}}]', T), ('[{"k":{"a":[1,null]}}]', T), ('[{"k":{"a":[2147483648]}}]', R), ("[null]", T)]],
]  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    fields = "\n".join(f"{n}: {form}, path: $.{n}, presence: optional}}" for n, form in DECLARED.items())
    return compiled(tmp_path_factory.mktemp("typing"), {"ping/1.0.0.yaml": raw(fields)})


@pytest.fixture(scope="module")
def rows(plan):
    head = '{"id":1,"app":"web","build":"1.0.0","ts":"2026-06-01T12:00:00Z","'
    found = run(plan, [f'{head}{name}":{text}}}'.encode() for name, text, _ in CASES])
    return [result.rows[0] for result in found]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{n}-{ascii(text)[:40]}" for n, text, _ in CASES])
def test_a_value_is_typed_exactly_or_refused_with_its_reason(rows, at):
    name, _, wanted = CASES[at]
    verdict, value = rows[at].verdicts[name], rows[at].values[name]
    if isinstance(wanted, str) and wanted.startswith("invalid:"):
        assert (verdict, value) == (wanted, None)
        return
    assert verdict == "present"
    assert value.__class__ is wanted.__class__ or isinstance(wanted, str)
    assert (value if not isinstance(wanted, str) or isinstance(value, str) else written(value)) == wanted
    assert not isinstance(wanted, D) or value.as_tuple() == wanted.as_tuple()


def written(value):
    if hasattr(value, "tzinfo") and hasattr(value, "year"):
        return value.replace(tzinfo=None).isoformat("T", "microseconds") + ("Z" if value.tzinfo else "")
    return value.isoformat("microseconds") if hasattr(value, "hour") else value.isoformat()


GOOD = '"app":"web","build":"1.0.0","ts":"2026-06-01T12:00:00Z"'
MESSAGES = [
    ("a tombstone", None, "malformed", "tombstone"),
    ("nothing", b"", "malformed", "not JSON at byte 0"),
    ("white space", b" \n\t", "malformed", "not JSON at byte 3"),
    ("not UTF-8", b'{"id":"\xff"}', "malformed", "not UTF-8 at byte 7"),
    ("overlong", b'"\xc0\x80"', "malformed", "not UTF-8 at byte 1"),
    ("a surrogate in UTF-8", b'"\xed\xa0\x80"', "malformed", "not UTF-8 at byte 1"),
    ("a BOM", b'\xef\xbb\xbf{"id":1}', "malformed", "not JSON at byte 0"),
    ("UTF-16", '{"id":1}'.encode("utf-16"), "malformed", "not UTF-8 at byte 0"),
    ("gzip", b"\x1f\x8b\x08\x00", "malformed", "not UTF-8 at byte 1"),
    ("NaN", b'{"id":NaN}', "malformed", "NaN"),
    ("Infinity", b'{"id":-Infinity}', "malformed", "Infinity"),
    ("a trailing comma", b'{"id":1,}', "malformed", "not JSON at byte"),
    ("a comment", b'{"id":1}//x', "malformed", "text after the value at byte 8"),
    ("a leading zero", b'{"id":01}', "malformed", "not JSON at byte"),
    ("a plus", b'{"id":+1}', "malformed", "not JSON at byte"),
    ("two objects", b'{"id":1}{"id":2}', "malformed", "text after the value at byte 8"),
    ("a control character", b'{"id":"\x01"}', "malformed", "not JSON at byte"),
    ("a non-breaking space", b'{"id":1}\xc2\xa0', "malformed", "text after the value at byte 8"),
    ("single quotes", b"{'id':1}", "malformed", "not JSON at byte 1"),
    ("deep", b"[" * 65 + b"]" * 65, "too_deep", "depth: > 64"),
    ("very deep, and open", b'{"a":' * 100_000, "too_deep", "depth: > 64"),
    ("many keys", json.dumps({str(n): n for n in range(10_001)}).encode(), "too_large", "keys: > 10000"),
    ("large", b'{"id":"' + b"x" * 1_048_576 + b'"}', "too_large", "message_bytes: 1048585 > 1048576"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "data", "kind", "detail"), MESSAGES, ids=[m[0] for m in MESSAGES])
def test_what_is_no_message_is_rejected_with_its_bytes_and_place(plan, title, data, kind, detail):
    [result] = run(plan, [data])
    assert (result.outcome, result.rows, result.reject.kind) == ("rejected", [], kind)
    assert detail in result.reject.detail


def test_at_the_limits_it_is_taken(plan):
    deep = f'{{"id":1,{GOOD},"x":{"[" * 63}{"]" * 63}}}'.encode()
    brackets = f'{{"id":1,{GOOD},"x":"{"[" * 1000}"}}'.encode()
    keys = json.dumps({"id": 1, **{str(n): n for n in range(9_999)}}).encode()
    filler = f'{{"id":1,{GOOD},"x":"'
    large = (filler + "x" * (1_048_576 - len(filler) - 2) + '"}').encode()
    assert len(large) == 1_048_576
    assert [r.outcome for r in run(plan, [deep, brackets, keys, large])] == ["emitted"] * 4


def test_a_message_that_is_no_object_has_no_identity(plan):
    results = run(plan, [b"[]", b"null", b"1", b'"x"', b"true", b'[{"id":1}]'])
    assert {r.rows[0].reject.kind for r in results} == {"missing_identity"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("string", "x" * 65_537),
        ("string", "é" * 32_769),
        ("binary", "A" * 65_540),
        ("counts", {"k" * 65_537: 1}),
        ("point", {"y": "x" * 65_537}),
    ],
    ids=lambda v: str(v)[:12],
)
def test_a_string_above_the_limit_rejects_the_row_by_field(plan, name, value):
    [result] = run(plan, [json.dumps({"id": 1, name: value}).encode()])
    reject = result.rows[0].reject
    assert (reject.kind, reject.field, reject.detail) == ("too_large", name, "string_bytes: > 65536")


def test_of_a_duplicate_key_the_first_counts(plan):
    twice = f'{{"id":1,"id":2,{GOOD},"int":5,"int":"x","double":null,"double":1.5,"point":{{"x":1,"x":2}}}}'
    escaped = f'{{"id":1,"\\u0069d":2,{GOOD}}}'
    first, second = run(plan, [twice.encode(), escaped.encode()])
    row = first.rows[0]
    assert (row.values["id"], row.values["int"], row.values["double"], row.values["point"]) == (
        1,
        5,
        None,
        {"x": 1, "y": None},
    )
    assert row.nulls == ["double"]
    assert second.rows[0].values["id"] == 1


def test_keys_are_exact(plan):
    [result] = run(plan, [f'{{"id":1,{GOOD},"Int":5,"int ":6,"in\\u0074":7}}'.encode()])
    assert result.rows[0].values["int"] == 7


def test_a_surrogate_in_what_is_not_read_is_no_one_s_matter(plan):
    [result] = run(plan, [f'{{"id":1,{GOOD},"noise":"\\ud800","\\udc00":1}}'.encode()])
    assert result.outcome == "emitted"


EXPLODED = [
    ("absent", {}, ("rejected", "explode", None)),
    ("null", {"items": None}, ("rejected", "explode", None)),
    ("an object", {"items": {"num": 1}}, ("rejected", "explode", None)),
    ("a string", {"items": "[]"}, ("rejected", "explode", None)),
    ("empty", {"items": []}, ("filtered", None, "no_items")),
    ("a thousand", {"items": [{"num": 1}] * 1000}, ("emitted", None, None)),
    ("one more", {"items": [{"num": 1}] * 1001}, ("rejected", "too_large", None)),
    ("elements that are no objects", {"items": [1, None, "x", []]}, ("rejected", None, None)),
    ("one of two rejected", {"items": [{"num": 1}, {"num": "x"}]}, ("emitted", None, None)),
    ("one filtered, one rejected", {"items": [{"num": 9}, {"num": "x"}]}, ("rejected", None, None)),
    ("one filtered, one emitted", {"items": [{"num": 9}, {"num": 1}]}, ("emitted", None, None)),
    ("all filtered", {"items": [{"num": 9}, {"num": 9}]}, ("filtered", None, None)),
]


@pytest.fixture(scope="module")
def exploded(tmp_path_factory):
    fields = "item: {type: int, path: $index, presence: required, identity: true}\nnum: {type: int, path: $item.num, presence: required, on_bug: reject}"
    return compiled(
        tmp_path_factory.mktemp("exploded"),
        {
            "ping/1.0.0.yaml": raw(fields, explode="$.items"),
            "ping/producers/web.yaml": producer('">=1.0.0": {contract: 1.0.0}'),
            "pong/1.0.0.yaml": derived(
                "id: {from: id}\nitem: {from: item}\nnum: {from: num}", "filters:\n  nine: {drop_when: num = 9}\n"
            ),
        },
    )


@pytest.mark.parametrize(("title", "changes", "fate"), EXPLODED, ids=[e[0] for e in EXPLODED])
def test_a_parent_ends_as_its_rows_do(exploded, title, changes, fate):
    head = {"id": 1, "app": "web", "build": "1.0.0", "ts": "2026-06-01T12:00:00Z"}
    [result] = run(exploded, [json.dumps(head | changes).encode()])
    assert (result.outcome, result.reject and result.reject.kind, result.filter) == fate
    assert [row.index for row in result.rows] == list(range(len(result.rows)))

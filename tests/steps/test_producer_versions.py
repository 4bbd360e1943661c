# ruff: noqa: RUF001  (digits of other scripts)
"""Producers' versions: read and compared in each scheme; what is none, or lies in no range, is an unknown producer's."""

import pytest

from tacet_runtime.plan.versions import version_key
from tests.support.small import compiled, message, problems, producer, raw, run, write

ORDERED = {
    "semver": ["0.0.0", "0.9.10", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "9.0.0", "10.0.0", "18446744073709551616.0.0", "18446744073709551617.0.0"],
    "dotted": ["0", "0.0.1", "1", "1.0.1", "1.2", "1.9", "1.10", "2", "10", "10.2.3.4.5", "10.2.3.4.6", "2026.1", "9" * 40, ".".join(["9" * 40, *"1" * 100])],
    "integer": ["0", "2", "10", "0099", "100", "20261125134930123456", "20261125134930123457", "9" * 256],
    "date": ["0001-01-01", "2024-02-29", "2024-03-01", "2026-01-01", "9999-12-31"],
}  # fmt: skip
SAME = {
    "semver": [("1.0.0", "1.0.0+build.5"), ("1.0.0-a", "1.0.0-a+1")],
    "dotted": [("5.2", "5.2.0"), ("5", "5.0.0.0"), ("5.02", "5.2"), ("0", "0.0")],
    "integer": [("7", "007")],
    "date": [],
}
NONE = {
    "semver": ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0+", "1.0.0 ", " 1.0.0", "1.0.0\n", "١.0.0", "１.0.0", "1.0.0-é", "-1.0.0", "1." + "9" * 10_000 + ".0", "1.0.0-" + "a" * 300, "latest", "\ud800"],
    "dotted": ["", ".", "1.", ".1", "1..2", "v5.2", "5.2-rc1", "5,2", "1 ", "1\n", "٥.٢", "9" * 257, "9" * 10_000, ".".join("1" * 200), "-1"],
    "integer": ["", "-1", "+1", "1.0", "1_000", "1e3", "٧", "²", "9" * 257, "9" * 10_000, "0x10", " 1", "1\n"],
    "date": ["", "2026-02-29", "2026-1-1", "20260101", "2026-13-01", "0000-01-01", "10000-01-01", "2026-01-01T00:00:00", "٢٠٢٦-٠١-٠١", "2026-W01-1", "2026-01-01\n"],
}  # fmt: skip


@pytest.mark.parametrize("scheme", ORDERED)
def test_versions_ascend(scheme):
    keys = [version_key(text, scheme) for text in ORDERED[scheme]]
    assert None not in keys
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("scheme", "one", "other"), [(s, *pair) for s, pairs in SAME.items() for pair in pairs])
def test_two_spellings_of_one_version_are_the_same(scheme, one, other):
    assert version_key(one, scheme) == version_key(other, scheme) is not None


@pytest.mark.parametrize(
    ("scheme", "text"), [(s, v) for s, texts in NONE.items() for v in texts], ids=lambda v: ascii(v)[:24]
)
def test_anything_else_is_no_version(scheme, text):
    assert version_key(text, scheme) is None


RANGES = {
    "semver": ('">=1.0.0 <1.2.0"', '">1.2.0 <=2.0.0"', '"=3.0.0"'),
    "dotted": ('">=1 <1.2"', '">1.2 <=2.0.0"', '"=3"'),
    "integer": ('">=100 <120"', '">120 <=200"', '"=300"'),
    "date": ('">=2026-01-01 <2026-02-01"', '">2026-02-01 <=2026-03-01"', '"=2026-04-01"'),
}
INSIDE = {
    "semver": {"0.9.9": None, "1.0.0-rc.1": None, "1.0.0": "a", "1.1.99": "a", "1.2.0-alpha": "a", "1.2.0": None, "1.2.0+x": None, "1.2.1-a": "b", "2.0.0": "b", "2.0.0+x": "b", "2.0.1": None, "3.0.0+y": "c", "3.0.1": None, "v1.0.0": None, "١.0.0": None, "9" * 10_000: None, "": None},
    "dotted": {"0.9": None, "1.0": "a", "1.1.9.9": "a", "1.2.0": None, "1.2.0.1": "b", "2": "b", "2.0.0.1": None, "3.0": "c", "1.10": "b", "x": None},
    "integer": {"99": None, "100": "a", "0119": "a", "120": None, "121": "b", "200": "b", "201": None, "300": "c", "9" * 10_000: None},
    "date": {"2025-12-31": None, "2026-01-01": "a", "2026-01-31": "a", "2026-02-01": None, "2026-02-02": "b", "2026-03-01": "b", "2026-04-01": "c", "2026-02-30": None},
}  # fmt: skip


@pytest.mark.parametrize("scheme", RANGES)
def test_a_row_is_its_range_s_and_gaps_are_nobody_s(tmp_path, scheme):
    omits = "{{contract: 1.0.0, omits: {{code: {{id: {0}, reason: not-applicable, approved_by: x, max_share: 10%}}}}}}"
    lines = "\n".join(f"{text}: {omits.format(name)}" for text, name in zip(RANGES[scheme], "abc", strict=True))
    plan = compiled(
        tmp_path,
        {
            "ping/1.0.0.yaml": raw("code: {type: int, path: $.code, presence: required}", scheme=scheme),
            "ping/producers/web.yaml": producer(lines),
        },
    )
    results = run(plan, [message(build=build) for build in INSIDE[scheme]])
    found = {build: result.rows[0].verdicts["code"] for build, result in zip(INSIDE[scheme], results, strict=True)}
    wanted = {b: f"declared_omission:{name}" if name else "unknown_producer" for b, name in INSIDE[scheme].items()}
    assert found == wanted


@pytest.mark.parametrize(
    ("scheme", "ranges", "code"),
    [
        ("semver", ['">=1.0.0 <2.0.0"', '">=1.9.0"'], "E304"),
        ("semver", ['"<=2.0.0"', '">=2.0.0"'], "E304"),
        ("dotted", ['"<5.2.1"', '">=5.2"'], "E304"),
        ("integer", ['"=5"', '">=5 <=5"'], "E304"),
        ("semver", ['">=2.0.0 <1.0.0"'], "E303"),
        ("semver", ['">1.0.0 <1.0.0"'], "E303"),
        ("integer", ['">5 <6"'], "E303"),
        ("integer", ['"<0"'], "E303"),
        ("dotted", ['"<0.0"'], "E303"),
        ("date", ['">2026-01-01 <2026-01-02"'], "E303"),
        ("semver", ['">=v1.0.0"'], "E303"),
        ("integer", ['">=1.0"'], "E303"),
        ("date", ['">=2026-02-30"'], "E303"),
        ("dotted", ['">=5.x"'], "E303"),
        ("semver", ['"1.0.0"'], "E303"),
        ("semver", ['">= 1.0.0"'], "E303"),
    ],
)
def test_ranges_that_overlap_or_hold_for_nothing_are_refused(tmp_path, scheme, ranges, code):
    lines = "\n".join(f"{text}: {{contract: 1.0.0}}" for text in ranges)
    write(tmp_path, {"ping/1.0.0.yaml": raw(scheme=scheme), "ping/producers/web.yaml": producer(lines)})
    assert {d.code for d in problems(tmp_path)} == {code}


def test_ranges_that_only_touch_are_taken(tmp_path):
    lines = '"<2.0.0": {contract: 1.0.0}\n">=2.0.0 <=3.0.0": {contract: 1.0.0}\n">3.0.0": {contract: 1.0.0}'
    plan = compiled(tmp_path, {"ping/1.0.0.yaml": raw(), "ping/producers/web.yaml": producer(lines)})
    results = run(plan, [message(build=build) for build in ("1.0.0", "2.0.0-rc", "2.0.0", "3.0.0", "3.0.1-a")])
    assert [r.rows[0].registered for r in results] == ["1.0.0"] * 5


def test_a_whole_number_may_be_a_version(tmp_path):
    fields = raw("code: {type: int, path: $.code, presence: required}", scheme="integer").replace(
        "build: {type: string,", "build: {type: long,"
    )
    plan = compiled(
        tmp_path, {"ping/1.0.0.yaml": fields, "ping/producers/web.yaml": producer('">=7": {contract: 1.0.0}')}
    )
    results = run(plan, [message(build=build) for build in (7, 6, 10, -7, 2**63, 7.0, "7", None)])
    bug, unknown = "logging_bug", "unknown_producer"
    assert [r.rows[0].verdicts["code"] for r in results] == [bug, unknown, bug, *[unknown] * 5]

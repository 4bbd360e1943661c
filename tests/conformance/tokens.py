"""JSON texts for one field: its edges, what lies just beyond them, and what is wrong in every known way.

Nothing here says what is valid: the reference decides, and every target must agree with it (`test_agreement.py`).
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from typing import TYPE_CHECKING, assert_never

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.types import Encoding, Type

HOSTILE = (
    "true",
    "false",
    "null",
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "-1.0",
    "1e0",
    "1e3",
    "1E+2",
    "1.5",
    "0.1",
    "1e400",
    "-1e400",
    "1e-400",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1" + "0" * 400,
    '""',
    '"5"',
    '" 5"',
    '"5 "',
    '"+5"',
    '"05"',
    '"5.0"',
    '"1e3"',
    '"true"',
    '"True"',
    '"\\u0665"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\\ud83d\\ude00"',
    '"NaN"',
    '"Infinity"',
    '"a\\u0000b"',
    '"stra\\u00dfe"',
    '"\U0001f600"',
    "[]",
    "{}",
    "[1]",
    '{"a":1}',
    "[null]",
    '{"a":null}',
    *(
        "007",
        "-01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "tru",
        "nul",
        "falsee",
        "True",
        "NaN",
        "-Infinity",
    ),
    *(
        "'a'",
        '"\\x"',
        '"\\u12g4"',
        '"\\u123',
        '"a\tb"',
        '"a',
        "[1,]",
        "[1 2]",
        '{"a":1,}',
        '{"a" 1}',
        "{1:1}",
        "[",
        "}",
        "",
    ),
)

DATES = (
    "2026-11-20",
    "2024-02-29",
    "2025-02-29",
    "1900-02-29",
    "2000-02-29",
    "0001-01-01",
    "0000-12-31",
    "9999-12-31",
    "10000-01-01",
    "2026-13-01",
    "2026-00-10",
    "2026-11-31",
    "2026-1-1",
    "20261120",
    "2026-11-20T00:00:00",
    "2026/11/20",
    "-2026-11-20",
    "2026-11-20 ",
    " 2026-11-20",
    "1969-12-31",
    "1582-10-10",
    "infinity",
    "epoch",
)
TIMES = (
    "00:00:00",
    "23:59:59",
    "23:59:59.999999",
    "23:59:60",
    "24:00:00",
    "12:00",
    "12:00:00.5",
    "12:00:00.1234567",
    "12:00:00.",
    "12:00:00Z",
    "1:00:00",
    "12:60:00",
    "T12:00:00",
    "12:00:00,5",
)
OFFSETS = (
    "",
    "Z",
    "z",
    "+00:00",
    "-00:00",
    "+05:30",
    "-23:59",
    "+23:59",
    "+24:00",
    "+25:00",
    "+0530",
    "+05",
    "+05:60",
    " Z",
)


def tokens(type_: Type, encoding: Encoding, seed: int, count: int) -> Iterator[str]:
    """Yield at least the fixed texts for the type and, with seeded random ones, about `count` in all."""
    fixed = (*HOSTILE, *edges(type_, encoding))
    yield from fixed
    rng = random.Random(seed)
    for _ in range(max(0, count - len(fixed))):
        yield (
            mutated(rng, random_token(rng, type_, encoding))
            if rng.random() < 0.3
            else random_token(rng, type_, encoding)
        )


def edges(type_: Type, encoding: Encoding) -> list[str]:
    """Return the texts at and just beyond the limits of a type in its encoding."""
    match type_:
        case t.BooleanType():
            return [_text(v) for v in ("true", "false", "TRUE", "t", "1", "")]
        case t.IntType() | t.LongType():
            bits = 31 if isinstance(type_, t.IntType) else 63
            values = [0, 1, -1, 2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1]
            return [form for v in values for form in (str(v), _text(str(v)), f"{v}.0", f"{v}e0")]
        case t.FloatType() | t.DoubleType():
            values = [
                "3.4028234663852886e38",
                "3.4028235677973366e38",
                "3.5e38",
                "1.7976931348623157e308",
                "1.8e308",
                "5e-324",
                "1e-46",
                "16777217",
                "0.1",
                "-0.0",
                "123456789012345678901234567890",
            ]
            return [form for v in values for form in (v, _text(v))]
        case t.DecimalType(precision, scale):
            return [form for v in _decimals(precision, scale) for form in (v, _text(v))]
        case t.DateType():
            return [_text(v) for v in DATES]
        case t.TimeType():
            return [_text(v) for v in TIMES]
        case t.TimestampType() | t.TimestamptzType():
            return _moments() if encoding in {"json", "iso8601", "string"} else _epochs(encoding)
        case t.StringType():
            return [
                _text(v)
                for v in (
                    "",
                    "a",
                    "A" * 300,
                    "x\ny",
                    "'; DROP TABLE t; --",
                    "é",
                    "e\u0301",
                    "\ufeff",
                    "\u2028",
                    "ROW",
                    "row",
                    "ROW ",
                    "US",
                    "us",
                )
            ]
        case t.UuidType():
            good = "0b5e3f6a-1c2d-4e5f-8a9b-0123456789ab"
            return [
                _text(v)
                for v in (
                    good,
                    good.upper(),
                    good.replace("-", ""),
                    "{" + good + "}",
                    "urn:uuid:" + good,
                    good[:-1],
                    good + "0",
                    good.replace("a", "g"),
                    good.replace("-", "_"),
                )
            ]
        case t.BinaryType():
            return [
                _text(v)
                for v in (
                    "",
                    "AA==",
                    "AA",
                    "AAE=",
                    "AAEC",
                    "AB==",
                    "A===",
                    "-_8=",
                    "+/8=",
                    "AA==\n",
                    "AA ==",
                    "A\u00e9==",
                )
            ]
        case t.ListType(element):
            inner = ["1", "null", '"a"', "[]", *edges(element, encoding)[:6]]
            return [f"[{v}]" for v in inner] + [f"[{v},{v}]" for v in inner[:4]]
        case t.MapType(value):
            inner = ["1", "null", '"a"', "[]", *edges(value, encoding)[:6]]
            return [json.dumps({"k": 0}).replace("0", v) for v in inner] + ['{"":1}', '{"a":1,"a":2}', '{"\\ud800":1}']
        case t.StructType(members):
            return _structs(members, encoding)
        case _:
            assert_never(type_)


def _structs(members: tuple[t.Member, ...], encoding: Encoding) -> list[str]:
    texts = ["{}"]
    for member in members:
        tokens = ["null", "1", '"a"', *edges(member.type, encoding)[:5]]
        texts += ["{" + json.dumps(member.name) + ":" + inner + "}" for inner in tokens]
    return [*texts, '{"not a member":1}']


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _decimals(precision: int, scale: int) -> list[str]:
    whole = "9" * (precision - scale) or "0"
    most = f"{whole}.{'9' * scale}" if scale else whole
    beyond = "1" + "0" * (precision - scale)
    return [
        "0",
        "-0",
        "1",
        most,
        f"-{most}",
        beyond,
        f"0.{'0' * scale}1",
        f"0.{'0' * scale}0",
        "1e1",
        "1e2",
        "12e-1",
        "1.50",
        "007",
        "1.",
        ".5",
        "+1",
        "1e-50",
        "1e50",
    ]


def _moments() -> list[str]:
    bases = [f"{d}T{time}" for d in DATES[:12] for time in TIMES[:4]] + [f"2026-11-20T{time}" for time in TIMES]
    texts = [base + offset for base in bases for offset in ("", "Z")]
    texts += [f"2026-11-20T18:03:11.25{offset}" for offset in OFFSETS]
    texts += [f"0001-01-01T00:00:00{o}" for o in OFFSETS] + [f"9999-12-31T23:59:59.999999{o}" for o in OFFSETS]
    texts += [
        "2026-11-20 18:03:11Z",
        "2026-11-20t18:03:11Z",
        "2026-11-20",
        "1700000000000",
        "1700000000",
        "2026-W47-5T00:00:00Z",
    ]
    return [_text(v) for v in texts] + ["1700000000000", "0", "-1"]


def _epochs(encoding: Encoding) -> list[str]:
    unit = {"epoch_seconds": 1, "epoch_millis": 1_000}.get(encoding, 1_000_000)
    first, last = -62_135_596_800 * unit, 253_402_300_800 * unit
    values = [
        0,
        1,
        -1,
        first,
        first - 1,
        last - 1,
        last,
        1_700_000_000,
        1_700_000_000_000,
        1_700_000_000_000_000,
        2**53,
        2**63 - 1,
        -(2**63),
    ]
    return [form for v in values for form in (str(v), _text(str(v)), f"{v}.0")]


def random_token(rng: random.Random, type_: Type, encoding: Encoding) -> str:
    """Return a text that is probably valid for the type."""
    match type_:
        case t.BooleanType():
            return _form(rng.choice(["true", "false"]), encoding)
        case t.IntType() | t.LongType():
            bits = 31 if isinstance(type_, t.IntType) else 63
            return _form(str(rng.randint(-(2**bits), 2**bits - 1) >> rng.randrange(bits)), encoding)
        case t.FloatType() | t.DoubleType():
            return _form(repr(rng.uniform(-1, 1) * 10 ** rng.randint(-30, 30)), encoding)
        case t.DecimalType(precision, scale):
            digits = str(rng.randrange(10 ** rng.randint(1, precision))).rjust(scale + 1, "0")
            text = f"{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}" if scale else digits
            return _form(("-" if rng.random() < 0.5 else "") + text, encoding)
        case t.DateType():
            return _text(f"{rng.randint(1, 9999):04}-{rng.randint(1, 12):02}-{rng.randint(1, 31):02}")
        case t.TimeType():
            return _text(_time(rng))
        case t.TimestampType() | t.TimestamptzType():
            return _moment(rng, encoding, zoned=isinstance(type_, t.TimestamptzType))
        case t.StringType():
            return _text("".join(rng.choices('abcXYZ 09-_éß😀\n"\\', k=rng.randint(0, 12))))
        case t.UuidType():
            return _text(str(uuid.UUID(int=rng.getrandbits(128))))
        case t.BinaryType():
            return _text(base64.b64encode(rng.randbytes(rng.randint(0, 9))).decode())
        case t.ListType(element):
            return "[" + ",".join(random_token(rng, element, encoding) for _ in range(rng.randint(0, 3))) + "]"
        case t.MapType(value):
            return (
                "{" + ",".join(f'"k{i}":{random_token(rng, value, encoding)}' for i in range(rng.randint(0, 3))) + "}"
            )
        case t.StructType(members):
            some = [m for m in members if rng.random() < 0.8]
            return "{" + ",".join(f"{json.dumps(m.name)}:{random_token(rng, m.type, encoding)}" for m in some) + "}"
        case _:
            assert_never(type_)


def _form(text: str, encoding: Encoding) -> str:
    return _text(text) if encoding == "string" else text


def _time(rng: random.Random) -> str:
    fraction = rng.choice(["", f".{rng.randrange(1000):03}", f".{rng.randrange(10**6):06}", f".{rng.randrange(10)}"])
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}{fraction}"


def _moment(rng: random.Random, encoding: Encoding, *, zoned: bool) -> str:
    if encoding.startswith("epoch"):
        unit = {"epoch_seconds": 1, "epoch_millis": 1_000}.get(encoding, 1_000_000)
        return str(rng.randint(-62_135_596_800 * unit, 253_402_300_799 * unit))
    day = f"{rng.randint(1, 9999):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    offset = rng.choice(["Z", "+00:00", "+05:30", "-08:00"]) if zoned else ""
    return _text(f"{day}T{_time(rng)}{offset}")


def mutated(rng: random.Random, token: str) -> str:
    """Return the text with one character dropped, doubled or replaced: often wrong, sometimes no JSON at all."""
    if not token:
        return token
    at = rng.randrange(len(token))
    match rng.randrange(3):
        case 0:
            return token[:at] + token[at + 1 :]
        case 1:
            return token[: at + 1] + token[at:]
        case _:
            return token[:at] + rng.choice('0159-+.eE"TZ: ,x') + token[at + 1 :]

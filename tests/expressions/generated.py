"""Random well-typed expressions, as text, and random rows with the values where things go wrong."""

import datetime as dt
from decimal import Context, Decimal

# ruff: noqa: DTZ001, DTZ901, PLC3002  (wall clocks, and choices that are made where they are drawn)
from both import COLUMNS
from hypothesis import strategies as st

from tacet_runtime.plan import types as t

TEXTS = ["", "a", "A b ", "  x  ", "ROW", "é€😀", "straße", "İI", "50%", "a_c", "a\nb", "12", "-7", "1.50", "1e400", "2026-02-29", "2024-02-29", "0000-01-01",
         "9223372036854775808", "2147483648", "true", "\u00a0x", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "007", "'", "\\", "1.", ".5", "١٢", "\U0010ffff", "\uffff", "ΑΣ", "\r\n", "\u2028", "!_%", "_", "\u0130", "ß", "e\u0301", "-0", "+5", " 5", "1e3", "9" * 40, "-000000000000000000000000000012", "0.000", "1.5000000", "NaN", "Infinity", "TRUE", "9999-12-31", "0001-01-01", "2026-1-1"]  # fmt: skip
INTS = [0, 1, -1, 2, 7, -7, 2**31 - 1, -(2**31), 46341, 100]
LONGS = [*INTS, 2**63 - 1, -(2**63), 3037000500, 2**53 + 1, 3_000_000_000]
DOUBLES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.5,
    -2.5,
    0.1,
    1e308,
    -1e308,
    5e-324,
    2.0**63,
    2.0**53,
    2147483648.0,
    2147483647.9,
    0.49999999999999994,
    1e30,
    1e-7,
]
FLOATS = [0.0, 1.0, -1.5, 3.4028234663852886e38, 0.10000000149011612, 1.401298464324817e-45]
DATES = [
    dt.date.min,
    dt.date.max,
    dt.date(1970, 1, 1),
    dt.date(1969, 12, 31),
    dt.date(2024, 2, 29),
    dt.date(2026, 1, 31),
    dt.date(1900, 3, 1),
    dt.date(2000, 12, 31),
]
STAMPS = [dt.datetime.min, dt.datetime.max, dt.datetime(1970, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(2024, 2, 29, 12, 30, 15, 1),
          dt.datetime(2026, 1, 31, 0, 0, 0, 1), dt.datetime(2038, 1, 19, 3, 14, 8)]  # fmt: skip
POOL = {
    "int": INTS, "long": LONGS, "float": FLOATS, "double": DOUBLES, "string": TEXTS, "boolean": [True, False], "date": DATES, "timestamp": STAMPS,
    "timestamptz": [s.replace(tzinfo=dt.UTC) for s in STAMPS], "time": [dt.time.min, dt.time.max, dt.time(12, 30, 15)],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"],
}  # fmt: skip

_FINITE = {"allow_nan": False, "allow_infinity": False}
ANY = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, **_FINITE).map(lambda number: number + 0.0),
    "double": st.floats(**_FINITE),
    "string": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(timezones=st.just(dt.UTC)),
    "time": st.times(),
    "uuid": st.uuids().map(str),
}
"""What stands between the edges: a fault may wait on any day of the year."""


def kind(type_):
    return type(type_).__name__.removesuffix("Type").lower()


def values(type_):
    match type_:
        case t.DecimalType(precision, scale):
            largest = Decimal(10**precision - 1).scaleb(-scale, context=Context(prec=50))
            quantum = Decimal(1).scaleb(-scale)
            inner = [
                Decimal(0).quantize(quantum),
                quantum,
                -quantum,
                largest,
                largest.copy_negate(),
                quantum * 5,
                quantum * 150 if precision > 3 else quantum,
            ]
            return st.sampled_from(inner)
        case t.ListType(element):
            return st.lists(values(element), max_size=3)
        case t.MapType(value):
            return st.dictionaries(st.sampled_from(["a", "b"]), values(value), max_size=2)
        case _:
            return st.sampled_from(POOL[kind(type_)]) | ANY[kind(type_)]


def rows(count=6):
    return st.lists(
        st.fixed_dictionaries({name: st.none() | values(type_) for name, type_ in COLUMNS.items()}),
        min_size=count,
        max_size=count,
    )


_NAMES = {k: [n for n, type_ in COLUMNS.items() if kind(type_) == k] for k in (*POOL, "decimal", "list", "map")}
_NAMES["decimal"] += ["m", "m", "p"]
_SPANS = [
    "INTERVAL '1' DAY",
    "INTERVAL '28' DAY",
    "INTERVAL '1' MONTH",
    "INTERVAL '13' MONTH",
    "INTERVAL '100' YEAR",
    "INTERVAL '2' WEEK",
    "INTERVAL '9998' YEAR",
]
_SHORT_SPANS = ["INTERVAL '1' HOUR", "INTERVAL '0.001' SECOND", "INTERVAL '90' MINUTE"]
_PATTERNS = ["a%", "%", "_", "", "%b%", "__", "é%", "A_b "]
_REGEXES = ["^a", "b$", "[0-9]+", "^.$", r"\s", "a|R", "^[A-Z]{3}$", r"\w\W?".replace(r"\W", "b"), "é"]
_UNITS = ["YEAR", "QUARTER", "MONTH", "DAY", "DOY", "ISODOW"]


def _quoted(text):
    return "'" + text.replace("'", "''") + "'"


def _constant(draw, k):
    match k:
        case "int":
            return str(draw(st.sampled_from([0, 1, 2, -1, 7, 2147483647, -2147483648])))
        case "long":
            return f"CAST({draw(st.sampled_from(LONGS))} AS long)"
        case "double":
            return draw(st.sampled_from(["0e0", "1e0", "-2.5e0", "1e308", "1e-300"]))
        case "decimal":
            return draw(st.sampled_from(["0.5", "-1.25", "99999999.99", "3.0"]))
        case "string":
            return _quoted(draw(st.sampled_from(TEXTS)))
        case "boolean":
            return draw(st.sampled_from(["TRUE", "FALSE", "CAST(NULL AS boolean)"]))
        case "date":
            return f"DATE '{draw(st.sampled_from(DATES))}'"
        case "timestamp":
            return f"TIMESTAMP '{draw(st.sampled_from(STAMPS))}'"
        case _:
            return f"CAST(TIMESTAMP '{draw(st.sampled_from(STAMPS))}' AS timestamptz)"


@st.composite
def expressions(draw, k=None, depth=4):
    """Text of an expression of kind `k`."""
    k = k or draw(
        st.sampled_from(["boolean", "int", "long", "double", "decimal", "string", "date", "timestamp", "timestamptz"])
    )
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(_NAMES[k])) if draw(st.integers(0, 3)) else _constant(draw, k)
    sub = lambda kind_=k: draw(expressions(kind_, depth - 1))  # noqa: E731
    pick = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    common = [
        lambda: f"CASE WHEN {sub('boolean')} THEN {sub()} WHEN {sub('boolean')} THEN {sub()} ELSE {sub()} END",
        lambda: f"CASE WHEN {sub('boolean')} THEN {sub()} END",
        lambda: f"COALESCE({sub()}, {sub()})",
        lambda: f"NULLIF({sub()}, {sub()})",
    ]
    return draw(st.sampled_from(common + _OWN[k](sub, pick)))()


def _numbers(sub, pick):
    return [
        lambda: f"({sub()} {pick('+', '-', '*')} {sub()})",
        lambda: f"- ({sub()})",
        lambda: f"ABS({sub()})",
        lambda: f"{pick('GREATEST', 'LEAST')}({sub()}, {sub()})",
    ]


def _moments(name):
    def own(sub, pick):
        spans = [*_SPANS, *_SHORT_SPANS] if name != "date" else _SPANS
        units = ["year", "quarter", "month", "day"] + (["hour", "minute", "second"] if name != "date" else [])
        others = {"date": "timestamptz", "timestamp": "date", "timestamptz": "timestamp"}
        return [
            lambda: f"({sub()} {pick('+', '-')} {pick(*spans)})",
            lambda: f"DATE_TRUNC('{pick(*units)}', {sub()})",
            lambda: f"CAST({sub(others[name])} AS {name})",
            lambda: f"{pick('GREATEST', 'LEAST')}({sub()}, {sub()})",
            *([lambda: f"CAST({sub('string')} AS date)"] if name == "date" else []),
        ]

    return own


_OWN = {
    "boolean": lambda sub, pick: [
        lambda: f"({sub()} {pick('AND', 'OR')} {sub()})",
        lambda: f"(NOT {sub()})",
        lambda: f"({sub()} IS {pick('NULL', 'NOT NULL', 'TRUE', 'NOT FALSE')})",
        lambda: (
            lambda k: (
                f"({sub(k)} {pick('=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM')} {sub(k)})"
            )
        )(pick("int", "long", "double", "decimal", "date", "timestamp", "timestamptz")),
        lambda: (lambda k: f"({sub(k)} {pick('IN', 'NOT IN')} ({sub(k)}, {sub(k)}, NULL))")(
            pick("int", "string", "date")
        ),
        lambda: (lambda k: f"({sub(k)} {pick('BETWEEN', 'NOT BETWEEN')} {sub(k)} AND {sub(k)})")(
            pick("int", "double", "date")
        ),
        lambda: f"({sub('string')} = {sub('string')})",
        lambda: f"({sub('string')} {pick('LIKE', 'NOT LIKE')} {_quoted(pick(*_PATTERNS))})",
        lambda: f"({sub('string')} LIKE {_quoted(pick('!%_', '_!__', '%!!', 'a!_%'))} ESCAPE '!')",
        lambda: f"({sub('string')} IN ({sub('string')}, {sub('string')}))",
        lambda: f"(CAST({sub('timestamptz')} AS time) {pick('<', '=', '>=')} TIME '12:30:15')",
        lambda: f"({sub('boolean')} = {sub('boolean')})",
        lambda: f"({sub('decimal')} BETWEEN {sub('int')} AND {sub('decimal')})",
        lambda: f"(id {pick('=', '<>', 'IS DISTINCT FROM')} CAST({sub('string')} AS uuid))",
        lambda: f"REGEXP_LIKE({sub('string')}, {_quoted(pick(*_REGEXES))})",
        lambda: f"{pick('STARTS_WITH', 'ENDS_WITH')}({sub('string')}, {sub('string')})",
        lambda: f"CAST({sub('string')} AS boolean)",
        lambda: f"ARRAY_CONTAINS({pick('tags', 'nums')}, {pick('NULL', 'NULL')})",
        lambda: f"ARRAY_CONTAINS(tags, {sub('string')})",
        lambda: f"(CAST({sub('string')} AS uuid) = id)",
        lambda: f"(f {pick('=', '<', '>=')} {sub('double')})",
        lambda: f"(CAST({sub('timestamp')} AS time) <= tm)",
    ],
    "int": lambda sub, pick: [
        *_numbers(sub, pick),
        lambda: f"({sub()} {pick('/', '%')} {sub()})",
        lambda: f"CAST({sub(pick('long', 'double', 'decimal', 'string'))} AS int)",
        lambda: f"LENGTH({sub('string')})",
        lambda: f"POSITION({sub('string')} IN {sub('string')})",
        lambda: f"SIGN({sub(pick('int', 'double', 'decimal'))})",
        lambda: f"EXTRACT({pick(*_UNITS)} FROM {sub(pick('date', 'timestamp', 'timestamptz'))})",
        lambda: f"EXTRACT({pick('HOUR', 'MINUTE', 'SECOND')} FROM {sub('timestamptz')})",
        lambda: f"CARDINALITY({pick('tags', 'nums', 'kv')})",
    ],
    "long": lambda sub, pick: [
        *_numbers(sub, pick),
        lambda: f"({sub()} {pick('/', '%')} {sub(pick('int', 'long'))})",
        lambda: f"CAST({sub(pick('int', 'double', 'decimal', 'string'))} AS long)",
        lambda: (
            lambda k: f"TIMESTAMPDIFF({pick('MICROSECOND', 'SECOND', 'HOUR', 'DAY', 'WEEK')}, {sub(k)}, {sub(k)})"
        )(pick("timestamp", "timestamptz")),
        lambda: f"TIMESTAMPDIFF(DAY, {sub('date')}, {sub('date')})",
    ],
    "double": lambda sub, pick: [
        *_numbers(sub, pick),
        lambda: f"({sub()} / {sub()})",
        lambda: f"CAST({sub(pick('int', 'long', 'decimal', 'string'))} AS double)",
        lambda: f"{pick('FLOOR', 'CEIL', 'ROUND')}({sub()})",
        lambda: f"CAST(CAST({sub()} AS float) AS double)",
        lambda: f"(f + {sub()})",
    ],
    "decimal": lambda sub, pick: [
        lambda: f"CAST(({sub()} {pick('+', '-', '*')} {sub()}) AS decimal({pick('10,2', '38,4', '20,10', '5,5')}))",
        lambda: (
            f"CAST({sub(pick('int', 'long', 'decimal', 'string'))} AS decimal({pick('10,2', '38,0', '38,10', '5,5')}))"
        ),
        lambda: f"{pick('FLOOR', 'CEIL', 'ROUND')}({sub()})",
        lambda: f"- ({sub()})",
        lambda: f"ABS({sub()})",
    ],
    "string": lambda sub, pick: [
        lambda: f"({sub()} || {sub()})",
        lambda: f"CONCAT({sub()}, {sub()}, {sub()})",
        lambda: f"{pick('LOWER', 'UPPER', 'TRIM', 'LTRIM', 'RTRIM')}({sub()})",
        lambda: f"SUBSTRING({sub()}, {pick(1, 2, 5)}{pick('', ', 0', ', 2', ', 99')})",
        lambda: f"{pick('LEFT', 'RIGHT')}({sub()}, {pick(0, 1, 3, 99)})",
        lambda: f"REPLACE({sub()}, {_quoted(pick('a', 'é', 'ab'))}, {sub()})",
        lambda: f"CAST({sub(pick('int', 'long', 'decimal', 'boolean', 'date'))} AS string)",
        lambda: "CAST(id AS string)",
    ],
    "date": _moments("date"),
    "timestamp": _moments("timestamp"),
    "timestamptz": _moments("timestamptz"),
}

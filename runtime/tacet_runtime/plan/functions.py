"""The closed list of operators and functions, as data: name, form, signatures, meaning, examples.

The compiler's checker knows what each one takes, `steps/expressions.py` what it means, the renderers how each engine
says it; docs/expressions.md is written from this table.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Group: TypeAlias = Literal["logic", "comparison", "choice", "arithmetic", "text", "time", "collection"]


class Function(msgspec.Struct, frozen=True):
    """One operator or function.

    `signatures` is for the reader: `number` is int, long, decimal or double after widening; `ordered` is a number or
    a moment; `plain` is any type but list, map and struct. `can_fail`: a call over values that are not NULL can end
    in an expression error.
    """

    name: str
    group: Group
    form: str
    signatures: tuple[str, ...]
    meaning: str
    examples: tuple[tuple[str, str], ...]
    """(expression, its value as canonical text)."""
    can_fail: bool = False
    engines: str = ""
    """What the renderers do where engines differ."""


# fmt: off
FUNCTIONS: tuple[Function, ...] = (
    Function(
        "and", "logic", "a AND b", ("boolean, boolean -> boolean",),
        "FALSE if one is FALSE, else NULL if one is NULL, else TRUE. Both sides are evaluated, so that an error in one is seen.",
        (("TRUE AND FALSE", "FALSE"), ("FALSE AND CAST(NULL AS boolean)", "FALSE")),
    ),
    Function(
        "or", "logic", "a OR b", ("boolean, boolean -> boolean",),
        "TRUE if one is TRUE, else NULL if one is NULL, else FALSE. Both sides are evaluated.",
        (("TRUE OR CAST(NULL AS boolean)", "TRUE"),),
    ),
    Function("not", "logic", "NOT a", ("boolean -> boolean",), "The opposite; NULL of NULL.", (("NOT TRUE", "FALSE"),)),
    Function(
        "is_null", "logic", "a IS [NOT] NULL", ("any -> boolean",), "Whether there is no value; never NULL.",
        (("CAST(NULL AS int) IS NULL", "TRUE"), ("1 IS NOT NULL", "TRUE")),
    ),
    Function(
        "is_true", "logic", "a IS [NOT] TRUE", ("boolean -> boolean",), "Whether it is TRUE; never NULL.",
        (("CAST(NULL AS boolean) IS TRUE", "FALSE"),),
    ),
    Function(
        "is_false", "logic", "a IS [NOT] FALSE", ("boolean -> boolean",), "Whether it is FALSE; never NULL.",
        (("FALSE IS FALSE", "TRUE"),),
    ),
    Function(
        "eq", "comparison", "a = b", ("plain, the same plain -> boolean",),
        "Whether both are the same value; NULL if one is NULL. Numbers are compared exactly, text by code points.",
        (("1 = 1.0", "TRUE"), ("'a' = 'A'", "FALSE")),
    ),
    Function("ne", "comparison", "a <> b", ("plain, the same plain -> boolean",), "The opposite of `a = b`. Also written `!=`.", (("'a' <> 'b'", "TRUE"),)),
    Function(
        "lt", "comparison", "a < b", ("ordered, the same ordered -> boolean",),
        "Whether a is less, or earlier; NULL if one is NULL. Text has no order here.", (("1 < 2", "TRUE"),),
        engines="Text is refused: DuckDB orders by UTF-8, Flink by UTF-16.",
    ),
    Function("le", "comparison", "a <= b", ("ordered, the same ordered -> boolean",), "`a < b` or `a = b`.", (("2 <= 2", "TRUE"),)),
    Function("gt", "comparison", "a > b", ("ordered, the same ordered -> boolean",), "`b < a`.", (("1 > 2", "FALSE"),)),
    Function("ge", "comparison", "a >= b", ("ordered, the same ordered -> boolean",), "`b <= a`.", (("2 >= 2", "TRUE"),)),
    Function(
        "differs", "comparison", "a IS DISTINCT FROM b", ("plain, the same plain -> boolean",),
        "Whether they differ, where NULL is a value like others; never NULL.", (("1 IS DISTINCT FROM NULL", "TRUE"),),
    ),
    Function(
        "same", "comparison", "a IS NOT DISTINCT FROM b", ("plain, the same plain -> boolean",),
        "Whether they are the same, where NULL is a value like others; never NULL.", (("CAST(NULL AS int) IS NOT DISTINCT FROM NULL", "TRUE"),),
    ),
    Function(
        "in", "comparison", "a [NOT] IN (b, c, ...)", ("plain, the same plain, ... -> boolean",),
        "`a = b OR a = c OR ...`; so NULL when nothing is equal and something is NULL.", (("2 IN (1, 2)", "TRUE"), ("3 NOT IN (1, 2)", "TRUE")),
    ),
    Function(
        "between", "comparison", "a [NOT] BETWEEN b AND c", ("ordered, ordered, ordered -> boolean",),
        "`a >= b AND a <= c`: both limits belong to it.", (("3 BETWEEN 1 AND 3", "TRUE"),),
    ),
    Function(
        "like", "comparison", "a [NOT] LIKE 'pattern' [ESCAPE '!']", ("string, literal string -> boolean",),
        "Whether the whole text fits: `%` is any text, `_` one code point; after the escape character both are themselves.",
        (("'abc' LIKE 'a%'", "TRUE"), ("'50%' LIKE '50!%' ESCAPE '!'", "TRUE")),
        engines="The pattern is a literal; DuckDB is always given an escape character, as Flink is.",
    ),
    Function(
        "coalesce", "choice", "COALESCE(a, b, ...)", ("any, the same, ... -> any",),
        "The first that is not NULL. What follows it is not evaluated.", (("COALESCE(CAST(NULL AS int), 2)", "2"),),
    ),
    Function(
        "nullif", "choice", "NULLIF(a, b)", ("plain, the same plain -> plain",), "NULL when `a = b` is TRUE, else a.", (("NULLIF(1, 2)", "1"),),
    ),
    Function(
        "greatest", "choice", "GREATEST(a, b, ...)", ("ordered, the same ordered, ... -> ordered",), "The largest; NULL if one is NULL.",
        (("GREATEST(1, 3, 2)", "3"),), engines="DuckDB leaves NULLs out: guarded.",
    ),
    Function(
        "least", "choice", "LEAST(a, b, ...)", ("ordered, the same ordered, ... -> ordered",), "The smallest; NULL if one is NULL.",
        (("LEAST(2, 1)", "1"),), engines="DuckDB leaves NULLs out: guarded.",
    ),
    Function(
        "add", "arithmetic", "a + b",
        ("int, int -> int", "long, long -> long", "decimal, decimal -> decimal", "double, double -> double"),
        "The sum, in the wider type of both. Out of that type's range is an error: an int stays an int. Two decimals are first brought "
        "to the sum's type, one digit more than the wider one, at most 38.",
        (("1 + 2", "3"), ("1.5 + 2", "3.5"), ("2147483647 + 1", "error")), can_fail=True,
        engines="Flink wraps integers silently: calculated one type wider, then narrowed with a check.",
    ),
    Function(
        "sub", "arithmetic", "a - b",
        ("int, int -> int", "long, long -> long", "decimal, decimal -> decimal", "double, double -> double"),
        "The difference, in the wider type of both; see `+`.", (("1 - 2", "-1"),), can_fail=True,
    ),
    Function(
        "mul", "arithmetic", "a * b",
        ("int, int -> int", "long, long -> long", "decimal(p1,s1), decimal(p2,s2) -> decimal(p1+p2,s1+s2)", "double, double -> double"),
        "The product. A decimal product has at most 38 digits; more is an error. One that may need more (p1+p2+1) is refused with more than 6 fraction digits.",
        (("2 * 3", "6"), ("1.5 * 0.5", "0.75")), can_fail=True,
    ),
    Function(
        "div", "arithmetic", "a / b", ("int, int -> int", "long, long -> long", "double, double -> double"),
        "The quotient; of integers, truncated toward zero. Division by zero is an error. Decimals are not divided.",
        (("7 / 2", "3"), ("-7 / 2", "-3"), ("7 / 0", "error"), ("7e0 / 2", "3.5")), can_fail=True,
        engines="DuckDB divides integers as doubles: rendered `//`.",
    ),
    Function(
        "mod", "arithmetic", "a % b", ("int, int -> int", "long, long -> long"),
        "What truncated division leaves: the sign is a's. By zero it is an error. Also written `MOD(a, b)`.", (("-7 % 2", "-1"),), can_fail=True,
    ),
    Function(
        "neg", "arithmetic", "-a", ("number -> number",), "The opposite; of the smallest integer an error.", (("-(3)", "-3"),), can_fail=True,
    ),
    Function(
        "abs", "arithmetic", "ABS(a)", ("number -> number",), "Without the sign; of the smallest integer an error.", (("ABS(-3)", "3"),), can_fail=True,
    ),
    Function("sign", "arithmetic", "SIGN(a)", ("number -> int",), "-1, 0 or 1.", (("SIGN(-2.5)", "-1"),)),
    Function(
        "floor", "arithmetic", "FLOOR(a)", ("double -> double", "decimal(p,s) -> decimal(p-s+1,0)"), "The nearest whole number that is not larger.",
        (("FLOOR(-1.5)", "-2"),),
    ),
    Function(
        "ceil", "arithmetic", "CEIL(a)", ("double -> double", "decimal(p,s) -> decimal(p-s+1,0)"),
        "The nearest whole number that is not smaller. Also written `CEILING`.", (("CEIL(-1.5)", "-1"),),
    ),
    Function(
        "round", "arithmetic", "ROUND(a)", ("double -> double", "decimal(p,s) -> decimal(p-s+1,0)"),
        "The nearest whole number, halves away from zero. To fraction digits: `CAST(a AS decimal(p,s))`.", (("ROUND(-2.5)", "-3"),),
        engines="A second argument is refused: ROUND(1.005, 2) is 1.0 or 1.01.",
    ),
    Function(
        "concat", "text", "a || b", ("string, string -> string",), "One after the other; NULL if one is NULL. Also written `CONCAT(a, b, ...)`.",
        (("'a' || 'b'", "'ab'"),), engines="Always rendered `||`: DuckDB's CONCAT leaves NULLs out.",
    ),
    Function(
        "lower", "text", "LOWER(a)", ("string -> string",), "A to Z become a to z. Other letters stay.", (("LOWER('ÀB')", "'Àb'"),),
        engines="Engines differ outside ASCII: rendered as TRANSLATE of the 26 letters.",
    ),
    Function("upper", "text", "UPPER(a)", ("string -> string",), "a to z become A to Z. Other letters stay.", (("UPPER('straße')", "'STRAßE'"),)),
    Function("length", "text", "LENGTH(a)", ("string -> int",), "How many code points. Also written `CHAR_LENGTH`.", (("LENGTH('é€😀')", "3"),)),
    Function(
        "substring", "text", "SUBSTRING(a, start[, length])", ("string, literal int[, literal int] -> string",),
        "The code points from `start` (from 1), at most `length` (from 0) of them; both are literals. Also written `SUBSTR`.",
        (("SUBSTRING('abcde', 2, 3)", "'bcd'"),), engines="Engines differ from 0 and from the end: refused.",
    ),
    Function("left", "text", "LEFT(a, n)", ("string, literal int -> string",), "The first n code points; n is a literal from 0.", (("LEFT('abc', 2)", "'ab'"),)),
    Function("right", "text", "RIGHT(a, n)", ("string, literal int -> string",), "The last n code points; n is a literal from 0.", (("RIGHT('abc', 2)", "'bc'"),)),
    Function(
        "trim", "text", "TRIM(a)", ("string -> string",), "Without spaces (U+0020 only) at both ends.", (("TRIM('  a b ')", "'a b'"),),
        engines="DuckDB's TRIM takes other white space too: given the space.",
    ),
    Function("ltrim", "text", "LTRIM(a)", ("string -> string",), "Without spaces (U+0020 only) at the start.", (("LTRIM(' a ')", "'a '"),)),
    Function("rtrim", "text", "RTRIM(a)", ("string -> string",), "Without spaces (U+0020 only) at the end.", (("RTRIM(' a ')", "' a'"),)),
    Function(
        "starts_with", "text", "STARTS_WITH(a, b)", ("string, string -> boolean",), "Whether a begins with b.", (("STARTS_WITH('abc', 'ab')", "TRUE"),),
    ),
    Function("ends_with", "text", "ENDS_WITH(a, b)", ("string, string -> boolean",), "Whether a ends with b.", (("ENDS_WITH('abc', 'bc')", "TRUE"),)),
    Function(
        "position", "text", "POSITION(a IN b)", ("string, string -> int",), "Where a first begins in b, in code points from 1; 0 when nowhere; 1 for empty a.",
        (("POSITION('c' IN 'abc')", "3"),),
    ),
    Function(
        "replace", "text", "REPLACE(a, 'from', b)", ("string, literal string, string -> string",),
        "Each `from` becomes b, from the left; `from` is a literal that is not empty.", (("REPLACE('a-b', '-', '+')", "'a+b'"),),
    ),
    Function(
        "regexp_like", "text", "REGEXP_LIKE(a, 'pattern')", ("string, literal string -> boolean",),
        "Whether the pattern is found in a: of RE2's patterns those that mean the same everywhere, `^` and `$` being the very ends.",
        (("REGEXP_LIKE('kiosk-12', '^[a-z]+-[0-9]+$')", "TRUE"),),
        engines="No look-around, back-references, flags, lazy repetition or Unicode classes; `\\d`, `\\w` and `\\s` are ASCII.",
    ),
    Function(
        "extract", "time", "EXTRACT(unit FROM a)", ("unit, date | time | timestamp | timestamptz -> int",),
        "YEAR, QUARTER, MONTH, DAY, DOY, ISODOW (1 is Monday, 7 Sunday), HOUR, MINUTE or SECOND (whole) of a, in UTC.",
        (("EXTRACT(YEAR FROM DATE '2026-03-01')", "2026"), ("EXTRACT(ISODOW FROM DATE '2026-03-01')", "7")),
        engines="DOW is refused: Sunday is 0 or 1.",
    ),
    Function(
        "date_trunc", "time", "DATE_TRUNC('unit', a)", ("unit, date | timestamp | timestamptz -> the same type",),
        "The start of the year, quarter, month, day, hour, minute or second, in UTC.",
        (("DATE_TRUNC('month', DATE '2026-03-15')", "DATE '2026-03-01'"),),
    ),
    Function(
        "timestampdiff", "time", "TIMESTAMPDIFF(unit, a, b)", ("unit, moment, the same moment -> long",),
        "Whole units from a to b (b - a), truncated toward zero: MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, DAY or WEEK; of dates DAY or WEEK.",
        (("TIMESTAMPDIFF(DAY, DATE '2026-01-01', DATE '2026-03-01')", "59"),),
        engines="DuckDB's date_diff counts boundaries: calculated from microseconds.",
    ),
    Function(
        "add_interval", "time", "a + INTERVAL '1' DAY",
        ("date, interval of whole days -> date", "timestamp, interval -> timestamp", "timestamptz, interval -> timestamptz"),
        "Later by that much, or earlier with `-`. A day is 24 hours. Months keep the day of the month, or take the month's last. "
        "A result outside the years 1 to 9999 is an error. An interval is of whole milliseconds.",
        (("DATE '2026-01-31' + INTERVAL '1' MONTH", "DATE '2026-02-28'"), ("DATE '9999-12-31' + INTERVAL '1' DAY", "error")), can_fail=True,
        engines="DuckDB makes a timestamp of a date: cast back.",
    ),
    Function("cardinality", "collection", "CARDINALITY(a)", ("list<T> -> int", "map<string,T> -> int"), "How many elements.", ()),
    Function(
        "array_contains", "collection", "ARRAY_CONTAINS(a, b)", ("list<T>, T -> boolean",),
        "Whether b is an element of a, T being int, long, string, boolean, date or uuid; NULL if a or b is NULL.", (),
    ),
)

# fmt: on
BY_NAME: dict[str, Function] = {f.name: f for f in FUNCTIONS}

WRITTEN_AS_CALLS: dict[str, str] = {
    **{f.name.upper(): f.name for f in FUNCTIONS if f.form.startswith(f.name.upper() + "(")},
    "MOD": "mod",
    "CONCAT": "concat",
    "CEILING": "ceil",
    "SUBSTR": "substring",
    "CHAR_LENGTH": "length",
    "CHARACTER_LENGTH": "length",
}
"""Name as written, upper case -> function."""

EXTRACT_UNITS: tuple[str, ...] = ("year", "quarter", "month", "day", "doy", "isodow", "hour", "minute", "second")
TRUNC_UNITS: tuple[str, ...] = ("year", "quarter", "month", "day", "hour", "minute", "second")
MICROS: dict[str, int] = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
"""Unit of TIMESTAMPDIFF -> microseconds."""

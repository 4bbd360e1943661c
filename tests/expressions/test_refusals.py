# ruff: noqa: RUF001  (letters of other scripts)
"""What is outside the language is refused by name, at its exact place, with a way out."""

import pytest
from both import COLUMNS, SCOPE

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend.expressions import Scope, parse
from tacet_runtime.plan import types as t

BOOLEAN = t.BooleanType()
REFUSED = [
    # text, code, column, words of the message, words of the hint
    ("", "E501", 1, "empty", "write a condition"),
    ("i +", "E501", 3, "cannot be read near `+`", "missing"),
    ("i i", "E501", 3, "no operator between", "operator"),
    ("i = 'a", "E501", 5, "without a closing quote", "''"),
    ("(i = 1", "E501", 1, "`(` is not closed", ")"),
    ("i = 1)", "E501", 6, "closes nothing", "take it out"),
    ("CASE WHEN b THEN 1", "E501", 1, "`CASE` is not closed", "END"),
    ("i IN ()", "E501", 1, "IN without a list", "IN ("),
    ("CAST(i AS)", "E501", 8, "CAST without a type", "CAST(x AS long)"),
    ("b -- c", "E502", 3, "a comment", "doc"),
    ("b /* c */", "E502", 3, "a comment or hint", "doc"),
    ("b /*+ OPTIONS('a'='b') */", "E502", 3, "a comment or hint", "doc"),
    ("b; DROP TABLE t", "E502", 2, "a second statement", "expressions only"),
    ("1=1; SET x = 1", "E502", 4, "a second statement", "expressions only"),
    ("i::long = 1", "E502", 2, "the cast `::`", "CAST(x AS type)"),
    ("i == 1", "E502", 3, "the operator `==`", "write `=`"),
    ("s -> 'a' = 'b'", "E502", 3, "lambda or JSON", "path"),
    ("s ->> 'a' = 'b'", "E502", 3, "JSON operator", "path"),
    ("x -> x + 1", "E502", 3, "lambda", "path"),
    ("i = ?", "E502", 5, "a parameter", "write the value"),
    ("i = :a", "E502", 5, "a parameter", "write the value"),
    ("i = $1", "E502", 5, "a parameter", "write the value"),
    ("i = @a", "E502", 5, "a parameter", "write the value"),
    ("i = {{7*7}}", "E502", 5, "template", "path"),
    ("i = ${x}", "E502", 5, "a parameter", "path starts"),
    ('"i" = 1', "E502", 1, "quoted identifier", "single quotes"),
    ("`i` = 1", "E502", 1, "quoted identifier", "without quotes"),
    ("tags[1] = 'a'", "E502", 5, "element access", "path"),
    ("i ^ 2 = 1", "E502", 3, "`^`", "product"),
    ("s ~ 'a'", "E502", 3, "`~`", "REGEXP_LIKE"),
    ("i = １", "E502", 5, "U+FF11", "ASCII"),
    ("i\u00a0= 1", "E502", 2, "U+00A0", "ASCII"),
    ("i = 1\u202e", "E502", 6, "U+202E", "ASCII"),
    ("s = E'\\n'", "E502", 5, "prefix `E`", "plainly"),
    ("i AS j", "E502", 3, "a name with AS", "contract"),
    ("(SELECT 1) = 1", "E503", 2, "a sub-query", "lookups"),
    ("i IN (SELECT 1)", "E503", 7, "a sub-query", "lookups"),
    ("EXISTS (SELECT 1)", "E503", 1, "a sub-query", "lookups"),
    ("COUNT(i) OVER (PARTITION BY j)", "E503", 10, "a window function", "one row"),
    ("s ILIKE 'a'", "E503", 3, "ILIKE", "LOWER"),
    ("s SIMILAR TO 'a'", "E503", 3, "SIMILAR", "REGEXP_LIKE"),
    ("tz AT TIME ZONE 'UTC' = tz", "E503", 4, "AT TIME ZONE", "UTC"),
    ("i = ANY (1)", "E503", 5, "quantified", "IN"),
    ("(i, j) = (1, 2)", "E503", 2, "a row of values", "AND"),
    ("b IS UNKNOWN", "E503", 6, "IS UNKNOWN", "IS NULL"),
    ("LOWR(s) = 'a'", "E504", 1, "`LOWR`", "did you mean `LOWER`?"),
    ("NOW() > tz", "E504", 1, "the clock is no input", "event time"),
    ("RANDOM() > 0.5", "E504", 1, "same row must give the same value", "field"),
    ("SUM(i) > 1", "E504", 1, "one row", "aggregate"),
    ("TRY_CAST(s, i) = 1", "E504", 1, "CAST never ends a job", "CAST(x AS type)"),
    ("xyzzy(s)", "E504", 1, "no function of the language", "docs/expressions.md"),
    ("tagz IS NULL", "E505", 1, "`tagz` is not known", "did you mean `tags`?"),
    ("title.name = 'a'", "E505", 1, "`title.name`", "known:"),
    ("s = 1", "E506", 3, "string and int do not go together", "CAST(... AS int)"),
    ("1 = s", "E506", 3, "do not go together", "CAST"),
    ("d >= '2026-01-01'", "E506", 3, "date and string", "DATE '2026-01-31'"),
    ("tz > '2026-01-01'", "E506", 4, "timestamptz and string", "TIMESTAMPTZ"),
    ("tz = ts", "E506", 4, "timestamptz and timestamp", "CAST"),
    ("n = x", "E506", 3, "long and double", "CAST(... AS double)"),
    ("m > x", "E506", 3, "do not go together", "CAST(... AS double)"),
    ("i AND b", "E506", 1, "expected boolean, got int", "comparison"),
    ("b > c", "E506", 3, "boolean has no order", "="),
    ("s + u = 'a'", "E506", 3, "text is not added", "||"),
    ("s || i = 'a'", "E506", 6, "expected string, got int", "CAST(... AS string)"),
    ("tz - ty > 1", "E506", 4, "two moments are not subtracted", "TIMESTAMPDIFF"),
    ("d + INTERVAL '1' HOUR = d", "E506", 3, "whole days", "timestamp"),
    ("INTERVAL '1' DAY + d = d", "E506", 1, "on the right", "x + INTERVAL"),
    ("i + INTERVAL '1' DAY = i", "E506", 3, "not to int", "CAST to date or timestamp"),
    ("tags = tags", "E506", 6, "cannot be compared", "fields"),
    ("k = q", "E506", 3, "need 42 digits together", "CAST one"),
    ("LOWER(i) = 'a'", "E506", 7, "expected string, got int", "CAST"),
    ("LOWER(s, u) = 'a'", "E507", 1, "LOWER takes 1 argument, got 2", "write `LOWER(a)`"),
    ("NULLIF(s) = 'a'", "E507", 1, "NULLIF takes 2 arguments, got 1", "write `NULLIF(a, b)`"),
    ("n = 99999999999999999999", "E508", 5, "out of the range of long", "decimal"),
    ("9223372036854775808", "E508", 1, "out of the range of long", "9223372036854775807"),
    ("CAST(9223372036854775808 AS double) = 1", "E508", 6, "out of the range of long", "9223372036854775807"),
    ("n = -(-9223372036854775808)", "E508", 5, "out of the range of long", "9223372036854775807"),
    ("COALESCE(n, 9223372036854775808) = 1", "E508", 13, "out of the range of long", "9223372036854775807"),
    ("CASE WHEN b THEN 9223372036854775808 END = 1", "E508", 18, "out of the range of long", "9223372036854775807"),
    ("x = 1e400", "E508", 5, "larger than any double", "1.797e308"),
    ("i = 010x", "E508", 5, "`010x` is no number", "digits"),
    ("i = 1_000", "E508", 5, "`1_000` is no number", "digits"),
    ("d = DATE '2026-02-29'", "E508", 5, "`2026-02-29` is no date", "DATE"),
    ("ts = TIMESTAMP '0000-01-01 00:00:00'", "E508", 6, "is no timestamp", "TIMESTAMP"),
    ("tz = TIMESTAMPTZ '2026-01-01 00:00:00'", "E508", 6, "is no timestamptz", "Z"),
    ("d + INTERVAL '1' FORTNIGHT = d", "E508", 18, "an interval without a unit", "DAY"),
    ("d + INTERVAL '1.5' DAY = d", "E508", 5, "no number of DAYs", "INTERVAL"),
    ("d + INTERVAL 1 DAY = d", "E508", 14, "stands in quotes", "INTERVAL '1' DAY"),
    ("tz + INTERVAL '99999999' DAY = tz", "E508", 6, "longer than time lasts", "9999"),
    ("s = '\x00'", "E508", 5, "U+0000", "leave it out"),
    ("s = '\ud800'", "E508", 5, "U+D800", "leave it out"),
    ("i", "E509", 1, "expected boolean, got int", "comparison"),
    ("'TRUE'", "E509", 1, "expected boolean, got string", "comparison"),
    ("CAST(x AS string) = 'a'", "E510", 1, "double is not cast to string", "differently"),
    ("CAST(s AS timestamptz) = tz", "E510", 1, "string is not cast to timestamptz", "raw field"),
    ("CAST(i AS VARCHAR) = 'a'", "E510", 11, "`VARCHAR`", "did you mean `string`?"),
    ("CAST(i AS decimal(39,0)) = 1", "E510", 11, "`decimal(39,0)`", "1 to 38"),
    ("CAST(i AS float) = x", "E510", 1, "int is not cast to float", "`CAST(CAST(... AS double) AS float)`"),
    ("CAST(b AS int) = 1", "E510", 1, "boolean is not cast to int", "docs/expressions.md"),
    ("s LIKE u", "E511", 8, "pattern in quotes", "'a%'"),
    ("s LIKE 'a\\%'", "E511", 8, "backslash", "ESCAPE"),
    ("s LIKE 'a!b' ESCAPE '!'", "E511", 8, "stands before something else", "twice"),
    ("s = 'a' ESCAPE '!'", "E511", 5, "ESCAPE belongs to LIKE", "take it out"),
    ("SUBSTRING(s, 0) = ''", "E511", 14, "a constant here, from 1", "number"),
    ("SUBSTRING(s, i) = ''", "E511", 14, "a constant here, from 1", "number"),
    ("LEFT(s, -1) = ''", "E511", 9, "a constant here, from 0", "number"),
    ("REPLACE(s, '', 'a') = ''", "E511", 12, "empty", "write the text"),
    ("REGEXP_LIKE(s, '(?=a)')", "E511", 16, "only plain groups", "docs"),
    (r"REGEXP_LIKE(s, '(a)\1')", "E511", 16, "not portable", "docs"),
    ("REGEXP_LIKE(s, 'a*?')", "E511", 16, "lazy", "docs"),
    (r"REGEXP_LIKE(s, '\pL')", "E511", 16, "not portable", "docs"),
    ("REGEXP_LIKE(s, '[a')", "E511", 16, "not closed", "docs"),
    ("REGEXP_LIKE(s, u)", "E511", 16, "in quotes", "text"),
    ("EXTRACT(DOW FROM d) = 1", "E511", 9, "`DOW` is no unit", "ISODOW"),
    ("EXTRACT(HOUR FROM d) = 1", "E511", 9, "date has no hour", "CAST to timestamp"),
    ("DATE_TRUNC('weak', d) = d", "E511", 12, "`weak` is no unit", "known: year"),
    ("$.type = 'a'", "E513", 1, "in `select` only", "field"),
    ("NULL IS NULL", "E514", 1, "type is not known", "CAST(NULL AS string)"),
    ("COALESCE(NULL, NULL) IS NULL", "E514", 10, "type is not known", "CAST(NULL"),
    ("s < 'b'", "E515", 3, "text has no order", "="),
    ("GREATEST(s, u) = s", "E515", 1, "text has no order", "="),
    ("tz + INTERVAL '0.000001' SECOND = tz", "E515", 4, "part of a millisecond", "whole milliseconds"),
    ("k * k = 1", "E515", 3, "8 fraction digits", "CAST"),
    ("CAST(q AS decimal(38,7)) + 1 = 1", "E515", 26, "7 fraction digits", "CAST"),
    ("m / 2 = 1", "E515", 3, "decimals are not divided", "double"),
    ("ROUND(m, 1) = 1", "E515", 1, "ROUND takes no digits", "CAST"),
]  # fmt: skip


def refused(text, scope=SCOPE, expected=BOOLEAN):
    diagnostics = []
    result = parse(text, lambda at: Span("t", 1, at + 1), scope, diagnostics, expected)
    assert result is None, text
    (diagnostic,) = diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("text", "code", "column", "message", "hint"), REFUSED, ids=[ascii(r[0])[:60] for r in REFUSED]
)
def test_it_is_refused_by_name_at_its_place(text, code, column, message, hint):
    diagnostic = refused(text)
    assert (diagnostic.code, diagnostic.span.col) == (code, column), diagnostic
    assert message in diagnostic.message
    assert hint in diagnostic.hint


def test_paths_stand_in_select_only_and_take_their_type_from_what_they_are_compared_with():
    paths = Scope({}, paths=True)
    assert refused("$.a IS NULL", paths).code == "E513"
    assert refused("$.a = $.b", paths).code == "E513"
    assert refused("$item.a = 1", paths).code == "E513"
    assert refused("$.a = DATE '2026-01-01'", paths).code == "E513"
    assert refused("type = 'a'", paths).hint == "write a path: `$.type`"
    expression = parse(
        "$.a = 1 AND $.\"b c\" = 'x' AND $.d > 0.5 AND $.e", lambda at: Span("t", 1, at + 1), paths, [], BOOLEAN
    )
    assert [type(c.args[0].type) for c in expression.args[:3]] == [t.LongType, t.StringType, t.DoubleType]
    assert expression.args[3].type == BOOLEAN


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "b" + ")" * 200,
        "NOT " * 200 + "b",
        "- " * 200 + "i = 1",
        "i = " + "1 + " * 200 + "1",
        "CASE WHEN " * 100 + "b" + " THEN b END" * 100,
        "LOWER(" * 100 + "s" + ")" * 100,
    ],
)
def test_what_is_nested_too_deep_is_refused(text):
    assert refused(text).code == "E512"


def test_a_text_that_is_too_long_is_refused():
    assert refused("b" + " " * 70_000).code == "E512"


def test_a_simple_case_cannot_be_nested_into_an_explosion():
    inner = "i"
    for _ in range(12):
        inner = f"CASE {inner} WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 4 THEN 4 END"
    assert refused(f"{inner} = 1").code == "E512"


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_hundreds_of_conditions_are_read_evaluated_and_run(count):
    from both import Table, interpreted, same, typed

    expression = typed(" AND ".join(f"(i <> {k} OR j + {k} > 0)" for k in range(count)))
    rows = [{"i": 5, "j": 1}, {"i": 5, "j": -10}, {"i": 5, "j": 2**31 - 1}, {}]
    assert same(interpreted(expression, rows), Table(rows).run(expression))


def test_a_chain_of_a_thousand_refused_sums_is_one_diagnostic():
    assert refused(" + ".join(["i"] * 1000)).code == "E512"


def test_columns_may_be_called_like_words_of_sql():
    scope = Scope(
        {
            "date": t.DateType(),
            "time": t.TimeType(),
            "left": t.IntType(),
            "at": t.IntType(),
            "all": t.IntType(),
            "interval": t.IntType(),
        }
    )
    expression = parse(
        "date = DATE '2026-01-01' AND left + at = all AND interval = 1 AND LEFT('ab', 1) = 'a'",
        lambda at: Span("t", 1, at + 1),
        scope,
        [],
    )
    assert expression is not None


def test_int_is_widened_to_what_is_expected_and_never_narrowed():
    def read(text, expected):
        return parse(text, lambda at: Span("t", 1, at + 1), SCOPE, [], expected)

    assert read("i", t.LongType()).type == t.LongType()
    assert read("i", t.DecimalType(12, 2)).type == t.DecimalType(12, 2)
    assert read("NULL", t.StringType()).type == t.StringType()
    assert read("n", t.IntType()) is None
    assert read("x", t.FloatType()) is None


def test_every_column_has_a_name_that_can_be_written():
    assert all(parse(name, lambda at: Span("t", 1, at + 1), SCOPE, []) for name in COLUMNS)

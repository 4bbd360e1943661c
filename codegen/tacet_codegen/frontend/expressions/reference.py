"""docs/expressions.md, written from the table of functions, the table of casts and the list of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.plan.casts import MEANINGS
from tacet_runtime.plan.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_runtime.plan.functions import Function

_GROUPS = {
    "logic": "Logic",
    "comparison": "Comparison",
    "choice": "Choice",
    "arithmetic": "Numbers",
    "text": "Text",
    "time": "Time",
    "collection": "Lists and maps",
}
_HEAD = """# Expressions

`check`, `drop_when`, `when`, `set`, `required_when`, `expr` and `select` hold an expression: a subset of SQL with one
meaning on every engine. This page is written from the tables in `runtime/tacet_runtime/plan/functions.py` and
`casts.py`; each example is run by a test, and each line of the tables on the interpreter and on DuckDB.

## Values

| written | type |
|---|---|
| `42`, `-7` | int; long when it does not fit; beside a long, decimal or double it takes that type |
| `1.50` | decimal of the digits written; beside a double it is a double |
| `1.5e0` | double |
| `'text'`, a quote is `''` | string |
| `TRUE`, `FALSE` | boolean |
| `NULL` | the type of what it stands beside; alone `CAST(NULL AS string)` |
| `DATE '2026-01-31'` | date |
| `TIME '23:59:59.999999'` | time |
| `TIMESTAMP '2026-01-31 23:59:59'` | timestamp |
| `TIMESTAMPTZ '2026-01-31 23:59:59Z'` | timestamptz; an offset is turned into UTC |
| `INTERVAL '1' DAY` | a span: YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND; beside `+` and `-` only |
| `quantity`, `market.currency` | a field of the row, a column of a lookup |
| `$.type` | a value of the message, in `select` only: text, a number or a boolean, as what it is compared with; NULL when it is absent or of another type |

All time is UTC, a day has 24 hours, years go from 1 to 9999.

## Rules

- **Three-valued.** NULL is no value; an operation over NULL is NULL unless its line says otherwise.
- **Nothing is converted silently**, except where no value can change: int to long, int and long to a decimal that holds
  them, int and float to double. `int = string` is refused, with the CAST to write.
- **An operation that fails is NULL where it stands**, and the row says `expression_error`: out of range, division by
  zero, a CAST of what cannot be cast. It never ends a job. `AND` and `OR` evaluate both sides, so a failure on either
  is seen; CASE and COALESCE evaluate only what they need.
- **An int stays an int**: `int + int` out of range is an error, not a long. CAST one side to calculate wider.
- Floats are calculated as doubles. No result is infinite or NaN: that is an error.
"""
_TAIL = """
## Patterns

`REGEXP_LIKE` takes what RE2, java.util.regex and Python read alike: characters, `.`, classes `[a-z]`, groups `(...)` and
`(?:...)`, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$` for the very ends, `\\d`, `\\w`, `\\s` in ASCII, and a backslash before
punctuation. At most 512 characters. Everything else is refused: look-around, back-references, flags, lazy repetition,
`\\b`, `\\p{...}`.

## Refused, by name

Sub-queries, window functions and aggregates, parameters, comments and hints, `;`, quoted identifiers, `::`, `==`, ILIKE,
SIMILAR TO, JSON operators, lambdas, element access, AT TIME ZONE, functions that ask the clock or chance, and functions
whose last digit differs between machines (SQRT, EXP, LN, POWER). Text has no `<`: engines order it differently. A double
is not written as text, and decimals are not divided: CAST them to double or long first. An expression has at most 65,536
characters, 64 levels and 10,000 parts.
"""


def markdown() -> str:
    """Return the page."""
    return "".join([_HEAD, *_groups(), *_casts(), _TAIL])


def _groups() -> Iterator[str]:
    for group, title in _GROUPS.items():
        yield f"\n## {title}\n\n| form | takes and gives | meaning | examples |\n|---|---|---|---|\n"
        for function in FUNCTIONS:
            if function.group == group:
                yield _row(function)


def _row(function: Function) -> str:
    signatures = "<br>".join(f"`{s}`" for s in function.signatures)
    examples = "<br>".join(
        f"`{written}` is {'an error' if value == 'error' else f'`{value}`'}" for written, value in function.examples
    )
    meaning = function.meaning + (f" *{function.engines}*" if function.engines else "")
    cells = (f"`{function.form}`", signatures, meaning, examples)
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |\n"


def _casts() -> Iterator[str]:
    yield "\n## CAST\n\n| `CAST(a AS type)` | meaning |\n|---|---|\n"
    for types, meaning in MEANINGS:
        yield f"| {types.replace('<', '&lt;')} | {meaning} |\n"

"""Text -> tokens with exact positions, refusing by name what is no part of the language before any parser sees it.

The parser (`syntax.py`) is given names only: each literal, column and path is replaced by a placeholder, so that no
text of a contract ever reaches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tacet_codegen.frontend.expressions.problems import Refused

MAX_TEXT = 65_536
MAX_NESTING = 64

Kind: TypeAlias = Literal["name", "number", "string", "path", "operator", "word"]

WORDS = frozenset(
    "AND OR NOT IS NULL TRUE FALSE IN BETWEEN LIKE ESCAPE CASE WHEN THEN ELSE END AS DISTINCT FROM".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the text: `at` and `end` are offsets in it; `value` is what a string says, unescaped."""

    kind: Kind
    text: str
    at: int
    end: int
    value: str = ""


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<path>\$(?:item|index)?(?:\.(?:[A-Za-z_][A-Za-z0-9_-]*|"(?:[^"\\]|\\.)*"))*)
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<string>'(?:[^']|'')*')
    |(?P<operator>--|/\*|::|:=|->>?|=>|==|<=>|<>|!=|<=|>=|\|\||!~~?|~~|&&|@>|<@|[-+*/%=<>(),])
    """,
    re.VERBOSE | re.DOTALL,
)
_REFUSED_OPERATORS = {
    "--": ("a comment", "move it to `doc`"),
    "/*": ("a comment or hint", "move it to `doc`"),
    "::": ("the cast `::`", "write `CAST(x AS type)`"),
    ":=": ("an assignment `:=`", "write `=` to compare"),
    "->": ("a lambda or JSON operator `->`", "extract the value as a field of its own, with a `path`"),
    "->>": ("the JSON operator `->>`", "extract the value as a field of its own, with a `path`"),
    "=>": ("a named argument `=>`", "give the arguments in their order"),
    "==": ("the operator `==`", "write `=`"),
    "<=>": ("the operator `<=>`", "write `IS NOT DISTINCT FROM`"),
    "&&": ("the operator `&&`", "write `AND`"),
    "@>": ("the operator `@>`", "write `ARRAY_CONTAINS(list, value)`"),
    "<@": ("the operator `<@`", "write `ARRAY_CONTAINS(list, value)`"),
}
_REFUSED_CHARACTERS = {
    ";": ("a second statement `;`", "a contract holds expressions only"),
    "?": ("a parameter `?`", "write the value"),
    ":": ("a parameter `:`", "write the value"),
    "@": ("a parameter `@`", "write the value"),
    "$": ("a parameter `$`", "write the value; a path starts with `$.`"),
    '"': ("a quoted identifier", "write the field's name without quotes; text stands in single quotes"),
    "`": ("a quoted identifier", "write the field's name without quotes"),
    "[": ("an element access `[`", "extract the value as a field of its own, with a `path`"),
    "{": ("a struct or template `{`", "extract the value as a field of its own, with a `path`"),
    "~": ("the operator `~`", "write `REGEXP_LIKE(text, 'pattern')`"),
    "|": ("the operator `|`", "text is joined with `||`"),
    "&": ("the operator `&`", "write `AND`"),
    "!": ("the operator `!`", "write `NOT`"),
    "^": ("the operator `^`", "write the product"),
    ".": ("a number or name that starts with `.`", "write `0.5`"),
}


def scan(text: str) -> tuple[Token, ...]:
    """Split the text. Raises Refused at the first thing that is no part of the language."""
    if len(text) > MAX_TEXT:
        raise Refused("E512", f"an expression of {len(text):,} characters, more than {MAX_TEXT:,}", 0, "split it up")
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _stray(text, at)
        at = match.end()
        if match.lastgroup != "space":
            tokens.append(_token(match, text))
    if not tokens:
        raise Refused("E501", "an empty expression", 0, "write a condition or a value")
    return tuple(tokens)


def _token(match: re.Match[str], text: str) -> Token:
    kind, word, at, end = match.lastgroup or "", match.group(), match.start(), match.end()
    following = text[end : end + 1]
    match kind:
        case "operator":
            return _operator(word, at, end)
        case "number":
            if following.isalnum() or following in {"_", "."}:
                raise Refused("E508", f"`{_word(text, at)}` is no number", at, "write digits, `0.5` or `1e3`")
            return Token("number", word, at, end)
        case "string":
            return Token("string", word, at, end, _content(word, at))
        case "path":
            if word == "$" or following.isalnum():
                raise Refused("E502", "a parameter `$` is not in the language", at, _REFUSED_CHARACTERS["$"][1])
            return Token("path", word, at, end)
        case _:
            if (
                following == "'"
                and word.upper() not in {"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL"} | WORDS
            ):
                raise Refused(
                    "E502", f"a string with the prefix `{word}` is not in the language", at, "write it plainly: 'text'"
                )
            return Token("word" if word.upper() in WORDS else "name", word, at, end)


def _operator(word: str, at: int, end: int) -> Token:
    if word in _REFUSED_OPERATORS or "~" in word:
        what, hint = _REFUSED_OPERATORS.get(word, (f"the operator `{word}`", "write `LIKE` or `REGEXP_LIKE`"))
        raise Refused("E502", f"{what} is not in the language", at, hint)
    return Token("operator", word, at, end)


def _content(word: str, at: int) -> str:
    content = word[1:-1].replace("''", "'")
    for character in content:
        if character == "\0" or 0xD800 <= ord(character) <= 0xDFFF:
            raise Refused("E508", f"U+{ord(character):04X} cannot stand in text", at, "leave it out")
    return content


def _stray(text: str, at: int) -> Refused:
    character = text[at]
    if character == "'":
        return Refused("E501", "text without a closing quote", at, "close it with `'`; a quote in text is written `''`")
    if character in _REFUSED_CHARACTERS:
        what, hint = _REFUSED_CHARACTERS[character]
        return Refused("E502", f"{what} is not in the language", at, hint)
    return Refused(
        "E502",
        f"the character U+{ord(character):04X} is not in the language",
        at,
        "names and operators are ASCII; other characters stand in text: 'é'",
    )


def _word(text: str, at: int) -> str:
    found = re.compile(r"[\w.]+").match(text, at)
    return found.group() if found else text[at]

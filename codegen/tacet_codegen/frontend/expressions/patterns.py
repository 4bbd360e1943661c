"""Regular expressions that mean the same in RE2, java.util.regex and Python: a subset, rewritten in its plainest form."""

from __future__ import annotations

import re

from tacet_codegen.frontend.expressions.problems import Refused

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROL = {"t": r"\t", "n": r"\n", "r": r"\r", "f": r"\f"}
_SPECIAL = frozenset(r"\.[]{}()*+?^$|-/")
_PART = re.compile(
    r"\\(?P<escape>.)|(?P<klass>\[\^?)|(?P<group>\((?:\?:)?)|(?P<count>\{[0-9]{1,3}(?:,[0-9]{0,3})?\})|(?P<plain>.)",
    re.DOTALL,
)
MAX_PATTERN = 512
MAX_GROUPS = 32


def portable(pattern: str, at: int) -> str:
    r"""Return the pattern with `\d`, `\w`, `\s` and `.` written out. Raises Refused at `at` for all that engines differ on."""
    try:
        text = _rewrite(pattern)
        re.compile(text, re.ASCII)
    except (_Unportable, re.error) as error:
        raise Refused(
            "E511", f"the pattern cannot be used: {error}", at, "see docs/expressions.md for what a pattern may hold"
        ) from None
    return text


class _Unportable(Exception):  # noqa: N818
    """Says what is wrong with a pattern."""


def _rewrite(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        raise _Unportable(f"more than {MAX_PATTERN} characters")
    out: list[str] = []
    at, repeatable, groups = 0, False, 0
    while at < len(pattern):
        match = _PART.match(pattern, at)
        if match is None:
            raise _Unportable("it ends too early")
        part, at = match.group(), match.end()
        match match.lastgroup:
            case "escape":
                out.append(_escaped(part[1]))
                repeatable = True
            case "klass":
                text, at = _class(pattern, at)
                out.append(part + text + "]")
                repeatable = True
            case "group":
                groups += 1
                if pattern[at : at + 1] == "?" or groups > MAX_GROUPS:
                    raise _Unportable("only plain groups `(...)` and `(?:...)`, at most 32")
                out.append("(?:")
                repeatable = False
            case "count":
                repeatable = _repeat(part, repeatable=repeatable, out=out)
            case _:
                repeatable = _plain(part, repeatable=repeatable, out=out)
    return "".join(out)


def _plain(part: str, *, repeatable: bool, out: list[str]) -> bool:
    if part in "*+?":
        return _repeat(part, repeatable=repeatable, out=out)
    if part in "\\{}]":
        raise _Unportable(f"`{part}` stands alone; write `\\{part}` to mean itself")
    out.append({".": r"[^\n]"}.get(part, part))
    return part not in "^$|"


def _repeat(part: str, *, repeatable: bool, out: list[str]) -> bool:
    if not repeatable:
        raise _Unportable(f"`{part}` repeats nothing, or a repetition (lazy and possessive ones are not portable)")
    out.append(part)
    return False


def _escaped(character: str) -> str:
    if character in _CLASSES:
        return f"[{_CLASSES[character]}]"
    if character in _CONTROL:
        return _CONTROL[character]
    if character in _SPECIAL:
        return "\\" + character if character not in "-/" else character
    raise _Unportable(f"`\\{character}` is not portable")


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Read up to the closing bracket; returns what stands inside, rewritten, and the offset behind it."""
    out: list[str] = []
    while at < len(pattern):
        character = pattern[at]
        if character == "]":
            if not out:
                raise _Unportable("an empty class `[]`")
            return "".join(out), at + 1
        if character == "\\" and at + 1 < len(pattern):
            out.append(_in_class(pattern[at + 1]))
            at += 2
            continue
        if character in "[&~^" or (character == "-" and (not out or pattern[at + 1 : at + 2] in {"]", "-", "\\"})):
            raise _Unportable(f"`{character}` in a class; write `\\{character}` to mean itself")
        out.append(character)
        at += 1
    raise _Unportable("a class that is not closed")


def _in_class(character: str) -> str:
    if character in _CLASSES:
        return _CLASSES[character]
    if character in _CONTROL:
        return _CONTROL[character]
    if character in _SPECIAL or character in "&~":
        return "\\" + character
    raise _Unportable(f"`\\{character}` is not portable")

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
_PARTS = re.compile(r"(?P<klass>\[(?:[^\]\\]|\\.)*\])|" + _PART.pattern.replace("(?P<klass>\\[\\^?)|", ""), re.DOTALL)
"""The parts of a rewritten pattern, each class as one."""
MAX_PATTERN = 512
MAX_REPEATS = 1000
MAX_SIZE = 10_000
MAX_GROUPS = 32


def portable(pattern: str, at: int) -> str:
    r"""Return the pattern with `\d`, `\w`, `\s` and `.` written out. Raises Refused at `at` for all that engines differ on."""
    try:
        text = _rewrite(pattern)
        re.compile(text, re.ASCII)
    except (Unportable, re.error) as error:
        raise Refused(
            "E511", f"the pattern cannot be used: {error}", at, "see docs/expressions.md for what a pattern may hold"
        ) from None
    return text


class Unportable(Exception):  # noqa: N818
    """Says what is wrong with a pattern."""


def whole(pattern: str) -> str:
    """Return a pattern that is matched against the whole of a value, rewritten. Raises Unportable."""
    text = _rewrite(pattern)
    if any(match["plain"] in {"^", "$"} for match in _PARTS.finditer(text)):
        raise Unportable("`^` and `$` are not needed: the whole value must match")
    try:
        re.compile(text, re.ASCII)
    except re.error as error:
        raise Unportable(str(error)) from error
    return text


def _rewrite(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        raise Unportable(f"more than {MAX_PATTERN} characters")
    out: list[str] = []
    at, repeatable, groups = 0, False, 0
    while at < len(pattern):
        match = _PART.match(pattern, at)
        if match is None:
            raise Unportable("it ends too early")
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
                    raise Unportable("only plain groups `(...)` and `(?:...)`, at most 32")
                out.append("(?:")
                repeatable = False
            case "count":
                repeatable = _repeat(part, repeatable=repeatable, out=out)
            case _:
                repeatable = _plain(part, repeatable=repeatable, out=out)
    text = "".join(out)
    _bounded(text)
    return text


def _bounded(text: str) -> None:
    """Refuse what RE2 will not compile: more than 1,000 repetitions of one thing, or too large when written out."""
    stack: list[tuple[int, int]] = [(1, 0)]  # of each open group: most repetitions in it, its size
    last = (1, 0)
    for match in _PARTS.finditer(text):
        part = match.group()
        if match["group"]:
            stack.append((1, 0))
            continue
        if match["count"]:
            times = max(int(n) for n in part.strip("{}").split(",") if n)
            repeats, size = last[0] * max(times, 1), last[1] * max(times - 1, 0)
        elif part == ")" and len(stack) > 1:
            repeats, size = stack.pop()
        else:
            repeats, size = 1, 1
        last = (repeats, size)
        stack[-1] = (max(stack[-1][0], repeats), stack[-1][1] + size)
        if repeats > MAX_REPEATS or stack[-1][1] > MAX_SIZE:
            raise Unportable("its counts multiply to more than an engine takes")


def _plain(part: str, *, repeatable: bool, out: list[str]) -> bool:
    if part in "*+?":
        return _repeat(part, repeatable=repeatable, out=out)
    if part in "\\{}]":
        raise Unportable(f"`{part}` stands alone; write `\\{part}` to mean itself")
    out.append({".": r"[^\n]"}.get(part, part))
    return part not in "^$|"


def _repeat(part: str, *, repeatable: bool, out: list[str]) -> bool:
    if not repeatable:
        raise Unportable(f"`{part}` repeats nothing, or a repetition (lazy and possessive ones are not portable)")
    out.append(part)
    return False


def _escaped(character: str) -> str:
    if character in _CLASSES:
        return f"[{_CLASSES[character]}]"
    if character in _CONTROL:
        return _CONTROL[character]
    if character in _SPECIAL:
        return "\\" + character if character not in "-/" else character
    raise Unportable(f"`\\{character}` is not portable")


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Read up to the closing bracket; returns what stands inside, rewritten, and the offset behind it."""
    out: list[str] = []
    while at < len(pattern):
        character = pattern[at]
        if character == "]":
            if not out:
                raise Unportable("an empty class `[]`")
            return "".join(out), at + 1
        if character == "\\" and at + 1 < len(pattern):
            out.append(_in_class(pattern[at + 1]))
            at += 2
            continue
        if character in "[&~^" or (character == "-" and (not out or pattern[at + 1 : at + 2] in {"]", "-", "\\"})):
            raise Unportable(f"`{character}` in a class; write `\\{character}` to mean itself")
        out.append(character)
        at += 1
    raise Unportable("a class that is not closed")


def _in_class(character: str) -> str:
    if character in _CLASSES:
        return _CLASSES[character]
    if character in _CONTROL:
        return _CONTROL[character]
    if character in _SPECIAL or character in "&~":
        return "\\" + character
    raise Unportable(f"`\\{character}` is not portable")

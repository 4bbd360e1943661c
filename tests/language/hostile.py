"""Hostile text, and a way to put it into every position of a repository: keys, values, what stands quoted inside of them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tacet_codegen import frontend

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tacet_codegen.diagnostics import Diagnostic

CANARY = "canary-fired"
"""What every payload would make in the working folder, if anything ever ran it."""
_PAYLOAD = f"__import__('os').mkdir('{CANARY}')"

STRINGS = (
    f'x"""\nimport os; os.mkdir("{CANARY}")\n"""', f"'''\n{_PAYLOAD}\n'''", f'"); {_PAYLOAD} #', f"'+{_PAYLOAD}+'", f"{{{_PAYLOAD}}}",
    f"\n{_PAYLOAD}\n#", "trailing \\", "\\", "\\\\'", "a\rb", "a\nb", "a\u2028b", "a\u0085b", "a\x0cb", "a\x00b", "a\x1bb", "a\u202eb",
    "'; DROP TABLE t; --", "'", "''", '"', "`", "``` x", "*/", "/*+ OPTIONS() */", "--", "1=1; SET memory_limit='1GB'", "ADD JAR x",
    "COPY (SELECT 1) TO 'canary-fired'", "{{7*7}}", "{% raw %}", "${x}", "${env:HOME}", "%(x)s", "%s%n", "{0.__class__}", "\\N{DASH}", "\\u0041",
    "class", "None", "__init__", "self", "print", "msgspec", "Struct", "true", "no", "010", "1_000", "2026-01-01", "~", "x", "X",
    "\uff58\uff59", "\u00e9", "e\u0301", "\u65e5\u672c", "\U0001f600", "\ufeffx", "\u200bx", "\xa0", " ", " x ",
    "../../x", "/etc/x", "..", "CON", "a/b", "C:\\x", "x" * 300, "x" * 70_000, "NaN", "-0.0", "9223372036854775808", "1e400",
    "<script>alert(1)</script>", "<!-- x", "[x](javascript:alert(1))", "| a | b |", "# x", "&lt;", "![x](http://example.invalid/)", "http://example.invalid/",
    "\t", "", "*", "$", "$.x", "$item.x", "$index", "?", "[", "{", "null", ">=1.0.0", "0%", "101%", "1m", "day(at)", "bucket(0, sku)",
    "string", "list<string>", "struct{a: int}", "1.0.0", "v1", "W701", "(?=x)", "(a|b)*c", "[a-z]+", "x{1,1000}",
)  # fmt: skip
"""Each goes into every position. Texts that are right somewhere are among them: what is accepted is then built and run."""

RAW = (
    "!!python/object/apply:os.system ['touch canary-fired']", "!x y", "&a x", "*a", "<<: {a: b}", "{a: 1, a: 2}", "[[[[", "]", "}", ": :", "- - -",
    "'unclosed", '"unclosed', "|\n  a\n b", "x\n---\ny", "%YAML 1.1", "? x", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "\x00", "\x07", "\u2028", "\ufeff",
    "[" * 2_000, "{a: " * 2_000, '"\\ud800"', '"\\x00"', '"\\u202e"', "no", "010", "0x1F", "1_000", "1.10", "2026-01-01", "12:30:45", ".inf", "null", "",
)  # fmt: skip
"""Put in as they are, without quotes: what the YAML reader has to stand."""

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_STEP = re.compile(r'\."([^"]*)"')


@dataclass(frozen=True)
class Position:
    """A scalar of one file: where it stands in the text, and its path there with free names as `*`."""

    file: str
    start: int
    end: int
    path: str
    inside: str = ""
    """A text with `%` where the hostile one goes, for a position inside of an expression or a path."""

    def text(self, hostile: str) -> str:
        if not self.inside:
            return quoted(hostile)
        doubled = hostile.replace("'", "''") if "'%'" in self.inside else hostile
        return quoted(self.inside.replace("%", doubled))


def quoted(text: str) -> str:
    """Write text as a double-quoted scalar of YAML."""
    return "".join(c if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in json.dumps(text, ensure_ascii=False)) if any(
        ord(c) > 0xFFFF for c in text
    ) else json.dumps(text, ensure_ascii=True)  # fmt: skip


_FREE = {
    "fields",
    "rules",
    "filters",
    "corrections",
    "lookups",
    "agreements",
    "alerts",
    "omits",
    "versions",
    "set",
    "on",
}


def positions(root: Path) -> list[Position]:
    """Return one position of each kind: all scalars of all contracts, less those that differ in free names only."""
    found: dict[tuple[str, str], Position] = {}
    for path in sorted((root / "contracts").rglob("*.yaml")):
        file = path.relative_to(root).as_posix()
        kind = "/".join(file.split("/")[1:3]) + ("/producers" if "producers" in file else "")
        for position in _scalars(path.read_text(), file):
            found.setdefault((kind, position.path), position)
    return list(found.values())


def _scalars(text: str, file: str) -> Iterable[Position]:
    stack: list[list] = []  # [is mapping, key or None, own name, free]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            _done(stack)
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append([isinstance(event, yaml.MappingStartEvent), None, _name(stack)])
        elif isinstance(event, yaml.ScalarEvent):
            start, end = event.start_mark.index, event.end_mark.index
            if event.style in {"|", ">"}:
                end = len(text[:end].rstrip("\n"))
            if stack and stack[-1][0] and stack[-1][1] is None:
                key = "*" if stack[-1][2] in _FREE else event.value
                yield Position(file, start, end, "/".join([*_path(stack), f"{key}:key"]))
                stack[-1][1] = key if key != "*" else f"*{_kind(text[end:])}"
                stack[-1].append(event.value)
                continue
            path = "/".join(_path(stack))
            yield Position(file, start, end, path)
            if match := _LITERAL.search(event.value):
                inside = event.value.replace("%", "")
                match = _LITERAL.search(inside)
                yield Position(
                    file, start, end, f"{path}/literal", inside[: match.start()] + "'%'" + inside[match.end() :]
                )
            if match := _STEP.search(event.value):
                yield Position(
                    file, start, end, f"{path}/step", event.value[: match.start()] + '."%"' + event.value[match.end() :]
                )
            _done(stack)


def _kind(rest: str) -> str:
    """Tell fields of different types apart: what is a number for one is none for another."""
    match = re.match(r':\s*\{?\s*type:\s*"?([a-z]+)', rest)
    return f"<{match[1]}>" if match else ""


def _name(stack: list[list]) -> str | None:
    return stack[-1][1] if stack else None


def _done(stack: list[list]) -> None:
    if stack:
        stack[-1][1] = None


def _path(stack: list[list]) -> list[str]:
    return [str(frame[1]) if frame[0] else "[]" for frame in stack if not frame[0] or frame[1] is not None]


def substituted(
    root: Path, work: Path, chosen: Iterable[Position], texts: Iterable[str]
) -> dict[str, list[tuple[Position, int, int]]]:
    """Write the files of `root` with the texts in them into `work`; return where each begins now, as (line, column) from 1, by file."""
    by_file: dict[str, list[tuple[Position, str]]] = {}
    for position, text in zip(chosen, texts, strict=True):
        by_file.setdefault(position.file, []).append((position, text))
    places: dict[str, list[tuple[Position, int, int]]] = {}
    for file, changes in by_file.items():
        original = (root / file).read_text()
        new, at = "", 0
        for position, text in sorted(changes, key=lambda c: c[0].start):
            new += original[at : position.start]
            at = position.end
            line = new.count("\n") + 1
            places.setdefault(file, []).append((position, line, len(new) - new.rfind("\n")))
            new += text
        (work / file).write_bytes((new + original[at:]).encode("utf-8", "surrogatepass"))
    return places


def accepted(root: Path, work: Path, texts: dict[Position, str]) -> dict[Position, str]:
    """Return what is accepted of texts for positions, all tried at once; the rest is refused, each with a diagnostic.

    Leaves the repository with all of the accepted ones in `work`. Where a whole scalar is refused, the text is tried
    inside of it. Raises when refusing says nothing.
    """
    whole = {p: t for p, t in texts.items() if not p.inside}
    kept = _settled(root, work, whole, {})
    taken = {(p.file, p.start) for p in kept}
    inside = {p: t for p, t in texts.items() if p.inside and (p.file, p.start) not in taken}
    return _settled(root, work, _apart(inside), kept)


def _settled(root: Path, work: Path, texts: dict[Position, str], kept: dict[Position, str]) -> dict[Position, str]:
    left = dict(texts)
    while True:
        places, found = _tried(root, work, kept | left)
        errors = [d for d in found if d.severity == "error"]
        if not errors:
            return kept | left
        refused = _named(places, errors, left) or {p for p in left if _alone(root, work, p, left[p])}
        refused = refused or _last(root, work, left, kept)
        left = {p: t for p, t in left.items() if p not in refused}


def _last(root: Path, work: Path, left: dict[Position, str], kept: dict[Position, str]) -> set[Position]:
    """Return the first position that is refused only together with those before it."""
    tried = dict(kept)
    for position, text in left.items():
        tried[position] = text
        if any(d.severity == "error" for d in _tried(root, work, tried)[1]):
            return {position}
    raise AssertionError("refused, and none of the texts is the reason")


def _tried(root: Path, work: Path, texts: dict[Position, str]):
    if not work.exists():
        shutil.copytree(root, work)
    for position in POSITION_FILES.pop(work, ()):
        shutil.copyfile(root / position, work / position)
    POSITION_FILES[work] = {p.file for p in texts}
    places = substituted(root, work, list(texts), [p.text(t) for p, t in texts.items()])
    return places, frontend.load(work / "contracts").diagnostics


POSITION_FILES: dict[Path, set[str]] = {}
"""Files of a working copy that are not as they were."""


def _named(places, errors: list[Diagnostic], left: dict[Position, str]) -> set[Position]:
    """Return the positions that an error points at: the last one on its line that begins before it."""
    refused = set()
    for error in errors:
        before = [
            p for p, line, col in places.get(error.span.file, ()) if line == error.span.line and col <= error.span.col
        ]
        refused |= {p for p in before[-1:] if p in left}
    return refused


def _alone(root: Path, work: Path, position: Position, text: str) -> bool:
    return any(d.severity == "error" for d in _tried(root, work, {position: text})[1])


def _apart(texts: dict[Position, str]) -> dict[Position, str]:
    """Drop positions in a scalar that one before them is in, too."""
    taken: set[tuple[str, int]] = set()
    return {p: t for p, t in texts.items() if (p.file, p.start) not in taken and not taken.add((p.file, p.start))}

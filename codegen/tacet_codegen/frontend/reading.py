"""Small readers shared by every kind of contract: keys, names, closed words, numbers, dates, shares, durations.

Each returns the value or None, and says what is wrong; the caller goes on, so that all problems come at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tacet_codegen.diagnostics import Diagnostic
from tacet_codegen.frontend.nodes import Mapping, Node, Scalar, Sequence
from tacet_codegen.frontend.reserved import reserved_by
from tacet_codegen.ir.model import Version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tacet_codegen.diagnostics import Span

_Word = TypeVar("_Word", bound=str)

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_DURATION = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one mapping of the language: key -> what it is, in one line (the published schema has the same)."""

    required: dict[str, str]
    optional: dict[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Return all keys, required ones first."""
        return [*self.required, *self.optional]


@dataclass(slots=True)
class Problems:
    """The list that every reader adds to."""

    found: list[Diagnostic] = field(default_factory=list)
    _counted: int = 0
    _errors: int = 0

    def add(self, code: str, message: str, span: Span, hint: str) -> None:
        """Add an error."""
        self.found.append(Diagnostic(code, "error", message, span, hint))

    @property
    def errors(self) -> int:
        """Return how many errors there are so far (each is counted once, or a broken repository takes for ever)."""
        self._errors += sum(d.severity == "error" for d in self.found[self._counted :])
        self._counted = len(self.found)
        return self._errors


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a hint: the nearest known word, else `otherwise`."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else otherwise


def cut(text: str) -> str:
    """Shorten a value that a message quotes."""
    return text if len(text) <= 80 else text[:77] + "..."


def quote(text: str) -> str:
    """Return the hint for a scalar that YAML would retype."""
    return f'quote it: "{cut(text)}"'


def kind_of(node: Node) -> str:
    """Name a node's shape for a message."""
    match node:
        case Scalar():
            return f"text `{cut(node.value)}`" if node.value else "nothing"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"


@dataclass(slots=True)
class Keys:
    """The values of a mapping by key, after its keys were compared with a Shape."""

    values: dict[str, Node]
    names: dict[str, Scalar]
    span: Span

    def get(self, key: str) -> Node | None:
        """Return the value, or None."""
        return self.values.get(key)


def keys(node: Node | None, shape: Shape, what: str, problems: Problems) -> Keys | None:
    """Read a mapping with known keys; None when it is no mapping."""
    if node is None:
        return None
    if not isinstance(node, Mapping):
        example = f"{{{', '.join(f'{k}: ...' for k in list(shape.required)[:3] or shape.keys[:2])}}}"
        problems.add("E203", f"{what}: expected a mapping, got {kind_of(node)}", node.span, f"write `{example}`")
        return None
    found = Keys({}, {}, node.span)
    hints: set[str] = set()
    for key, value in node.items:
        if key.value in shape.required or key.value in shape.optional:
            found.values[key.value], found.names[key.value] = value, key
        else:
            hint = did_you_mean(key.value, shape.keys, f"known here: {', '.join(shape.keys)}")
            if isinstance(value, Scalar) and value.plain and not value.value and found.values:
                hint = "quote the value before it: its comma ends it" if not hint.startswith("did") else hint
            hints.add(hint)
            problems.add("E201", f"unknown key `{cut(key.value)}` in {what}", key.span, hint)
    for name, meaning in shape.required.items():
        if name not in found.values and f"did you mean `{name}`?" not in hints:
            problems.add("E202", f"{what} has no `{name}`", node.span, f"add `{name}`: {meaning}")
    return found


def pairs(node: Node | None, what: str, problems: Problems) -> tuple[tuple[Scalar, Node], ...]:
    """Read a mapping with free keys."""
    if node is None:
        return ()
    if not isinstance(node, Mapping):
        problems.add("E203", f"{what}: expected a mapping, got {kind_of(node)}", node.span, "write `name: ...` lines")
        return ()
    for key, _ in node.items:
        if key.retyped:
            problems.add("E108", f"{what}: key `{cut(key.value)}` is no string in YAML", key.span, quote(key.value))
    return node.items


def names(node: Node | None) -> frozenset[str]:
    """Return the free keys as written: what is wrong under one of them is said there, and not where it is named."""
    return frozenset(key.value for key, _ in node.items) if isinstance(node, Mapping) else frozenset()


def elements(node: Node | None, what: str, problems: Problems) -> tuple[Node, ...]:
    """Read a list."""
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        problems.add("E203", f"{what}: expected a list, got {kind_of(node)}", node.span, "write `[a, b]`")
        return ()
    return node.items


def scalar(node: Node | None, what: str, problems: Problems) -> Scalar | None:
    """Read a scalar that may be plain and look like anything."""
    if node is None:
        return None
    if not isinstance(node, Scalar) or (node.plain and not node.value):
        problems.add("E203", f"{what}: expected a value, got {kind_of(node)}", node.span, "write one value")
        return None
    return node


def text(node: Node | None, what: str, problems: Problems, *, lines: bool = False) -> Scalar | None:
    """Read a string; one that YAML would retype must be quoted. `lines` allows line breaks."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    if found.retyped:
        message = f"{what}: `{cut(found.value)}` is no string in YAML"
        problems.add("E108", message, found.span, quote(found.value))
        return None
    if "\n" in found.value.rstrip("\n") and not lines:
        problems.add("E104", f"{what}: a line break in a value", found.span, "write it on one line")
        return None
    return found


def texts(node: Node | None, what: str, problems: Problems) -> tuple[Scalar, ...]:
    """Read a list of strings."""
    found = (text(element, what, problems) for element in elements(node, what, problems))
    return tuple(value for value in found if value is not None)


def word(node: Node | None, known: Collection[_Word], what: str, problems: Problems) -> _Word | None:
    """Read one word of a closed set."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    for candidate in known:
        if candidate == found.value:
            return candidate
    hint = did_you_mean(found.value, known, f"one of: {', '.join(known)}")
    problems.add("E207", f"{what}: `{cut(found.value)}` is not known", found.span, hint)
    return None


def identifier(found: Scalar | None, what: str, problems: Problems) -> str | None:
    """Check a name: ASCII, of at most 128 characters, reserved by no target."""
    if found is None:
        return None
    if not IDENTIFIER.fullmatch(found.value):
        message = f"{what} `{cut(found.value)}` is no identifier"
        problems.add("E204", message, found.span, "use A-Z, a-z, 0-9 and _, at most 128, not a digit first")
        return None
    reserved = reserved_by(found.value)
    if reserved:
        problems.add(
            "E205",
            f"{what} `{found.value}` is reserved by {reserved}",
            found.span,
            f"rename it, for example `{found.value}_`",
        )
        return None
    return found.value


def unique(names: Iterable[Scalar], what: str, problems: Problems) -> None:
    """Check that names stay different when case is folded."""
    first: dict[str, Scalar] = {}
    for name in names:
        other = first.setdefault(name.value.casefold(), name)
        if other is not name:
            message = f"{what} `{name.value}` differs from `{other.value}` (line {other.span.line}) only in case"
            problems.add("E206", message, name.span, "rename one of them: some targets fold case")


def slug(found: Scalar | None, what: str, problems: Problems) -> str | None:
    """Check an id in kebab case."""
    if found is None:
        return None
    if not _KEBAB.fullmatch(found.value) or len(found.value) > 128:
        problems.add(
            "E204",
            f"{what} `{cut(found.value)}` is no id",
            found.span,
            "use a-z, 0-9 and single hyphens, for example `kiosk-anonymous`",
        )
        return None
    return found.value


def version(node: Node | None, what: str, problems: Problems) -> Version | None:
    """Read MAJOR.MINOR.PATCH."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    match = _VERSION.fullmatch(found.value)
    if match is None:
        problems.add(
            "E208",
            f"{what}: `{cut(found.value)}` is no version",
            found.span,
            "write MAJOR.MINOR.PATCH, for example `1.0.0`",
        )
        return None
    return Version(int(match[1]), int(match[2]), int(match[3]))


def boolean(node: Node | None, what: str, problems: Problems, *, default: bool = False) -> bool:
    """Read `true` or `false`."""
    if node is None:
        return default
    found = scalar(node, what, problems)
    if found is not None and (not found.plain or found.value not in {"true", "false"}):
        problems.add(
            "E207", f"{what}: `{cut(found.value)}` is not true or false", found.span, "write `true` or `false`"
        )
        return default
    return found is not None and found.value == "true"


def integer(node: Node | None, what: str, problems: Problems, *, low: int = 0, high: int = 2**53) -> int | None:
    """Read a whole number within bounds, both included."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    if not found.plain or not _INTEGER.fullmatch(found.value) or not low <= int(found.value[:20]) <= high:
        problems.add(
            "E218",
            f"{what}: `{cut(found.value)}` is no whole number from {low} to {high}",
            found.span,
            "write digits only",
        )
        return None
    return int(found.value)


def date(node: Node | None, what: str, problems: Problems) -> str | None:
    """Read a calendar day, YYYY-MM-DD."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    if _DATE.fullmatch(found.value):
        with suppress(ValueError):
            return dt.date.fromisoformat(found.value).isoformat()
    problems.add("E218", f"{what}: `{cut(found.value)}` is no date", found.span, "write YYYY-MM-DD")
    return None


def share(node: Node | None, what: str, problems: Problems) -> float | None:
    """Read a percentage as a fraction of 1."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    match = _SHARE.fullmatch(found.value)
    if match is None or float(match[1]) > 100:
        problems.add(
            "E218",
            f"{what}: `{cut(found.value)}` is no share",
            found.span,
            "write a percentage from 0% to 100%, for example `40%`",
        )
        return None
    return float(match[1]) / 100


def duration(node: Node | None, what: str, problems: Problems) -> int | None:
    """Read a span of time, in seconds."""
    found = scalar(node, what, problems)
    if found is None:
        return None
    match = _DURATION.fullmatch(found.value)
    if match is None:
        problems.add(
            "E218",
            f"{what}: `{cut(found.value)}` is no duration",
            found.span,
            "write a number and s, m, h or d, for example `5m`",
        )
        return None
    return int(match[1]) * _SECONDS[match[2]]

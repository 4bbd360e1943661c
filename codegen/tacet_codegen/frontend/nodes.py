"""YAML text -> nodes with positions, strictly: contracts are untrusted input to a compiler.

Built from the parser's events, so that nothing is expanded, retyped or dropped on the way: no tags, anchors, aliases
or merge keys, no second document, no duplicate key, bounded size, depth and number of nodes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from tacet_codegen.diagnostics import Diagnostic, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_CHARACTERS = 100
"""How many characters that are not allowed are named in one file."""

_RETYPED = re.compile(
    r"""(?xi: ~ | null | true | false | yes | no | on | off | )
    |(?x: [-+]?[0-9][0-9_]* | [-+]?0[xX][0-9a-fA-F_]+ | [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ )
    |(?x: [-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+]?[0-9]+)? | [-+]?[0-9][0-9_]*[eE][-+]?[0-9]+ )
    |(?xi: [-+]?\.inf | \.nan )
    |(?x: [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)? )
    |(?x: [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\ ].*)? )
    """,
    re.VERBOSE,
)
"""Plain scalars that a YAML 1.1 or 1.2 reader takes for something else than a string (yaml.org/type).

`y` and `n` are not among them: the page lists them, and the readers in use keep them as text.
"""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; `plain` when it was written without quotes and not as a block."""

    value: str
    plain: bool
    span: Span
    exact: bool
    """Whether a character of the value stands as many columns after the start as it has offset."""

    def at(self, offset: int) -> Span:
        """Return the place of one character of the value; the start of the scalar where that cannot be said."""
        if not self.exact:
            return self.span
        return Span(self.span.file, self.span.line, self.span.col + offset + (0 if self.plain else 1))

    @property
    def retyped(self) -> bool:
        """Whether YAML would make something else than a string of it."""
        return self.plain and _RETYPED.fullmatch(self.value) is not None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in file order; keys are unique."""

    items: tuple[tuple[Scalar, Node], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sequence:
    """Elements in order."""

    items: tuple[Node, ...]
    span: Span


Node: TypeAlias = Scalar | Mapping | Sequence


class _Refused(Exception):  # noqa: N818
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def parse(data: bytes, file: str) -> tuple[Node | None, list[Diagnostic]]:
    """Return the document's node, or None, and what is wrong with it. Of duplicate keys, which are all said, the first counts."""
    problems: list[Diagnostic] = []
    try:
        text = _text(data, file, problems)
        return _Builder(file, problems).build(text), problems
    except _Refused as refused:
        return None, [*problems, refused.diagnostic]


def _text(data: bytes, file: str, problems: list[Diagnostic]) -> str:
    if len(data) > MAX_BYTES:
        raise _refused("E102", f"file of {len(data)} bytes, at most {MAX_BYTES}", Span(file), "split the contract")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        col = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"not UTF-8: byte `0x{data[error.start]:02x}`"
        raise _refused("E103", message, Span(file, line, col), "save the file as UTF-8") from error
    for at, character in islice(_forbidden(text, breaks="\n"), MAX_CHARACTERS):
        span = Span(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        hint = "save with LF line ends" if character == "\r" else "remove it; in a string, describe it in words"
        problems.append(_not_allowed(character, span, hint))
    if problems:
        raise _Refused(problems.pop())
    return text


def _forbidden(text: str, breaks: str) -> Iterator[tuple[int, str]]:
    """Find controls, line and paragraph separators, bidirectional overrides, byte-order marks and lone surrogates."""
    if text.isascii() and text.isprintable():
        return
    for at, character in enumerate(text):
        if character.isprintable() or character in breaks or character in "\t\u200c\u200d\u00ad\u00a0\u3000":
            continue
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            yield at, character


def _not_allowed(character: str, span: Span, hint: str) -> Diagnostic:
    return Diagnostic("E104", "error", f"character {_named(character)} is not allowed in a contract", span, hint)


def _named(character: str) -> str:
    name = unicodedata.name(character, "control character" if ord(character) < 160 else "unassigned")
    return f"`U+{ord(character):04X}` ({name})"


def _refused(code: str, message: str, span: Span, hint: str) -> _Refused:
    return _Refused(Diagnostic(code, "error", message, span, hint))


@dataclass(slots=True)
class _Open:
    """A collection that is being read; `keys` only for a mapping."""

    span: Span
    items: list[Node]
    keys: dict[str, Scalar] | None


class _Builder:
    """Turns parser events into nodes with a stack of our own: depth is a number, not a recursion."""

    def __init__(self, file: str, problems: list[Diagnostic]) -> None:
        self._file = file
        self._problems = problems
        self._stack: list[_Open] = []
        self._count = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node:
        documents = 0
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if event.version or event.tags:
                        raise self._stop("E106", "directive `%`", event, "remove it: a contract is plain YAML")
                    if documents > 1:
                        raise self._stop(
                            "E110", "second document in one file", event, "one contract a file: remove `---`"
                        )
                elif isinstance(event, yaml.CollectionEndEvent):
                    self._close()
                elif isinstance(event, yaml.NodeEvent):
                    self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            span = Span(self._file, mark.line + 1, mark.column + 1) if mark else Span(self._file)
            what = " ".join(filter(None, (error.context, error.problem)))
            if "nesting depth" in what:
                raise _refused("E109", f"nested deeper than {MAX_DEPTH}", span, "flatten it") from error
            raise _refused("E105", f"not YAML: {what}", span, "check indentation, quotes and colons") from error
        except yaml.YAMLError as error:
            raise _refused("E105", f"not YAML: {error}".splitlines()[0], Span(self._file), "check the file") from error
        if self._root is None:
            raise _refused("E110", "empty file", Span(self._file), "write a contract, or delete the file")
        return self._root

    def _take(self, event: yaml.NodeEvent) -> None:
        self._refuse_features(event)
        self._count += 1
        if self._count > MAX_NODES:
            raise self._stop("E109", f"more than {MAX_NODES} nodes", event, "split the contract")
        span = self._span(event)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event, span))
            return
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop("E109", f"nested deeper than {MAX_DEPTH}", event, "flatten it")
        self._stack.append(_Open(span, [], {} if isinstance(event, yaml.MappingStartEvent) else None))

    def _refuse_features(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._stop("E106", f"alias `*{event.anchor}`", event, "write the value out")
        if event.anchor is not None:
            raise self._stop("E106", f"anchor `&{event.anchor}`", event, "remove it: contracts have no aliases")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._stop("E106", f"tag `{tag}`", event, "remove it: types come from the contract language")

    def _scalar(self, event: yaml.ScalarEvent, span: Span) -> Scalar:
        value, plain = event.value, not event.style
        for _, character in islice(_forbidden(value, breaks="\n"), 1):
            self._problems.append(_not_allowed(character, span, "remove the escape"))
        if "\t" in value:
            self._problems.append(Diagnostic("E104", "error", "tab in a value", span, "write spaces"))
        start: Any = event.start_mark
        end: Any = event.end_mark
        one_line = start.line == end.line
        width = end.column - start.column
        exact = one_line and width == len(value) + (0 if plain else 2)
        return Scalar(value, plain, span, exact)

    def _add(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if top.keys is not None and len(top.items) % 2 == 0:
            self._add_key(top.keys, node)
        top.items.append(node)

    def _add_key(self, keys: dict[str, Scalar], node: Node) -> None:
        if not isinstance(node, Scalar):
            raise _refused("E105", "a key that is no text", node.span, "a key is one word")
        if node.plain and node.value == "<<":
            raise _refused("E106", "merge key `<<`", node.span, "write the keys out")
        first = keys.setdefault(node.value, node)
        if first is not node:
            message = f"key `{node.value[:80]}` stands twice: first on line {first.span.line}"
            self._problems.append(Diagnostic("E107", "error", message, node.span, "keep one of them"))

    def _close(self) -> None:
        top = self._stack.pop()
        if top.keys is None:
            self._add(Sequence(tuple(top.items), top.span))
            return
        pairs = zip(top.items[::2], top.items[1::2], strict=True)
        first = top.keys
        self._add(Mapping(tuple((k, v) for k, v in pairs if isinstance(k, Scalar) and first[k.value] is k), top.span))

    def _span(self, event: yaml.Event) -> Span:
        mark: Any = event.start_mark
        return Span(self._file, mark.line + 1, mark.column + 1)

    def _stop(self, code: str, message: str, event: yaml.Event, hint: str) -> _Refused:
        return _refused(code, message, self._span(event), hint)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

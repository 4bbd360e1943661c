"""A raw event as written: everything that one file can say, read and checked; expressions are still text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.constraints import read_constraint
from tacet_codegen.frontend.header import read_header
from tacet_codegen.frontend.nodes import Mapping
from tacet_codegen.frontend.paths import parse_path
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.frontend.sinks import Columns, read_sinks, topic
from tacet_codegen.frontend.types import encodings, parse_type
from tacet_codegen.ir.model import ProducerKey, Sinks
from tacet_codegen.ir.typetext import path_text
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Keys, Problems
    from tacet_codegen.ir.model import Constraint, Header, Pii, Scheme
    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.types import Encoding, Type

    _Presence: TypeAlias = Literal["required", "optional", "required_when"]

EVENT = Shape(
    {
        "event": "the event's name",
        "version": "MAJOR.MINOR.PATCH",
        "owner": "who answers for it",
        "source": "where the messages come from",
        "producer": "which fields name the producer and its version",
        "fields": "what is logged",
    },
    {
        "status": "draft | released | deprecated",
        "doc": "what one row of it is",
        "unknown_fields": "report | keep | reject",
        "rules": "what makes a row valid",
        "sinks": "the raw archive",
    },
)
SOURCE = Shape(
    {"topic": "the queue", "event_time": "the field that says when it happened"},
    {"format": "json", "select": "which messages are ours", "explode": "a list: one row an element"},
)
PRODUCER = Shape({"name": "a field", "version": "a field", "scheme": "semver | dotted | integer | date"})
FIELD = Shape(
    {
        "type": "for example long",
        "path": "for example $.profile.id",
        "presence": "required | optional | {required_when: condition}",
    },
    {
        "encoding": "how the source writes it",
        "one_of": "the only values",
        "range": "[low, high], both included",
        "pattern": "what the whole string matches",
        "identity": "part of what makes the row unique",
        "on_bug": "reject | null",
        "pii": "none | internal | restricted",
        "doc": "what it says",
    },
)
WHEN = Shape({"required_when": "a condition over this event's fields"})
RULE = Shape(
    {"check": "a condition that must not be FALSE", "else": "reject | flag"}, {"severity": "info | warning | critical"}
)
SCHEMES: tuple[Scheme, ...] = ("semver", "dotted", "integer", "date")
UNKNOWN: tuple[Literal["report", "keep", "reject"], ...] = ("report", "keep", "reject")
SEVERITIES: tuple[Literal["info", "warning", "critical"], ...] = ("info", "warning", "critical")
ELSE: tuple[Literal["reject", "flag"], ...] = ("reject", "flag")
PII: tuple[Pii, ...] = ("none", "internal", "restricted")
MAX_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class WrittenField:
    """A field; `when` is the text of `required_when`."""

    name: str
    type: Type
    path: Path
    encoding: Encoding
    presence: _Presence
    when: Scalar | None
    identity: bool
    reject_on_bug: bool
    constraint: Constraint
    pii: Pii
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule or an agreement."""

    name: str
    check: Scalar
    otherwise: Literal["reject", "flag"]
    severity: Literal["info", "warning", "critical"]
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenRaw:
    """A raw event."""

    header: Header
    topic: str
    select: Scalar | None
    explode: Path | None
    event_time: str
    producer: ProducerKey
    unknown_fields: Literal["report", "keep", "reject"]
    fields: tuple[WrittenField, ...]
    rules: tuple[WrittenRule, ...]
    sinks: Sinks


def read_raw(place: Place, node: Mapping, problems: Problems) -> WrittenRaw | None:
    """Read one version of a raw event; None when anything in it is wrong."""
    before = problems.errors
    found = reading.keys(node, EVENT, "raw event", problems)
    if found is None:
        return None
    header = read_header(place, found, "event", problems)
    source = reading.keys(found.get("source"), SOURCE, "source", problems)
    explode = _explode(source, problems)
    fields = _fields(found.get("fields"), problems, exploded=explode is not None)
    ranges = {field.name: field.constraint.range for field in fields}
    columns = Columns({field.name: field.type for field in fields}, reading.names(found.get("fields")), ranges)
    _check_ways(fields, explode, problems)
    event_time = _field_name(source, "event_time", columns, (t.TimestamptzType,), problems)
    producer = _producer(found.get("producer"), columns, problems)
    unknown = reading.word(found.get("unknown_fields"), UNKNOWN, "unknown_fields", problems) or "report"
    rules = read_rules(found.get("rules"), "rule", problems)
    sinks = read_sinks(found.get("sinks"), columns, "raw", problems)
    select = reading.text(source.get("select"), "select", problems) if source else None
    queue = topic(reading.text(source.get("topic"), "topic", problems), problems) if source else ""
    if source is not None:
        reading.word(source.get("format"), ("json",), "format", problems)
    if header is None or producer is None or problems.errors > before:
        return None
    return WrittenRaw(header, queue, select, explode, event_time, producer, unknown, fields, rules, sinks)


def _explode(source: Keys | None, problems: Problems) -> Path | None:
    found = reading.text(source.get("explode"), "explode", problems) if source else None
    if found is None:
        return None
    path, at = parse_path(found.value)
    if path is None or path.root != "$" or not path.steps:
        problems.add(
            "E212",
            f"explode `{reading.cut(found.value)}` is no path to a list",
            found.at(min(at, len(found.value) - 1)),
            "write for example `$.items`",
        )
        return None
    return path


def _fields(node: Node | None, problems: Problems, *, exploded: bool) -> tuple[WrittenField, ...]:
    written = reading.pairs(node, "fields", problems)
    if node is not None and not 0 < len(written) <= MAX_FIELDS:
        problems.add("E203", f"{len(written)} fields", node.span, f"write 1 to {MAX_FIELDS}")
    reading.unique((name for name, _ in written), "field", problems)
    fields = [_field(name, value, problems, exploded=exploded) for name, value in written]
    whole = [field for field in fields if field is not None]
    if whole and len(whole) == len(fields) and not any(field.identity for field in whole) and node is not None:
        problems.add(
            "E217",
            "no field is part of the identity",
            node.span,
            "mark the field that makes a row unique with `identity: true`",
        )
    return tuple(whole)


def _field(name: Scalar, node: Node, problems: Problems, *, exploded: bool) -> WrittenField | None:
    before = problems.errors
    what = f"field `{reading.cut(name.value)}`"
    identifier = reading.identifier(name, "field", problems)
    _not_meta(name, problems)
    found = reading.keys(node, FIELD, what, problems)
    if found is None:
        return None
    written = reading.text(found.get("type"), f"{what}: type", problems)
    type_ = parse_type(written, problems) if written else None
    path = _path(reading.text(found.get("path"), f"{what}: path", problems), type_, problems, exploded=exploded)
    encoding = _encoding(found.get("encoding"), type_, path, problems)
    presence, when = _presence(found.get("presence"), what, problems)
    identity = reading.boolean(found.get("identity"), f"{what}: identity", problems)
    on_bug = reading.word(found.get("on_bug"), ("reject", "null"), f"{what}: on_bug", problems)
    constraint = read_constraint(found.get("one_of"), found.get("range"), found.get("pattern"), type_, problems)
    pii = reading.word(found.get("pii"), PII, f"{what}: pii", problems) or "none"
    doc = reading.text(found.get("doc"), f"{what}: doc", problems, lines=True)
    if identity:
        _identity(found, what, presence, type_, problems)
    if identifier is None or type_ is None or path is None or presence is None or problems.errors > before:
        return None
    return WrittenField(
        identifier, type_, path, encoding, presence, when, identity, on_bug == "reject", constraint,
        pii, doc.value.strip() if doc else "", name.span,
    )  # fmt: skip


def _not_meta(name: Scalar, problems: Problems) -> None:
    if name.value.startswith("_"):
        problems.add(
            "E402",
            f"field `{reading.cut(name.value)}` begins like the columns that every sink adds",
            name.span,
            "rename it without the leading underscore",
        )


def _identity(found: Keys, what: str, presence: str | None, type_: Type | None, problems: Problems) -> None:
    span = found.names["identity"].span
    if presence not in {None, "required"}:
        problems.add(
            "E217",
            f"{what} is identity, and not required",
            span,
            "write `presence: required`: a row without its identity is always rejected",
        )
    if isinstance(type_, t.ListType | t.MapType | t.StructType | t.FloatType | t.DoubleType):
        problems.add(
            "E217",
            f"{what} is identity, and its type has no equality",
            span,
            "choose a field of an exact primitive type",
        )


def _path(found: Scalar | None, type_: Type | None, problems: Problems, *, exploded: bool) -> Path | None:
    if found is None:
        return None
    path, at = parse_path(found.value)
    place = found.at(min(at, max(len(found.value) - 1, 0)))
    if path is None or (path.root == "$" and not path.steps):
        problems.add(
            "E212",
            f"path `{reading.cut(found.value)}` cannot be read",
            place,
            'write for example `$.device.model`, `$item.title`, `$index` or `$."a.b"`',
        )
        return None
    if path.root != "$" and not exploded:
        problems.add(
            "E212",
            f"path `{reading.cut(found.value)}` without `explode`",
            found.span,
            "add `explode` to the source, or begin with `$.`",
        )
        return None
    if path.root == "$index" and type_ is not None and not isinstance(type_, t.IntType | t.LongType):
        problems.add("E212", "`$index` is a whole number", found.span, "write `type: int`")
        return None
    return path


def _check_ways(fields: tuple[WrittenField, ...], explode: Path | None, problems: Problems) -> None:
    """Check that no path goes through a place that another field (or `explode`) reads as something without keys."""
    ends = {(f.path.root, f.path.steps): f"field `{f.name}`" for f in fields if not _has_keys(f.type)}
    if explode is not None:
        ends[explode.root, explode.steps] = "`explode`"
    for field in fields:
        if field.path == explode and not isinstance(field.type, t.ListType):
            problems.add(
                "E212",
                f"path `{path_text(field.path)}` is the list that `explode` takes apart, and the field is no list",
                field.span,
                "read an element's value with `$item`",
            )
        for length in range(1, len(field.path.steps)):
            above = ends.get((field.path.root, field.path.steps[:length]))
            if above is not None:
                problems.add(
                    "E212",
                    f"path `{path_text(field.path)}` goes through a value that {above} reads, and that has no keys",
                    field.span,
                    "begin with `$item` inside of `explode`; otherwise one of the two paths is wrong",
                )
                break


def _has_keys(type_: Type) -> bool:
    return isinstance(type_, t.StructType | t.MapType)


def _encoding(node: Node | None, type_: Type | None, path: Path | None, problems: Problems) -> Encoding:
    if type_ is None:
        return "json"
    possible = encodings(type_)
    if node is None:
        return possible[0]
    shown = [e for e in possible if e != "json"]
    word = reading.scalar(node, "encoding", problems)
    if word is None:
        return possible[0]
    chosen = next((e for e in possible if e == word.value and e != "json"), None)
    if chosen is None or (path is not None and path.root == "$index"):
        hint = reading.did_you_mean(word.value, shown, f"this type has: {', '.join(shown)}" if shown else "remove it")
        problems.add("E211", f"encoding `{reading.cut(word.value)}` does not fit the type", word.span, hint)
        return possible[0]
    return chosen


def _presence(node: Node | None, what: str, problems: Problems) -> tuple[_Presence | None, Scalar | None]:
    if node is None:
        return None, None
    if isinstance(node, Mapping):
        found = reading.keys(node, WHEN, f"{what}: presence", problems)
        when = reading.text(found.get("required_when"), "required_when", problems) if found else None
        return ("required_when", when) if when is not None else (None, None)
    word = reading.scalar(node, f"{what}: presence", problems)
    if word is None:
        return None, None
    if word.value == "required":
        return "required", None
    if word.value == "optional":
        return "optional", None
    hint = reading.did_you_mean(
        word.value, ("required", "optional"), "write `required`, `optional` or `{required_when: condition}`"
    )
    problems.add("E216", f"{what}: presence `{reading.cut(word.value)}` is not known", word.span, hint)
    return None, None


def _field_name(found: Keys | None, key: str, columns: Columns, fitting: tuple[type, ...], problems: Problems) -> str:
    name = reading.text(found.get(key), key, problems) if found else None
    if name is None:
        return ""
    type_ = columns.types.get(name.value)
    if type_ is None and name.value not in columns.written:
        problems.add(
            "E301",
            f"{key} names `{reading.cut(name.value)}`, and there is no such field",
            name.span,
            reading.did_you_mean(name.value, columns.types, "name a field of this event"),
        )
    elif type_ is not None and not isinstance(type_, fitting):
        wanted = " or ".join(f.__name__.removesuffix("Type").lower() for f in fitting)
        problems.add(
            "E301", f"{key} names `{name.value}`, which is no {wanted}", name.span, f"name a field of type {wanted}"
        )
    return name.value


def _producer(node: Node | None, columns: Columns, problems: Problems) -> ProducerKey | None:
    found = reading.keys(node, PRODUCER, "producer", problems)
    if found is None:
        return None
    scheme = reading.word(found.get("scheme"), SCHEMES, "scheme", problems)
    name = _field_name(found, "name", columns, (t.StringType,), problems)
    forms: tuple[type, ...] = (t.StringType,)
    if scheme == "integer":
        forms = (t.StringType, t.IntType, t.LongType)
    if scheme == "date":
        forms = (t.StringType, t.DateType)
    version = _field_name(found, "version", columns, forms, problems)
    if scheme is None:
        return None
    return ProducerKey(name, version, scheme)


def read_rules(node: Node | None, what: str, problems: Problems) -> tuple[WrittenRule, ...]:
    """Read rules or agreements."""
    written = reading.pairs(node, f"{what}s", problems)
    reading.unique((name for name, _ in written), what, problems)
    rules: list[WrittenRule] = []
    for name, value in written:
        identifier = reading.identifier(name, what, problems)
        found = reading.keys(value, RULE, f"{what} `{reading.cut(name.value)}`", problems)
        if found is None:
            continue
        check = reading.text(found.get("check"), "check", problems)
        otherwise = reading.word(found.get("else"), ELSE, "else", problems)
        severity = reading.word(found.get("severity"), SEVERITIES, "severity", problems) or "warning"
        if identifier is not None and check is not None and otherwise is not None:
            rules.append(WrittenRule(identifier, check, otherwise, severity, name.span))
    return tuple(rules)

"""A derived event as written: filter, correct, look up, derive, agree, write, measure; expressions are still text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.header import read_header
from tacet_codegen.frontend.raw import PII, WrittenRule, read_rules
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.frontend.types import parse_type
from tacet_codegen.ir.model import Alert, Quality

if TYPE_CHECKING:
    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.ir.model import Header, Pii
    from tacet_runtime.plan.types import Type

EVENT = Shape(
    {
        "event": "its name",
        "version": "MAJOR.MINOR.PATCH",
        "owner": "who answers for it",
        "from": "the raw event",
        "fields": "its columns",
    },
    {
        "status": "draft | released | deprecated",
        "doc": "what one row of it is",
        "filters": "what is dropped on purpose",
        "corrections": "what is set right",
        "lookups": "joins with reference data",
        "agreements": "columns that must agree with one another",
        "sinks": "where it goes",
        "quality": "what is measured, and when somebody is told",
    },
)
FROM = Shape({"event": "a raw event", "versions": 'for example ">=1.0.0 <2.0.0"'})
FILTER = Shape({"drop_when": "a condition that drops a row when it is TRUE"}, {"doc": "why"})
CORRECTION = Shape({"when": "a condition", "set": "field -> expression"}, {"doc": "why"})
LOOKUP = Shape(
    {"table": "namespace.name", "version": "a range", "on": "table column -> field"}, {"missing": "keep | reject"}
)
FIELD = Shape(
    {},
    {
        "from": "a raw field, or lookup.column",
        "type": "with `expr`",
        "expr": "an expression",
        "presence": "required | optional",
        "identity": "part of what makes the row unique",
        "pii": "none | internal | restricted",
        "doc": "what it says",
    },
)
QUALITY = Shape({}, {"window": "for example 5m", "by": "[producer, producer_version]", "alerts": "field -> threshold"})
ALERT = Shape(
    {"metric": "what is measured"}, {"warning": "a share", "critical": "a share", "min_rows": "fewer rows say nothing"}
)
METRICS = (
    "null_rate",
    "absent_rate",
    "invalid_rate",
    "logging_bug_rate",
    "unknown_producer_rate",
    "declared_omission_rate",
    "not_applicable_rate",
    "undetermined_rate",
    "optional_rate",
    "corrected_rate",
    "flagged_rate",
    "expression_error_rate",
    "lookup_miss_rate",
)
DEFAULT_WINDOW = 300


@dataclass(frozen=True, slots=True)
class WrittenFilter:
    """A named drop."""

    name: str
    drop_when: Scalar
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenCorrection:
    """A named correction."""

    name: str
    when: Scalar
    set: tuple[tuple[Scalar, Scalar], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenLookup:
    """A join."""

    name: str
    table: Scalar
    version: Scalar
    on: tuple[tuple[Scalar, Scalar], ...]
    reject: bool
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenDerivedField:
    """A column: taken over (`source`) or computed (`expr` of `type`)."""

    name: str
    source: Scalar | None
    expr: Scalar | None
    type: Type | None
    type_span: Span | None
    optional: bool
    identity: bool
    pii: Pii | None
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class WrittenDerived:
    """A derived event; sinks and alerts wait for the fields' types."""

    header: Header
    raw: Scalar
    raw_range: Scalar
    filters: tuple[WrittenFilter, ...]
    corrections: tuple[WrittenCorrection, ...]
    lookups: tuple[WrittenLookup, ...]
    fields: tuple[WrittenDerivedField, ...]
    agreements: tuple[WrittenRule, ...]
    sinks: Node | None
    quality: Quality | None


def read_derived(place: Place, node: Node, problems: Problems) -> WrittenDerived | None:
    """Read one version of a derived event; None when anything in it is wrong."""
    before = problems.errors
    found = reading.keys(node, EVENT, "derived event", problems)
    if found is None:
        return None
    header = read_header(place, found, "event", problems)
    origin = reading.keys(found.get("from"), FROM, "from", problems)
    raw = reading.text(origin.get("event"), "from.event", problems) if origin else None
    versions = reading.text(origin.get("versions"), "from.versions", problems) if origin else None
    filters = _filters(found.get("filters"), problems)
    corrections = _corrections(found.get("corrections"), problems)
    lookups = _lookups(found.get("lookups"), problems)
    fields = _fields(found.get("fields"), problems)
    agreements = read_rules(found.get("agreements"), "agreement", problems)
    quality = _quality(found.get("quality"), reading.names(found.get("fields")), problems)
    if header is None or raw is None or versions is None or problems.errors > before:
        return None
    sinks = found.get("sinks")
    return WrittenDerived(header, raw, versions, filters, corrections, lookups, fields, agreements, sinks, quality)


def _filters(node: Node | None, problems: Problems) -> tuple[WrittenFilter, ...]:
    written = reading.pairs(node, "filters", problems)
    reading.unique((name for name, _ in written), "filter", problems)
    filters = []
    for name, value in written:
        identifier = reading.identifier(name, "filter", problems)
        found = reading.keys(value, FILTER, f"filter `{reading.cut(name.value)}`", problems)
        drop = reading.text(found.get("drop_when"), "drop_when", problems) if found else None
        if name.value == "no_items":
            problems.add(
                "E205", "filter `no_items` is the built-in name for an empty list", name.span, "choose another name"
            )
        if identifier is not None and drop is not None:
            filters.append(WrittenFilter(identifier, drop, name.span))
    return tuple(filters)


def _corrections(node: Node | None, problems: Problems) -> tuple[WrittenCorrection, ...]:
    written = reading.pairs(node, "corrections", problems)
    reading.unique((name for name, _ in written), "correction", problems)
    corrections = []
    for name, value in written:
        identifier = reading.identifier(name, "correction", problems)
        found = reading.keys(value, CORRECTION, f"correction `{reading.cut(name.value)}`", problems)
        if found is None:
            continue
        when = reading.text(found.get("when"), "when", problems)
        sets = reading.pairs(found.get("set"), "set", problems)
        values = [(field, reading.text(expression, f"set `{field.value}`", problems)) for field, expression in sets]
        if found.get("set") is not None and not sets:
            problems.add(
                "E203",
                f"correction `{reading.cut(name.value)}` sets nothing",
                found.span,
                "write `set: {field: expression}`",
            )
        if identifier is not None and when is not None:
            assignments = tuple((field, expression) for field, expression in values if expression is not None)
            corrections.append(WrittenCorrection(identifier, when, assignments, name.span))
    return tuple(corrections)


def _lookups(node: Node | None, problems: Problems) -> tuple[WrittenLookup, ...]:
    written = reading.pairs(node, "lookups", problems)
    reading.unique((name for name, _ in written), "lookup", problems)
    lookups = []
    for name, value in written:
        identifier = reading.identifier(name, "lookup", problems)
        found = reading.keys(value, LOOKUP, f"lookup `{reading.cut(name.value)}`", problems)
        if found is None:
            continue
        table = reading.text(found.get("table"), "table", problems)
        version = reading.text(found.get("version"), "version", problems)
        on = [
            (column, reading.text(field, f"on `{column.value}`", problems))
            for column, field in reading.pairs(found.get("on"), "on", problems)
        ]
        missing = reading.word(found.get("missing"), ("keep", "reject"), "missing", problems) or "keep"
        if identifier is not None and table is not None and version is not None:
            keys = tuple((column, field) for column, field in on if field is not None)
            lookups.append(WrittenLookup(identifier, table, version, keys, missing == "reject", name.span))
    return tuple(lookups)


def _fields(node: Node | None, problems: Problems) -> tuple[WrittenDerivedField, ...]:
    written = reading.pairs(node, "fields", problems)
    if node is not None and not written:
        problems.add("E203", "no fields", node.span, "write `name: {from: field}` lines")
    reading.unique((name for name, _ in written), "field", problems)
    fields = [_field(name, value, problems) for name, value in written]
    return tuple(field for field in fields if field is not None)


def _field(name: Scalar, node: Node, problems: Problems) -> WrittenDerivedField | None:
    before = problems.errors
    what = f"field `{reading.cut(name.value)}`"
    identifier = reading.identifier(name, "field", problems)
    if name.value.startswith("_"):
        problems.add(
            "E402",
            f"{what} begins like the columns that every sink adds",
            name.span,
            "rename it without the leading underscore",
        )
    found = reading.keys(node, FIELD, what, problems)
    if found is None:
        return None
    source = reading.text(found.get("from"), f"{what}: from", problems)
    expr = reading.text(found.get("expr"), f"{what}: expr", problems)
    written = reading.text(found.get("type"), f"{what}: type", problems)
    type_ = parse_type(written, problems) if written else None
    presence = reading.word(found.get("presence"), ("required", "optional"), f"{what}: presence", problems)
    pii = reading.word(found.get("pii"), PII, f"{what}: pii", problems)
    doc = reading.text(found.get("doc"), f"{what}: doc", problems, lines=True)
    if (found.get("from") is None) == (found.get("expr") is None) and problems.errors == before:
        problems.add(
            "E219",
            f"{what} needs one of `from` and `expr`",
            name.span,
            "write `{from: field}` or `{type: T, expr: expression}`",
        )
    if found.get("expr") is not None and found.get("type") is None and problems.errors == before:
        problems.add("E202", f"{what} has `expr` and no `type`", name.span, "add `type`: what the expression gives")
    identity = reading.boolean(found.get("identity"), f"{what}: identity", problems)
    if identifier is None or problems.errors > before:
        return None
    return WrittenDerivedField(
        identifier, source, expr, type_, written.span if written else None, presence == "optional", identity,
        pii, doc.value.strip() if doc else "", name.span,
    )  # fmt: skip


def _quality(node: Node | None, fields: frozenset[str], problems: Problems) -> Quality | None:
    found = reading.keys(node, QUALITY, "quality", problems)
    if found is None:
        return None
    window = reading.duration(found.get("window"), "window", problems) or DEFAULT_WINDOW
    by = [
        reading.word(value, ("producer", "producer_version"), "by", problems)
        for value in reading.elements(found.get("by"), "by", problems)
    ]
    written = reading.pairs(found.get("alerts"), "alerts", problems)
    alerts = [_alert(name, value, fields, problems) for name, value in written]
    return Quality(window, tuple(b for b in by if b), tuple(a for a in alerts if a))


def _alert(name: Scalar, node: Node, fields: frozenset[str], problems: Problems) -> Alert | None:
    found = reading.keys(node, ALERT, f"alert `{reading.cut(name.value)}`", problems)
    if name.value != "*" and name.value not in fields:
        problems.add(
            "E301",
            f"alert on `{reading.cut(name.value)}`, and there is no such field",
            name.span,
            reading.did_you_mean(name.value, fields, 'name a field of this event, or `"*"`'),
        )
    if found is None:
        return None
    metric = reading.word(found.get("metric"), METRICS, "metric", problems)
    warning = reading.share(found.get("warning"), "warning", problems)
    critical = reading.share(found.get("critical"), "critical", problems)
    rows = reading.integer(found.get("min_rows"), "min_rows", problems)
    if found.get("warning") is None and found.get("critical") is None:
        problems.add(
            "E202",
            f"alert `{reading.cut(name.value)}` has no threshold",
            found.span,
            "add `warning` or `critical`: a share such as `1%`",
        )
    if warning is not None and critical is not None and warning > critical:
        problems.add(
            "E219",
            f"alert `{reading.cut(name.value)}` warns above its critical threshold",
            found.names["warning"].span,
            "put the smaller share in `warning`",
        )
    return Alert(name.value, metric, warning, critical, rows or 0, name.span) if metric else None

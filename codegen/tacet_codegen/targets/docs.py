"""Pages for people, in Markdown: what an event says, who logs it, who leaves what out and until when, where it goes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tacet_codegen.ir.asked import answer
from tacet_codegen.ir.columns import derived_table, raw_table
from tacet_codegen.ir.typetext import path_text, type_text
from tacet_codegen.targets.base import Artifact, contract_path
from tacet_runtime.plan.model import Optional, Required, RequiredWhen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tacet_codegen.ir.model import (
        Constraint,
        DerivedEvent,
        DerivedField,
        Header,
        Omission,
        Owner,
        Producer,
        RawEvent,
        RawField,
        Repository,
        Rule,
        Table,
    )
    from tacet_codegen.targets.base import Compilation

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield a page for each contract, and the index."""
    repository = compilation.repository
    for event in repository.raw_events:
        producers = [p for p in repository.producers if p.event == event.header.qualified]
        yield Artifact(contract_path("docs", event.header, ".md"), _raw_page(event, producers))
    for item in repository.derived_events:
        yield Artifact(contract_path("docs", item.header, ".md"), _derived_page(item))
    for table in repository.tables:
        yield Artifact(contract_path("docs", table.header, ".md"), _table_page(table))
    yield Artifact("docs/README.md", _index(repository))


def plain(text: str) -> str:
    """Escape text of a contract so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Show text as code; backticks inside get a longer fence, line breaks a space, pipes their escape."""
    line = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def _table_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    found = ["| " + " | ".join(row) + " |" for row in rows]
    if not found:
        return "none\n"
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *found]) + "\n"


def _head(header: Header, kind: str) -> str:
    owner = " ".join(filter(None, (plain(header.owner.team), _told(header.owner))))
    lines = [
        f"# {plain(header.qualified)} {header.version}",
        "",
        plain(header.doc) or "No description.",
        "",
        f"{kind}, {header.status}. Owner: {owner}. Contract: {code(header.file)}",
    ]
    return "\n".join(lines) + "\n"


def _raw_page(event: RawEvent, producers: Sequence[Producer]) -> str:
    source = event.source
    select = code(source.select_text) if source.select_text else "every message"
    explode = f", one row for each element of {code(path_text(source.explode))}" if source.explode else ""
    parts = [
        _head(event.header, "Raw event"),
        (
            f"From topic {code(source.topic)}: {select}{explode}. Event time is {code(source.event_time)}; "
            f"the producer is {code(event.producer.name)}, its version {code(event.producer.version)} "
            f"({event.producer.scheme}). Keys that no field names: {event.unknown_fields}.\n"
        ),
        *_asked(event),
        "## Fields\n",
        _table_rows(
            ("field", "type", "where", "presence", "allowed", "meaning"), (_raw_row(field) for field in event.fields)
        ),
        "## Rules\n",
        _rules(event.rules),
        "## Who logs it, and what they leave out on purpose\n",
        *(_producer(producer) for producer in producers),
        f"## Kept in\n\n{code(raw_table(event))}, {'with' if event.sinks.keep_payload else 'without'} the original bytes.\n",
    ]
    return "\n".join(parts)


def _asked(event: RawEvent) -> list[str]:
    """Say what a sender has to write for a message to be taken as this event."""
    if event.source.select is None:
        return []
    found = answer(event)
    lines = [f"- {code(path_text(one.path))}: {' or '.join(map(_sent, one.values))}\n" for one in found.asked]
    if not found.whole:
        lines.append("- what else that takes; the Python model does not see to it\n")
    said = "A message for which that does not hold is skipped: no row, no reject. A sender has to write:\n"
    return [said, "".join(lines)]


def _sent(value: str | int) -> str:
    return code(json.dumps(value, ensure_ascii=False))


def _raw_row(field: RawField) -> tuple[str, ...]:
    marks = [mark for mark, on in (("identity", field.identity), ("reject on bug", field.reject_on_bug)) if on]
    if field.pii != "none":
        marks.append(f"pii {field.pii}")
    meaning = " ".join(filter(None, (plain(field.doc), f"({', '.join(marks)})" if marks else "")))
    encoding = "" if field.encoding in {"json", "iso8601", "base64"} else f", {field.encoding}"
    return (
        code(field.name),
        code(type_text(field.type) + encoding),
        code(path_text(field.path)),
        _presence(field),
        _constraint(field.constraint),
        meaning,
    )


def _presence(field: RawField) -> str:
    match field.presence:
        case Required():
            return "required"
        case Optional():
            return "optional"
        case RequiredWhen():
            return f"required when {code(field.when or '')}"


def _constraint(constraint: Constraint) -> str:
    found = []
    if constraint.one_of is not None:
        shown = ", ".join(code(symbol) for symbol in constraint.one_of[:12])
        found.append(shown + (f" and {len(constraint.one_of) - 12} more" if len(constraint.one_of) > 12 else ""))
    if constraint.range is not None:
        low = "" if constraint.range.low is None else str(constraint.range.low)
        high = "" if constraint.range.high is None else str(constraint.range.high)
        found.append(code(f"{low} .. {high}"))
    if constraint.pattern is not None:
        found.append(code(constraint.pattern))
    return ", ".join(found)


def _rules(rules: Sequence[Rule]) -> str:
    return _table_rows(
        ("rule", "must not be FALSE", "else", "severity"),
        ((code(rule.name), code(rule.text), rule.otherwise, rule.severity) for rule in rules),
    )


def _producer(producer: Producer) -> str:
    rows = []
    for registration in producer.registrations:
        omissions = [_omission(omission) for omission in registration.omissions]
        for number, omission in enumerate(omissions or ["nothing"]):
            first = (code(registration.text), str(registration.contract)) if number == 0 else ("", "")
            rows.append((*first, omission))
    owner = " ".join(filter(None, (plain(producer.owner.team), _told(producer.owner))))
    table = _table_rows(("versions", "log contract", "and leave out on purpose"), rows)
    return f"### {plain(producer.name)}\n\nOwner: {owner}.\n\n{table}"


def _omission(omission: Omission) -> str:
    """Say one omission in a line: field, reason and note, when, how much of it."""
    said = f"{code(omission.field)}: {omission.reason}"
    if omission.note:
        said += f", {plain(omission.note)}"
    since = f" from {omission.since}" if omission.since else ""
    until = f" until {omission.expires}" if omission.expires else ""
    share = f", in at most {100 * omission.max_share:g} % of its rows" if omission.max_share is not None else ""
    approved = f", approved by {plain(omission.approved_by)}" if omission.approved_by else ""
    issue = f", {plain(omission.issue)}" if omission.issue else ""
    return f"{said} ({code(omission.id)}{since}{until}{share}{approved}{issue})"


def _told(owner: Owner) -> str:
    return f"({', '.join(code(target) for target in owner.notify)})" if owner.notify else ""


def _derived_page(event: DerivedEvent) -> str:
    parts = [
        _head(event.header, "Derived event"),
        f"From {_link(event.raw.header, '../../')} (of {code(event.raw_range)}), which decodes every message.\n",
        "## Fields\n",
        _table_rows(("field", "type", "from", "meaning"), (_derived_row(field) for field in event.fields)),
        "## Dropped on purpose\n",
        _table_rows(("filter", "drops when"), ((code(f.name), code(f.text)) for f in event.filters)),
        "## Set right\n",
        _table_rows(
            ("correction", "when", "sets"),
            (
                (code(c.name), code(c.text), ", ".join(code(f"{a.field} = {a.text}") for a in c.set))
                for c in event.corrections
            ),
        ),
        "## Looked up\n",
        _table_rows(
            ("lookup", "table", "on", "when missing"),
            (
                (
                    code(k.name),
                    code(k.table.header.reference),
                    ", ".join(code(f"{c} = {f}") for c, f in k.on),
                    k.on_miss,
                )
                for k in event.lookups
            ),
        ),
        "## Must agree\n",
        _rules(event.agreements),
        "## Goes to\n",
        _sinks(event),
        *_quality(event),
    ]
    return "\n".join(parts)


def _link(header: Header, up: str) -> str:
    path = f"{up}{header.namespace}/{header.name}/{header.version}.md"
    return f"[{plain(header.qualified)} {header.version}]({path})"


def _quality(event: DerivedEvent) -> list[str]:
    if event.quality is None:
        return []
    rows = (
        (code(a.field), a.metric, _share(a.warning), _share(a.critical), str(a.min_rows or ""))
        for a in event.quality.alerts
    )
    by = ", ".join(event.quality.by) or "all rows"
    head = ("field", "measured", "warning above", "critical above", "from so many rows")
    return ["## Watched\n", f"Every {event.quality.window_seconds} seconds, by {by}.\n", _table_rows(head, rows)]


def _share(share: float | None) -> str:
    return "" if share is None else f"{100 * share:g} %"


def _sinks(event: DerivedEvent) -> str:
    table = f"Iceberg {code(derived_table(event))}"
    kafka = event.sinks.kafka
    return f"{table}, Kafka {code(kafka.topic)}.\n" if kafka else f"{table}.\n"


def _derived_row(field: DerivedField) -> tuple[str, ...]:
    return code(field.name), code(type_text(field.type)), code(field.text), plain(field.doc)


def _table_page(table: Table) -> str:
    rows = (
        (
            code(f.name),
            code(type_text(f.type)),
            "required" if f.required else "optional",
            _constraint(f.constraint),
            plain(f.doc),
        )
        for f in table.fields
    )
    head = ("field", "type", "presence", "allowed", "meaning")
    return "\n".join(
        [
            _head(table.header, "Table"),
            f"Key: {', '.join(code(k) for k in table.key)}. From {table.source.kind} {code(table.source.location)}.\n",
            "## Fields\n",
            _table_rows(head, rows),
        ]
    )


def _index(repository: Repository) -> str:
    rows = (
        (
            _link(h, ""),
            h.status,
            plain(h.owner.team),
            plain(h.doc),
        )
        for h in sorted(repository.headers, key=lambda h: (h.qualified, h.version.key))
    )
    return "# Contracts\n\n" + _table_rows(("contract", "status", "owner", "what one row is"), rows)

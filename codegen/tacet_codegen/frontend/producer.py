"""A producer as written: which versions of it log which contract version, and what they leave out on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.header import read_owner
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.ir.model import Omission, Owner, Version

if TYPE_CHECKING:
    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Problems

PRODUCER = Shape(
    {
        "producer": "the value of the event's producer field",
        "event": "the raw event",
        "owner": "who answers for it",
        "versions": "range -> contract",
    },
    {"doc": "what it is"},
)
REGISTRATION = Shape({"contract": "the contract version that this range logs"}, {"omits": "field -> omission"})
OMISSION = Shape(
    {"id": "a name for it, in kebab case", "reason": "a data-absent-reason code"},
    {
        "note": "why, in a sentence",
        "approved_by": "who agreed",
        "issue": "where it was discussed",
        "since": "first day, UTC",
        "expires": "last day, UTC",
        "max_share": "for example 40%",
    },
)
REASONS = (
    "unknown",
    "asked-unknown",
    "temp-unknown",
    "not-asked",
    "asked-declined",
    "masked",
    "not-applicable",
    "unsupported",
    "as-text",
    "error",
    "not-a-number",
    "negative-infinity",
    "positive-infinity",
    "not-performed",
    "not-permitted",
)
"""FHIR R5, code system data-absent-reason (hl7.org/fhir/R5/codesystem-data-absent-reason.html)."""


@dataclass(frozen=True, slots=True)
class WrittenOmission:
    """An omission with the place of its field's name."""

    omission: Omission
    field: Scalar


@dataclass(frozen=True, slots=True)
class WrittenRegistration:
    """One range, still text: its scheme is the event's."""

    range: Scalar
    contract: Version
    contract_span: Span
    omissions: tuple[WrittenOmission, ...]


@dataclass(frozen=True, slots=True)
class WrittenProducer:
    """A producer of one raw event."""

    name: str
    event: Scalar
    owner: Owner
    registrations: tuple[WrittenRegistration, ...]
    place: Place
    span: Span


def read_producer(place: Place, node: Node, problems: Problems) -> WrittenProducer | None:
    """Read a producer's file; None when anything in it is wrong."""
    before = problems.errors
    found = reading.keys(node, PRODUCER, "producer", problems)
    if found is None:
        return None
    name = reading.text(found.get("producer"), "producer", problems)
    event = reading.text(found.get("event"), "event", problems)
    owner = read_owner(found.get("owner"), problems)
    reading.text(found.get("doc"), "doc", problems, lines=True)
    if name is not None and (len(name.value) > 128 or not name.value.isprintable()):
        problems.add(
            "E204", f"producer `{reading.cut(name.value)}` is no name", name.span, "at most 128 printable characters"
        )
    if name is not None and name.value != place.stem:
        problems.add(
            "E209",
            f"producer `{reading.cut(name.value)}` stands in `{place.stem}.yaml`",
            name.span,
            f"name the file `{reading.cut(name.value)}.yaml`",
        )
    if event is not None and event.value != place.folder:
        problems.add(
            "E209",
            f"a producer of `{reading.cut(event.value)}` stands in the folder of `{place.folder}`",
            event.span,
            "move the file",
        )
    versions = reading.pairs(found.get("versions"), "versions", problems)
    registrations = [_registration(key, value, problems) for key, value in versions]
    node_ = found.get("versions")
    if node_ is not None and not versions and problems.errors == before:
        problems.add("E203", "no version range", node_.span, 'write `">=1.0.0": {contract: 1.0.0}`')
    if name is None or event is None or problems.errors > before:
        return None
    return WrittenProducer(name.value, event, owner, tuple(r for r in registrations if r), place, name.span)


def _registration(key: Scalar, node: Node, problems: Problems) -> WrittenRegistration | None:
    found = reading.keys(node, REGISTRATION, f"versions `{reading.cut(key.value)}`", problems)
    if found is None:
        return None
    contract_node = found.get("contract")
    contract = reading.version(contract_node, "contract", problems)
    written = reading.pairs(found.get("omits"), "omits", problems)
    omissions = [_omission(name, value, problems) for name, value in written]
    if contract is None or contract_node is None:
        return None
    return WrittenRegistration(key, contract, contract_node.span, tuple(o for o in omissions if o))


def _omission(name: Scalar, node: Node, problems: Problems) -> WrittenOmission | None:
    what = f"omission of `{reading.cut(name.value)}`"
    found = reading.keys(node, OMISSION, what, problems)
    if found is None:
        return None
    id_text = reading.text(found.get("id"), f"{what}: id", problems)
    id_ = reading.slug(id_text, f"{what}: id", problems)
    if id_ is not None and id_.startswith("predates-") and id_text is not None:
        problems.add("E219", f"id `{id_}` begins like those that tacet gives itself", id_text.span, "choose another id")
    reason = reading.word(found.get("reason"), REASONS, f"{what}: reason", problems)
    note = reading.text(found.get("note"), "note", problems, lines=True)
    approved = reading.text(found.get("approved_by"), "approved_by", problems)
    issue = reading.text(found.get("issue"), "issue", problems)
    since = reading.date(found.get("since"), "since", problems)
    expires = reading.date(found.get("expires"), "expires", problems)
    share = reading.share(found.get("max_share"), "max_share", problems)
    if since is not None and expires is not None and since > expires:
        problems.add(
            "E306",
            f"{what} is since `{since}` and expires `{expires}`",
            found.names["expires"].span,
            "put the earlier date in `since`",
        )
    if id_ is None or reason is None:
        return None
    omission = Omission(
        id_, name.value, reason, note.value.strip() if note else "", approved.value if approved else None,
        issue.value if issue else None, since, expires, share, name.span,
    )  # fmt: skip
    return WrittenOmission(omission, name)

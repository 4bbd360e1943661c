"""What every versioned contract begins with: name, version, status, owner, doc; and where its file must stand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Span
from tacet_codegen.frontend import reading
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.ir.model import Header, Owner

if TYPE_CHECKING:
    from tacet_codegen.frontend.nodes import Node
    from tacet_codegen.frontend.reading import Keys, Problems
    from tacet_codegen.ir.model import Status

STATUSES: tuple[Status, ...] = ("draft", "released", "deprecated")
OWNER = Shape({"team": "who answers for it"}, {"notify": 'where they are told, for example ["slack:#team"]'})


@dataclass(frozen=True, slots=True)
class Place:
    """One file of a repository: its path there, and what its folders say it is."""

    file: str
    namespace: str
    folder: str
    """The contract's folder: its name."""
    stem: str
    """The file's name without `.yaml`: version or producer."""
    data: bytes

    @property
    def span(self) -> Span:
        """Return the place of the whole file."""
        return Span(self.file)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def read_owner(node: Node | None, problems: Problems) -> Owner:
    """Read who answers for a contract."""
    found = reading.keys(node, OWNER, "owner", problems)
    if found is None:
        return Owner("", ())
    team = reading.slug(reading.text(found.get("team"), "owner.team", problems), "team", problems)
    notify = reading.texts(found.get("notify"), "owner.notify", problems)
    for target in notify:
        if ":" not in target.value or not target.value.isprintable() or len(target.value) > 256 or " " in target.value:
            problems.add(
                "E219",
                f"notify `{reading.cut(target.value)}` says no channel",
                target.span,
                "write `slack:#channel`, `webhook:NAME` or `file:NAME`",
            )
    return Owner(team or "", tuple(target.value for target in notify))


def read_header(place: Place, found: Keys, kind: str, problems: Problems) -> Header | None:
    """Read the common keys; None when name or version cannot be told."""
    before = problems.errors
    named = reading.text(found.get(kind), kind, problems)
    name = reading.identifier(named, kind, problems)
    version = reading.version(found.get("version"), "version", problems)
    status = reading.word(found.get("status"), STATUSES, "status", problems) if found.get("status") else "draft"
    owner = read_owner(found.get("owner"), problems)
    doc = reading.text(found.get("doc"), "doc", problems, lines=True)
    if named is not None and name is not None and name != place.folder:
        problems.add(
            "E209",
            f"{kind} `{name}` stands in the folder `{place.folder}`",
            named.span,
            f"move the file to a folder named `{name}`, or rename it",
        )
    node = found.get("version")
    if version is not None and node is not None and str(version) != place.stem:
        problems.add(
            "E209", f"version `{version}` stands in `{place.stem}.yaml`", node.span, f"name the file `{version}.yaml`"
        )
    if name is None or version is None or (problems.errors > before and name != place.folder):
        return None
    state: Status = status if status in {"draft", "released", "deprecated"} else "draft"
    return Header(
        namespace=place.namespace,
        name=name,
        version=version,
        status=state,
        owner=owner,
        doc=doc.value.strip() if doc else "",
        file=place.file,
        digest=place.digest,
        span=named.span if named else place.span,
    )

"""Text -> meaning: `load` reads a folder of contracts, and returns what they mean and everything that is wrong.

Files (`repository`) -> nodes with positions (`nodes`) -> contracts as written (`raw`, `producer`, `table`,
`derived`) -> contracts as meant (`resolve`, into `ir`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacet_codegen.diagnostics import Diagnostic, Span, in_order
from tacet_codegen.frontend import nodes, reading
from tacet_codegen.frontend.derived import read_derived
from tacet_codegen.frontend.nodes import Mapping
from tacet_codegen.frontend.producer import read_producer
from tacet_codegen.frontend.raw import read_raw
from tacet_codegen.frontend.reading import Problems
from tacet_codegen.frontend.released import check_released, read_lock, read_waivers
from tacet_codegen.frontend.repository import find_files
from tacet_codegen.frontend.resolve import resolve
from tacet_codegen.frontend.table import read_table
from tacet_codegen.frontend.written import Written

if TYPE_CHECKING:
    from pathlib import Path

    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.repository import Files
    from tacet_codegen.ir.model import Header, Repository, Waiver


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder means. `repository` is None when there is any error."""

    repository: Repository | None
    diagnostics: tuple[Diagnostic, ...]
    waivers: tuple[Waiver, ...] = ()


def load(contracts: Path) -> Loaded:
    """Read every contract below a folder. Never raises for what is in it; finds all problems at once."""
    problems = Problems()
    root = contracts.absolute()
    if not root.is_dir():
        problems.add(
            "E101",
            "no folder of contracts",
            Span(str(contracts)),
            "run in a repository, or name the folder with `--contracts`",
        )
        return Loaded(None, tuple(problems.found))
    files = find_files(root, problems)
    if not files.contracts and not files.broken:
        problems.add("E110", "no contract here", Span(root.name), "write one, or start with `tacet init`")
    lock = read_lock(files.lock, files.lock_file, problems)
    check_released(lock, (*files.contracts, *files.producers), problems)
    waivers = read_waivers(files.waivers, _names(files), problems)
    written = Written(broken=set(files.broken))
    for place in files.contracts:
        _contract(place, written, problems)
    for place in files.producers:
        _producer(place, written, problems)
    _one_kind(written, problems)
    repository = resolve(written, lock, problems)
    found = tuple(in_order(problems.found))
    return Loaded(None if problems.errors else repository, found, waivers)


def _names(files: Files) -> dict[str, str]:
    """Return what a waiver may call a file -> the file."""
    references = {f"{p.namespace}.{p.folder}@{p.stem}": p.file for p in files.contracts}
    return references | {p.file: p.file for p in files.producers}


def _node(place: Place, problems: Problems) -> Mapping | None:
    node, wrong = nodes.parse(place.data, place.file)
    problems.found.extend(wrong)
    if node is not None and not isinstance(node, Mapping):
        problems.add(
            "E203",
            f"a contract is a mapping, got {reading.kind_of(node)}",
            node.span,
            "begin with `event:`, `table:` or `producer:`",
        )
        return None
    return node


def _contract(place: Place, written: Written, problems: Problems) -> None:
    before = problems.errors
    node = _node(place, problems)
    if node is not None:
        keys = {key.value: value for key, value in node.items}
        name = keys.get("event", keys.get("table"))
        if "table" in keys:
            table = read_table(place, node, problems)
            written.tables.extend([table] if table else [])
        elif "event" in keys and "from" in keys:
            derived = read_derived(place, node, problems)
            written.derived.extend([derived] if derived else [])
        elif "event" in keys:
            raw = read_raw(place, node, problems)
            written.raw.extend([raw] if raw else [])
        else:
            kinds = ("event", "table", "producer")
            near = next(
                (hint for key in keys if (hint := reading.did_you_mean(key, kinds, ""))),
                "begin with `event:` or `table:`",
            )
            problems.add("E202", "neither an event nor a table", node.span, near)
        if problems.errors > before and isinstance(name, nodes.Scalar):
            written.broken.add(f"{place.namespace}.{name.value}")
    if problems.errors > before:
        written.broken.add(f"{place.namespace}.{place.folder}")


def _one_kind(written: Written, problems: Problems) -> None:
    """Check that all versions of a name are of one kind: raw, derived or table."""
    kinds: dict[str, tuple[str, Header]] = {}
    for kind, contracts in (("raw event", written.raw), ("derived event", written.derived), ("table", written.tables)):
        for header in sorted((c.header for c in contracts), key=lambda h: (h.qualified, h.version.key)):
            other, first = kinds.setdefault(header.qualified, (kind, header))
            if other != kind:
                problems.add(
                    "E309",
                    f"`{header.qualified}` is a {kind} here and a {other} in `{first.file}`",
                    header.span,
                    "give it a name of its own",
                )
                written.broken.add(header.qualified)


def _producer(place: Place, written: Written, problems: Problems) -> None:
    node = _node(place, problems)
    producer = read_producer(place, node, problems) if node is not None else None
    written.producers.extend([producer] if producer else [])

"""Does the reference interpreter find exactly what was planted, and nothing else?"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import tacet.console
from tacet.repository import Compiled, compiled
from tacet.verbs.explain import lookup_rows
from tacet.verbs.sample import reference_rows
from tacet_runtime.sample import Profile, Recipe, write_sample
from tacet_runtime.steps.interpreter import Interpreter

NATURAL = {"present", "optional", "not_applicable"}


@dataclass(frozen=True)
class Sampled:
    """A sample of a repository, and its labels by message."""

    compiled: Compiled
    messages: list[bytes]
    labels: dict[int, list[dict]]

    def planted(self, name: str) -> list[dict]:
        return [label for labels in self.labels.values() for label in labels if label["planted"] == name]


def open_repository(root: Path, job: str, monkeypatch) -> Compiled:
    monkeypatch.setattr(tacet.console.OPTIONS, "contracts", root / "contracts")
    return compiled(job, raw=True)


def sampled(found: Compiled, folder: Path, scenario: str, *, events: int = 300, seed: int = 5) -> Sampled:
    out, notes = folder / f"{scenario}.ndjson", folder / f"{scenario}.labels"
    write_sample(
        found.plan, Recipe(seed, scenario, Profile(), reference_rows(found, Path())), out, events=events, labels=notes
    )
    labels = defaultdict(list)
    for line in notes.read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        labels[label["message"]].append(label)
    return Sampled(found, out.read_bytes().split(b"\n")[:-1], labels)


def disagreements(sample: Sampled) -> list[str]:
    """Return where labels and the reference interpreter differ, in both directions."""
    plan, found = sample.compiled.plan, []
    interpreter = Interpreter(plan, lookup_rows(plan, sample.compiled.root, Path()))
    for number, data in enumerate(sample.messages):
        labels = sample.labels.get(number, [])
        result = interpreter.message(data)
        got, wanted = _message(result), _labelled(labels, result)
        found += [f"{number}: got {got - wanted}, labelled {wanted - got}: {data[:400]!r}"] if got != wanted else []
    return found


def _message(result) -> set:
    """Return all that is not ordinary in a result."""
    if result.reject is not None:
        return {(None, f"rejected:{result.reject.kind}")}
    if not result.rows:
        return {(None, "skipped" if result.outcome == "skipped" else f"filtered:{result.filter}")}
    return {fact for row in result.rows for fact in _row(row)}


def _row(row):
    yield from ((row.index, name, verdict) for name, verdict in row.verdicts.items() if verdict not in NATURAL)
    yield from ((row.index, f"flagged:{name}") for name in row.flags)
    yield from ((row.index, f"corrected:{name}") for name in row.corrections)
    misses = {verdict for verdict in row.derived_verdicts.values() if verdict.startswith("lookup_miss:")}
    yield from ((row.index, verdict) for verdict in misses)
    if row.outcome == "rejected":
        yield row.index, f"rejected:{row.reject.kind}"
    elif row.outcome == "filtered":
        yield row.index, f"filtered:{row.filter}"


def _labelled(labels: list[dict], result) -> set:
    wanted = set()
    for label in labels:
        index, field, expected = label["index"], label["field"], label["expected"]
        if expected is None:
            continue
        if field is None or expected.startswith(("rejected:", "lookup_miss:")):
            wanted.add((index, expected))
            if (
                field is not None
                and index is not None
                and not expected.startswith(("lookup_miss:", "rejected:lookup:"))
            ):
                wanted.add((index, field, result.rows[index].verdicts[field]))
                assert result.rows[index].verdicts[field] not in NATURAL
        else:
            wanted.add((index, field, expected))
    return wanted

"""Values as the engine's scanner reads them -> typed and tested rows; and which messages are the job's, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.expressions import render
from tacet_codegen.targets.duckdb.judged import bits, judged
from tacet_codegen.targets.duckdb.literals import identifier
from tacet_codegen.targets.duckdb.values import convert, tests
from tacet_runtime.plan.expressions import Column
from tacet_runtime.plan.forms import IN_SQL, form
from tacet_runtime.plan.walk import path_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_runtime.plan.expressions import PathValue
    from tacet_runtime.plan.model import Plan, Source


def select(source: Source) -> str:
    """Return the statement over `messages` (`:p:0`, ...: the paths of `select`, each once): `:ours`, by message."""
    if source.select is None:
        raise ValueError("a source without `select`")
    columns = {part: identifier(f":p:{number}") for number, part in enumerate(path_values(source.select))}

    def name(part: Column | PathValue) -> str:
        if isinstance(part, Column):
            raise TypeError(part)
        return f"({convert(part.type, 'json', columns[part])})"

    return f'SELECT COALESCE({render(source.select, name)}, FALSE) AS ":ours"\nFROM messages'


def rows(plan: Plan) -> str:
    """Return the statement over `scanned` (each field by name, as its `Form` is read), row by row.

    Its columns: the fields whose values SQL gives (`forms.IN_SQL`), NULL where a test failed; and what was tested:
    `:bad` (fields that are not `one_of`, `pattern`, `range`), `:when` (conditions of presence), `:rules`, `:filters`.
    """
    fields = plan.source.fields
    found = [(field, reason, test) for field in fields for reason, test in tests(field)]
    masks = {(f.name, reason): identifier(f":bad:{reason}:{f.name}") for f, reason, _ in found}
    typed = [
        f"{convert(f.type, f.encoding, identifier(f.name))} AS {identifier(f.name)}"
        if f.path.root != "$index"
        else identifier(f.name)
        for f in fields
    ]
    sql = _over(typed, "scanned")
    if found:
        tested = [f"({test}) IS TRUE AS {masks[f.name, reason]}" for f, reason, test in found]
        sql = _over(["*", *tested], f"({sql})")
    kept = [_unless([m for (name, _), m in masks.items() if name == f.name], f.name) for f in fields]
    sql = _over([*kept, *bits(list(masks.values()), ":bad")], f"({sql})")
    given = [identifier(f.name) for f in fields if form(f.type, f.encoding) in IN_SQL]
    bad = [identifier(f":bad:{number}") for number in range(max(1, -(-len(masks) // 60)))]
    return _over([*given, *bad, *judged(plan)], f"({sql})")


def _unless(bad: list[str], name: str) -> str:
    own = identifier(name)
    return f"CASE WHEN NOT ({' OR '.join(bad)}) THEN {own} END AS {own}" if bad else own


def _over(columns: Iterable[str], source: str) -> str:
    return f"SELECT {', '.join(columns)}\nFROM {source}"

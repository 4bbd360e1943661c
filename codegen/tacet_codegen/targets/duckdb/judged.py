"""What is asked of every typed row, as bits of whole numbers: conditions of presence, rules, filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.expressions import render
from tacet_codegen.targets.duckdb.literals import identifier, type_name
from tacet_runtime.plan.expressions import Column, PathValue
from tacet_runtime.plan.model import RequiredWhen

if TYPE_CHECKING:
    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Plan, Source


def conditions(source: Source) -> list[Expression]:
    """Return the distinct conditions of presence, of all versions."""
    presences = [f.presence for f in source.fields] + [p for v in source.versions for p in v.presence.values()]
    return list(dict.fromkeys(p.condition for p in presences if isinstance(p, RequiredWhen)))


def judged(plan: Plan) -> list[str]:
    """Return the columns `:when`, `:rules`, `:filters` over typed rows."""
    source = plan.source
    known = {f.name for f in source.fields}

    def name(column: Column | PathValue) -> str:
        if isinstance(column, PathValue):
            raise TypeError(column)
        return identifier(column.name) if column.name in known else f"CAST(NULL AS {type_name(column.type)})"

    def state(condition: Expression) -> list[str]:
        sql = render(condition, name)
        return [f"({sql}) IS TRUE", f"({sql}) IS FALSE"]

    when = [test for condition in conditions(source) for test in state(condition)]
    rules = [f"({render(rule.check, name)}) IS FALSE" for rule in source.rules]
    filters = [f"({render(one.drop_when, name)}) IS TRUE" for one in plan.derived.filters] if plan.derived else []
    return [*bits(when, ":when"), *bits(rules, ":rules"), *bits(filters, ":filters")]


def bits(tests: list[str], name: str) -> list[str]:
    """Return columns `name:0`, `name:1`, ... that hold 60 tests each, the first in the lowest bit; always at least one."""
    columns = []
    for number, start in enumerate(range(0, max(len(tests), 1), 60)):
        part = tests[start : start + 60]
        summed = (
            " + ".join(f"CASE WHEN {test} THEN {1 << at}::BIGINT ELSE 0 END" for at, test in enumerate(part))
            or "0::BIGINT"
        )
        columns.append(f"{summed} AS {identifier(f'{name}:{number}')}")
    return columns

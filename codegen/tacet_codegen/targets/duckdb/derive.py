"""Typed rows -> derived rows, in SQL: corrections one after the other, lookups, expressions, agreements.

Beside each value comes what tells why it could be NULL (`:bits`): which corrections were applied and what they gave,
which lookups were found, which of their columns and which results are NULL, which expressions failed. That a raw field is
NULL is not among them: the raw verdicts say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.targets.duckdb.expressions import render, render_error
from tacet_codegen.targets.duckdb.judged import bits
from tacet_codegen.targets.duckdb.literals import identifier, type_name
from tacet_runtime.plan.expressions import Column, PathValue

if TYPE_CHECKING:
    from collections.abc import Collection

    from tacet_runtime.plan.model import Correction, Derived, DerivedField, Source


def derive(derived: Derived, source: Source) -> str:
    """Return the statement over `rows` (typed raw rows with `:row`): each derived field by name, and `:bits`.

    A field that is a raw field unchanged is not among them: the engine has it already, and knows why it is NULL.
    """
    columns = [f.name for f in source.fields]
    corrected = {a.field for correction in derived.corrections for a in correction.set}
    sql = f'SELECT ":row", {", ".join(map(identifier, columns))} FROM "rows"'
    tests: list[str] = []
    for number, correction in enumerate(derived.corrections):
        sql, own = _correct(sql, correction, number, columns, [t.strip('"') for t in tests])
        tests += own
    sql = _join(sql, derived)
    tests += [f'":hit:{lookup.name}"' for lookup in derived.lookups]
    inputs = dict.fromkeys(name for field in derived.fields for name in field.inputs)
    tests += [f"{_named(name)} IS NULL" for name in inputs if "." in name]

    values = [f"{render(f.value, _column)} AS {identifier(f':d:{f.name}')}" for f in derived.fields]
    errors = []
    for field in derived.fields:
        error = render_error(field.value, _column)
        if error != "FALSE":
            errors.append(f"{error} AS {identifier(f':e:{field.name}')}")
            tests.append(identifier(f":e:{field.name}"))
    sql = f"SELECT *, {', '.join([*values, *errors])}\nFROM ({sql})"
    tests += [f"{identifier(f':d:{f.name}')} IS NULL" for f in derived.fields if not isinstance(f.value, Column)]

    def result(column: Column | PathValue) -> str:
        return identifier(f":d:{column.name}") if isinstance(column, Column) else "NULL"

    tests += [f"({render(a.check, result)}) IS FALSE" for a in derived.agreements]
    changed = [f for f in derived.fields if not _unchanged(f, corrected, columns)]
    outputs = [f"{identifier(f':d:{f.name}')} AS {identifier(f.name)}" for f in changed]
    return f'SELECT ":row", {", ".join([*outputs, *bits(tests, ":bits")])}\nFROM ({sql})'


def _unchanged(field: DerivedField, corrected: Collection[str], columns: Collection[str]) -> bool:
    """Tell whether a derived field is a raw field as it is."""
    return isinstance(field.value, Column) and field.value.name in columns and field.value.name not in corrected


def _named(name: str) -> str:
    lookup, dot, column = name.partition(".")
    return identifier(f":l:{lookup}:{column}") if dot else identifier(name)


def _column(column: Column | PathValue) -> str:
    return _named(column.name) if isinstance(column, Column) else "NULL"


def _correct(
    sql: str, correction: Correction, number: int, columns: list[str], carried: list[str]
) -> tuple[str, list[str]]:
    """Return the statement with one correction applied, and its tests: applied, then per field NULL and failed."""
    applied = f":c:{number}"
    tests = [applied]
    flags = [f"({render(correction.when, _column)}) IS TRUE AS {identifier(applied)}"]
    for at, assignment in enumerate(correction.set):
        value = render(assignment.value, _column)
        flags.append(f"{value} AS {identifier(f':v:{number}:{at}')}")
        error = render_error(assignment.value, _column)
        tests.append(f":n:{number}:{at}")
        flags.append(f"{identifier(applied)} AND ({value}) IS NULL AS {identifier(f':n:{number}:{at}')}")
        if error != "FALSE":
            tests.append(f":f:{number}:{at}")
            flags.append(f"{identifier(applied)} AND {error} AS {identifier(f':f:{number}:{at}')}")
    inner = f"SELECT *, {', '.join(flags)}\nFROM ({sql})"
    sets = {a.field: f":v:{number}:{at}" for at, a in enumerate(correction.set)}
    changed = [
        f"CASE WHEN {identifier(applied)} THEN {identifier(sets[name])} ELSE {identifier(name)} END AS {identifier(name)}"
        if name in sets
        else identifier(name)
        for name in columns
    ]
    kept = [identifier(name) for name in (*carried, *tests)]
    return f'SELECT ":row", {", ".join([*changed, *kept])}\nFROM ({inner})', [identifier(name) for name in tests]


def _join(sql: str, derived: Derived) -> str:
    for lookup in derived.lookups:
        own = identifier(f":lookup:{lookup.name}")
        on = " AND ".join(f'{own}.{identifier(k.column)} = ":r".{identifier(k.field)}' for k in lookup.keys)
        columns = [
            f"CAST({own}.{identifier(c.name)} AS {type_name(c.type)}) AS {identifier(f':l:{lookup.name}:{c.name}')}"
            for c in lookup.columns
        ]
        hit = f'{own}.{identifier(lookup.keys[0].column)} IS NOT NULL AS ":hit:{lookup.name}"'
        sql = f'SELECT ":r".*, {hit}, {", ".join(columns)}\nFROM ({sql}) AS ":r" LEFT JOIN {own} ON {on}'
    return sql

"""Types over versions: one table holds every version of an event, so a column's type only ever widens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.ir.typetext import type_text
from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_codegen.diagnostics import Span
    from tacet_codegen.frontend.reading import Problems
    from tacet_runtime.plan.types import Type


def check_types(columns: Iterable[tuple[str, str, Type, Span]], problems: Problems) -> None:
    """Check (table, column, type, place), oldest version first: each type is the one before it, or a wider one."""
    types: dict[tuple[str, str], Type] = {}
    for table, name, type_, span in columns:
        before = types.setdefault((table, name), type_)
        if not _promotes(before, type_):
            problems.add(
                "E405",
                f"field `{name}` was `{type_text(before)}` in an earlier version, and is `{type_text(type_)}`",
                span,
                "give the new form a new name: one table holds all versions",
            )
        types[table, name] = type_


def _promotes(old: Type, new: Type) -> bool:
    """Tell whether Iceberg can read the old column as the new type (Iceberg spec, Schema Evolution)."""
    if old == new:
        return True
    match old, new:
        case (t.IntType(), t.LongType()) | (t.FloatType(), t.DoubleType()):
            return True
        case t.DecimalType(p, s), t.DecimalType(p2, s2):
            return s == s2 and p2 >= p
        case t.ListType(a), t.ListType(b):
            return _promotes(a, b)
        case t.MapType(a), t.MapType(b):
            return _promotes(a, b)
        case t.StructType(a), t.StructType(b):
            after = {m.name: m.type for m in b}
            return all(m.name not in after or _promotes(m.type, after[m.name]) for m in a)
        case _:
            return False

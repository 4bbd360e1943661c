"""A derived event as meant: which raw version decodes, what each expression's names are, where each column comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.elsewhere import newer
from tacet_codegen.frontend.expressions import Scope, inputs, parse
from tacet_codegen.frontend.ranges import contains, read_bounds
from tacet_codegen.frontend.sinks import Columns, read_sinks
from tacet_codegen.ir.model import Assignment, Correction, DerivedEvent, DerivedField, Filter, Lookup, Rule, Sinks
from tacet_codegen.ir.typetext import type_text
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tacet_codegen.frontend.derived import WrittenDerived, WrittenDerivedField, WrittenLookup
    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_codegen.frontend.written import Known
    from tacet_codegen.ir.model import Pii, RawEvent, RawField, Table
    from tacet_runtime.plan.expressions import Expression
    from tacet_runtime.plan.model import Bounds


@dataclass(frozen=True, slots=True)
class _Names:
    """What expressions may name: raw fields, and columns of lookups."""

    raw: Mapping[str, RawField]
    raw_scope: Scope
    scope: Scope
    lookups: tuple[Lookup, ...]


def resolve_derived(written: WrittenDerived, known: Known, problems: Problems) -> DerivedEvent | None:
    """Settle one derived event; None when something in it is wrong."""
    before = problems.errors
    raw = _raw(written, known, problems)
    if raw is None:
        return None
    raw_fields = {f.name: f for f in raw.fields}
    elsewhere = newer(raw, known.raw[raw.header.qualified], "from.versions", written.raw_range)
    raw_scope = Scope({name: f.type for name, f in raw_fields.items()}, elsewhere=elsewhere)
    lookups = _lookups(written, raw_scope, known, problems)
    if lookups is None:
        return None
    all_types = dict(raw_scope.columns) | {f"{k.name}.{f.name}": f.type for k in lookups for f in k.table.fields}
    for lookup, one in zip(lookups, written.lookups, strict=True):
        versions = known.tables[lookup.table.header.qualified]
        also = newer(lookup.table, versions, f"lookups.{lookup.name}.version", one.version)
        elsewhere = elsewhere | {f"{lookup.name}.{name}": hint for name, hint in also.items()}
    names = _Names(raw_fields, raw_scope, Scope(all_types, elsewhere=elsewhere), lookups)
    filters = [
        Filter(f.name, e, f.drop_when.value, f.span)
        for f in written.filters
        if (e := _condition(f.drop_when, raw_scope, problems))
    ]
    corrections = _corrections(written, names, problems)
    fields = [f for w in written.fields if (f := _field(w, names, problems)) is not None]
    types = {f.name: f.type for f in fields}
    if len(fields) < len(written.fields):
        return None
    _identity(fields, raw_fields, problems)
    agreements = [
        Rule(a.name, e, a.check.value, a.otherwise, a.severity, a.span)
        for a in written.agreements
        if (e := _condition(a.check, Scope(types), problems))
    ]
    columns = Columns(types, ranges=_ranges(fields, raw_fields, corrections))
    sinks = read_sinks(written.sinks, columns, "derived", problems) if written.sinks else Sinks(None, None)
    if problems.errors > before:
        return None
    if not any(f.identity for f in fields):
        fields = [replace(f, identity=_of_identity(f, raw_fields)) for f in fields]
    return DerivedEvent(
        header=written.header,
        raw=raw,
        raw_range=written.raw_range.value,
        filters=tuple(filters),
        corrections=corrections,
        lookups=lookups,
        fields=tuple(fields),
        agreements=tuple(agreements),
        sinks=sinks,
        quality=written.quality,
    )


def _condition(text: Scalar, scope: Scope, problems: Problems) -> Expression | None:
    return parse(text.value, text.at, scope, problems.found, expected=t.BooleanType())


def qualify(name: str, namespace: str) -> str:
    """Return `namespace.name` for a reference that may leave out its own namespace."""
    return name if "." in name else f"{namespace}.{name}"


def _raw(written: WrittenDerived, known: Known, problems: Problems) -> RawEvent | None:
    qualified = qualify(written.raw.value, written.header.namespace)
    bounds = read_bounds(written.raw_range, "semver", problems)
    versions = known.raw.get(qualified, ())
    if qualified in known.broken:
        return None
    if not versions:
        names = sorted(known.raw)
        problems.add(
            "E302",
            f"`{reading.cut(written.raw.value)}` is no raw event",
            written.raw.span,
            reading.did_you_mean(qualified, names, "write its contract first"),
        )
        return None
    if bounds is None:
        return None
    inside = [e for e in versions if contains(bounds, e.header.version)]
    if not inside:
        problems.add(
            "E305",
            f"no version of `{qualified}` lies in `{written.raw_range.value}`",
            written.raw_range.span,
            f"versions: {', '.join(str(e.header.version) for e in versions)}",
        )
        return None
    released = [e for e in inside if e.header.status != "draft"]
    return (released or inside)[-1]


def _lookups(written: WrittenDerived, raw: Scope, known: Known, problems: Problems) -> tuple[Lookup, ...] | None:
    found = [_lookup(lookup, raw, written.header.namespace, known, problems) for lookup in written.lookups]
    if any(lookup is None for lookup in found):
        return None
    return tuple(lookup for lookup in found if lookup is not None)


def _lookup(written: WrittenLookup, raw: Scope, namespace: str, known: Known, problems: Problems) -> Lookup | None:
    before = problems.errors
    qualified = qualify(written.table.value, namespace)
    bounds = read_bounds(written.version, "semver", problems)
    versions = known.tables.get(qualified, ())
    if qualified in known.broken:
        return None
    if not versions:
        names = sorted(known.tables)
        problems.add(
            "E302",
            f"`{reading.cut(written.table.value)}` is no table",
            written.table.span,
            reading.did_you_mean(qualified, names, "write its contract first"),
        )
        return None
    if written.name in raw.columns:
        problems.add("E402", f"lookup `{written.name}` has the name of a field", written.span, "rename the lookup")
    if bounds is None:
        return None
    inside = [x for x in versions if contains(bounds, x.header.version)]
    if not inside:
        problems.add(
            "E305",
            f"no version of `{qualified}` lies in `{written.version.value}`",
            written.version.span,
            f"versions: {', '.join(str(x.header.version) for x in versions)}",
        )
        return None
    table = ([x for x in inside if x.header.status != "draft"] or inside)[-1]
    _keys(written, table, raw, problems)
    if problems.errors > before:
        return None
    on = {column.value: field.value for column, field in written.on}
    return Lookup(
        written.name,
        table,
        tuple((key, on[key]) for key in table.key),
        "reject" if written.reject else "keep",
        written.span,
    )


def _keys(written: WrittenLookup, table: Table, raw: Scope, problems: Problems) -> None:
    columns = {f.name: f for f in table.fields}
    given = {column.value for column, _ in written.on}
    for column, field in written.on:
        if column.value not in table.key:
            problems.add(
                "E307",
                f"`{reading.cut(column.value)}` is no part of the key of `{table.header.qualified}`",
                column.span,
                f"the key is: {', '.join(table.key)}",
            )
        elif field.value not in raw.columns:
            problems.add(
                "E301",
                f"on `{column.value}` names `{reading.cut(field.value)}`, and there is no such field",
                field.span,
                _way_out(field.value, raw, "name a field of the raw event"),
            )
        elif not _same(columns[column.value].type, raw.columns[field.value]):
            one, other = type_text(columns[column.value].type), type_text(raw.columns[field.value])
            problems.add(
                "E307",
                f"`{column.value}` is `{one}`, and `{field.value}` is `{other}`",
                field.span,
                "join columns of one type",
            )
    for key in table.key:
        if key not in given:
            problems.add(
                "E307",
                f"lookup `{written.name}` leaves out `{key}` of the key",
                written.span,
                f"add `{key}: FIELD` to `on`: a part of a key finds many rows",
            )


def _way_out(name: str, scope: Scope, otherwise: str) -> str:
    return scope.elsewhere.get(name) or reading.did_you_mean(name, scope.columns, otherwise)


def _same(one: object, other: object) -> bool:
    whole = (t.IntType, t.LongType)
    return one == other or (isinstance(one, whole) and isinstance(other, whole))


def _corrections(written: WrittenDerived, names: _Names, problems: Problems) -> tuple[Correction, ...]:
    corrections = []
    for correction in written.corrections:
        when = _condition(correction.when, names.raw_scope, problems)
        assignments = [_assignment(field, text, names, problems) for field, text in correction.set]
        if when is not None:
            sets = tuple(a for a in assignments if a is not None)
            corrections.append(Correction(correction.name, when, correction.when.value, sets, correction.span))
    return tuple(corrections)


def _assignment(field: Scalar, text: Scalar, names: _Names, problems: Problems) -> Assignment | None:
    target = names.raw.get(field.value)
    if target is None:
        problems.add(
            "E301",
            f"set names `{reading.cut(field.value)}`, and there is no such field",
            field.span,
            _way_out(field.value, names.raw_scope, "name a field of the raw event"),
        )
        return None
    if target.identity:
        problems.add(
            "E308",
            f"set changes `{field.value}`, which is part of the identity",
            field.span,
            "leave the identity as it was sent",
        )
        return None
    value = parse(text.value, text.at, names.raw_scope, problems.found, expected=target.type)
    return Assignment(field.value, value, text.value) if value is not None else None


def _field(written: WrittenDerivedField, names: _Names, problems: Problems) -> DerivedField | None:
    if written.source is not None:
        return _taken(written, written.source, names, problems)
    if written.expr is None or written.type is None:
        return None
    value = parse(written.expr.value, written.expr.at, names.scope, problems.found, expected=written.type)
    if value is None:
        return None
    used = inputs(value)
    pii = written.pii or _strictest(names.raw[name].pii for name in used if name in names.raw)
    return DerivedField(
        written.name, 0, written.type, value, written.expr.value, None, used,
        written.optional, written.identity, pii, written.doc, written.span,
    )  # fmt: skip


def _taken(written: WrittenDerivedField, source: Scalar, names: _Names, problems: Problems) -> DerivedField | None:
    type_ = names.scope.columns.get(source.value)
    if type_ is None:
        hint = _way_out(source.value, names.scope, "name a field of the raw event, or `lookup.column`")
        problems.add("E301", f"from names `{reading.cut(source.value)}`, and there is no such field", source.span, hint)
        return None
    if written.type is not None and written.type != type_:
        message = (
            f"field `{written.name}` says `{type_text(written.type)}`, and `{source.value}` is `{type_text(type_)}`"
        )
        problems.add(
            "E308", message, written.type_span or written.span, "leave `type` out, or convert with `expr: CAST(...)`"
        )
        return None
    raw = names.raw.get(source.value)
    pii: Pii = written.pii or (raw.pii if raw else "none")
    doc = written.doc or (raw.doc if raw else "")
    return DerivedField(
        written.name, 0, type_, Column(source.value, type_), source.value, source.value, (source.value,),
        written.optional, written.identity, pii, doc, written.span,
    )  # fmt: skip


def _ranges(
    fields: Iterable[DerivedField], raw: Mapping[str, RawField], corrections: Iterable[Correction]
) -> dict[str, Bounds | None]:
    """Return the ranges that columns keep to: those of raw fields that are taken over as they were sent."""
    corrected = {assignment.field for correction in corrections for assignment in correction.set}
    kept = {name: field.constraint.range for name, field in raw.items() if name not in corrected}
    return {field.name: kept.get(field.taken_over) for field in fields if field.taken_over is not None}


def _identity(fields: list[DerivedField], raw: Mapping[str, RawField], problems: Problems) -> None:
    for field in fields:
        if field.identity and not _of_identity(field, raw):
            problems.add(
                "E217",
                f"field `{field.name}` is identity, and is not taken over from a field that is",
                field.span,
                "only an identity field of the raw event is never NULL: `{from: FIELD, identity: true}`",
            )


def _of_identity(field: DerivedField, raw: Mapping[str, RawField]) -> bool:
    """Tell whether a field is an identity field of the raw event, as it is."""
    return field.taken_over is not None and field.taken_over in raw and raw[field.taken_over].identity


def _strictest(levels: object) -> Pii:
    found = set(levels)  # type: ignore[call-overload]
    return "restricted" if "restricted" in found else "internal" if "internal" in found else "none"

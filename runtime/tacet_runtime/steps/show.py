"""Results as JSON, as `tacet explain` prints them and other tools read them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_never

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.plan.types import Type
    from tacet_runtime.steps.results import MessageResult, Reject, Row

_INVALID = "invalid:"
_SHOWN = 120
"""Characters of a value in a line for a person."""


def message_json(result: MessageResult, plan: Plan) -> dict[str, Any]:
    """Return the message's result; rows of a derived plan show the derived fields, of a raw plan the raw ones.

    A message that ends as its rows do gives the reject, or the filter, of the first row that decided it.
    """
    rejects = [row.reject for row in result.rows if row.reject is not None and result.outcome == "rejected"]
    filters = [row.filter for row in result.rows if row.filter is not None and result.outcome == "filtered"]
    return {
        "outcome": result.outcome,
        "reject": reject_json(result.reject or next(iter(rejects), None)),
        "filter": result.filter or next(iter(filters), None),
        "rows": [row_json(row, plan) for row in result.rows],
    }


def reject_json(reject: Reject | None) -> dict[str, Any] | None:
    """Return a reject: kind, field, detail, and the contract's line."""
    if reject is None:
        return None
    return {"kind": reject.kind, "field": reject.field, "detail": reject.detail, "line": reject.line}


def row_json(row: Row, plan: Plan) -> dict[str, Any]:
    """Return one row, with all fields of the contract.

    A row that ended before the derived stage shows the raw fields, and the derived ones that it never had as null.
    Verdicts are spelled as the table of the language has them; `reasons` says what is wrong with an invalid value.
    """
    raw = {f.name: f.type for f in plan.source.fields}
    derived = {f.name: f.type for f in plan.derived.fields} if plan.derived else {}
    types = derived if row.derived_verdicts else {**derived, **raw}
    values, verdicts = (row.derived, row.derived_verdicts) if row.derived_verdicts else (row.values, row.verdicts)
    return {
        "index": row.index,
        "outcome": row.outcome,
        "reject": reject_json(row.reject),
        "filter": row.filter,
        "values": {name: value_json(values.get(name), type_) for name, type_ in types.items()},
        "verdicts": {name: _plain(verdicts.get(name)) for name in types},
        "corrections": row.corrections,
        "flags": row.flags,
        "reasons": {n: v.removeprefix(_INVALID) for n, v in verdicts.items() if n in types and _invalid(v)},
        "nulls": row.nulls,
        "unknown": row.unknown,
        "registered": row.registered,
    }


def _invalid(verdict: str | None) -> bool:
    return verdict is not None and verdict.startswith(_INVALID)


def _plain(verdict: str | None) -> str | None:
    return "invalid" if _invalid(verdict) else verdict


def value_json(value: Any, type_: Type) -> Any:
    """Return a value's JSON form: RFC 3339 in UTC with six digits, decimals as text with their scale, base64."""
    if value is None:
        return None
    match type_:
        case t.BooleanType() | t.IntType() | t.LongType() | t.FloatType() | t.DoubleType():
            return value
        case t.StringType() | t.UuidType():
            return value
        case t.DecimalType():
            return format(value, "f") if isinstance(value, Decimal) else str(value)
        case t.DateType():
            return value.isoformat()
        case t.TimeType():
            return value.isoformat("microseconds")
        case t.TimestampType():
            return value.isoformat(timespec="microseconds")
        case t.TimestamptzType():
            return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case t.BinaryType():
            return base64.b64encode(value).decode("ascii")
        case t.ListType(element):
            return [value_json(v, element) for v in value]
        case t.MapType(of):
            return {k: value_json(v, of) for k, v in value.items()}
        case t.StructType(members):
            return {m.name: value_json(value.get(m.name), m.type) for m in members}
        case _:
            assert_never(type_)


def value_text(value: Any, type_: Type) -> str:
    """Return a typed value in a line for a person: JSON, cut, and nothing in it that a terminal would obey."""
    return line_text(json.dumps(value_json(value, type_), ensure_ascii=False)) if value is not None else "NULL"


def line_text(text: str) -> str:
    """Return text of an event as part of one line: cut, and what cannot be printed escaped as in JSON."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return cut if cut.isprintable() else json.dumps(cut)[1:-1].replace('\\"', '"')

"""JSON Schema 2020-12: what a message of a raw event may be, in the form in which producers send it; and derived rows.

It says what is valid of what is sent. What may be left out is the verdicts' matter: only the identity is required, and
what `select` names, as a message without it is another event's; null is the same as absent for everything else. Keys that no
field names are refused where the contract says `unknown_fields: reject`, and nowhere else.
JSON Schema counts 1.0 as an integer; the other targets do not.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from typing import TYPE_CHECKING, Any, assert_never

from tacet_codegen.ir.asked import answer
from tacet_codegen.targets.base import Artifact, contract_path
from tacet_runtime.plan import types as t
from tacet_runtime.plan.forms import EPOCHS
from tacet_runtime.plan.known import Known, known_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacet_codegen.ir.model import Constraint, Header, RawEvent, RawField
    from tacet_codegen.targets.base import Compilation
    from tacet_runtime.plan.types import Encoding, Type

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_DATE = f"({_YEAR}-{_DAY}|{_LEAP}-02-29)"
"""The calendar from year 1 to 9999, February and all."""
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
_OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_BASE64 = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
"""Canonical: the bits that are left over are zero."""
_NUMBER = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?"
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
FLOAT_LIMIT = 3.4028235677973366e38
"""The least number that rounds to infinity in binary32."""
_FLOATS: dict[type, Schema] = {
    t.FloatType: {"type": "number", "exclusiveMinimum": -FLOAT_LIMIT, "exclusiveMaximum": FLOAT_LIMIT},
    t.DoubleType: {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max},
}
_MADE = "\0made"
"""Marks an object that stands on a path and belongs to no field; no path has such a step."""


def emit(compilation: Compilation) -> Iterator[Artifact]:
    """Yield one schema for each version of each raw event."""
    for event in compilation.repository.raw_events:
        yield Artifact(contract_path("jsonschema", event.header, ".json"), render(message_schema(event)))


def render(schema: Schema) -> str:
    """Return a schema as text: same schema, same bytes."""
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"


def message_schema(event: RawEvent) -> Schema:
    """Return the schema of a message."""
    root: Schema = {"type": "object", "properties": {}}
    for field in event.fields:
        if field.path.root == "$":
            _place(root, field.path.steps, _field_schema(field), required=field.identity)
    if event.source.explode is not None:
        items = {"type": "array", "items": _element(event)}
        _place(root, event.source.explode.steps, items, required=True)
    for asked in answer(event).asked:
        _place(root, asked.path.steps, _one_of(asked.values), required=True)
    if event.unknown_fields == "reject":
        known = _known(event)
        if not _close(root, known):
            root.setdefault("allOf", []).append(_named(known))
    found: Schema = _without_marks({**_head(event.header), **root})
    return found


def _one_of(values: tuple[str | int, ...]) -> Schema:
    """Return the schema of what `select` asks for: one value is its own default, of several the sender chooses."""
    type_ = "string" if isinstance(values[0], str) else "integer"
    if len(values) > 1:
        return {"type": type_, "enum": list(values)}
    return {"type": type_, "const": values[0], "default": values[0]}


def _element(event: RawEvent) -> Schema:
    """Return the schema of an element of the exploded list: anything, where no field looks into it."""
    around: Schema = {"type": "object", "properties": {}}
    for field in event.fields:
        if field.path.root == "$item":
            _place(around, ("item", *field.path.steps), _field_schema(field), required=field.identity)
    found: Schema = around["properties"].get("item", {})
    more = [part["properties"]["item"] for part in around.get("allOf", ())]
    return {**found, "allOf": more} if more else found


def _known(event: RawEvent) -> Known:
    """Return the keys that a message may have, with those of the exploded list's elements where it stands."""
    message, item = known_keys(event.fields, event.source.explode, event.source.select)
    if event.source.explode is not None:
        node = message
        for step in event.source.explode.steps:
            node = node.child(step)
        node.elements = item
    return message


def _close(schema: Schema, known: Known) -> bool:
    """Let a schema refuse keys that are not known; tell whether it has a place for all that are."""
    done = True
    if known.keys:
        if "properties" not in schema:
            return False
        for key, below in known.keys.items():
            done &= _close(schema["properties"].setdefault(key, {}), below)
        if not known.whole:
            schema["additionalProperties"] = False
    if known.elements is not None and (known.elements.keys or known.elements.elements is not None):
        done &= "items" in schema and _close(schema["items"], known.elements)
    return done


def _named(known: Known) -> Schema:
    """Return what known keys alone say of a value."""
    found: Schema = {}
    if known.keys:
        found["properties"] = {key: _named(below) for key, below in known.keys.items()}
        if not known.whole:
            found["additionalProperties"] = False
    if known.elements is not None:
        found["items"] = _named(known.elements)
    return found


def _head(header: Header) -> Schema:
    head: Schema = {"$schema": DIALECT, "title": _title(header.name), "x-tacet-contract": header.reference}
    return {**head, "description": header.doc} if header.doc else head


def _title(name: str) -> str:
    """Return a name in the form of a class: `raw_order` is `RawOrder`."""
    title = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)
    return title if title[:1].isalpha() else f"Object{title}"


def _place(root: Schema, steps: tuple[str, ...], schema: Schema, *, required: bool) -> None:
    """Put a schema where a path leads, through objects that are made on the way: null, if nothing in them is required.

    Where another field reads the same place, or one above it, both hold: the second stands in `allOf`.
    """
    node = root
    for step in steps[:-1]:
        if required:
            _require(node, step)
        made = {_MADE: True, "title": _title(step), "type": ["object", "null"], "properties": {}}
        node = node["properties"].setdefault(step, made)
        if _MADE not in node:
            root.setdefault("allOf", []).append(_alone(steps, schema, required=required))
            return
    if required:
        _require(node, steps[-1])
    if node["properties"].setdefault(steps[-1], schema) != schema:
        root.setdefault("allOf", []).append(_alone(steps, schema, required=required))


def _alone(steps: tuple[str, ...], schema: Schema, *, required: bool) -> Schema:
    """Return what a path alone says of a message."""
    for step in reversed(steps):
        node: Schema = {"type": ["object", "null"], "properties": {step: schema}}
        if required:
            _require(node, step)
        schema = node
    return schema


def _without_marks(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_marks(item) for item in schema]
    if isinstance(schema, dict):
        return {key: _without_marks(value) for key, value in schema.items() if key != _MADE}
    return schema


def _require(node: Schema, step: str) -> None:
    node["type"] = "object"
    names = node.setdefault("required", [])
    if step not in names:
        names.append(step)


def _field_schema(field: RawField) -> Schema:
    form = value_schema(field.type, field.encoding)
    form = _constrained(form, field.constraint, field)
    if not field.identity:
        form = _nullable(form)
    return {**form, "description": field.doc} if field.doc else form


def _nullable(schema: Schema) -> Schema:
    if "additionalProperties" in schema:  # a type list makes datamodel-code-generator forget what the values are
        return {"anyOf": [schema, {"type": "null"}]}
    found = {**schema, "type": [schema["type"], "null"]}
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    return found


def _constrained(schema: Schema, constraint: Constraint, field: RawField) -> Schema:
    found = dict(schema)
    if constraint.one_of is not None:
        found["enum"] = list(constraint.one_of)
    if constraint.pattern is not None:
        found["pattern"] = f"^(?:{constraint.pattern})$"
    if constraint.range is not None and schema["type"] in {"integer", "number"}:
        unit = EPOCHS.get(field.encoding)
        if constraint.range.low is not None:
            found["minimum"] = (
                _number(constraint.range.low) if unit is None else -(-_micros(constraint.range.low) // unit)
            )
        if constraint.range.high is not None:
            found["maximum"] = (
                _number(constraint.range.high) if unit is None else _micros(constraint.range.high) // unit
            )
    return found


def _micros(limit: float | str) -> int:
    """Return a moment as microseconds since 1970."""
    moment = dt.datetime.fromisoformat(str(limit)).replace(tzinfo=dt.UTC)
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _number(limit: float | str) -> float | int:
    if not isinstance(limit, str):
        return limit
    return float(limit) if "." in limit else int(limit)


def value_schema(type_: Type, encoding: Encoding) -> Schema:
    """Return the schema of a value in its encoding."""
    if encoding in EPOCHS and isinstance(type_, t.TimestampType | t.TimestamptzType):
        unit = EPOCHS[encoding]
        return {"type": "integer", "minimum": -(-_FIRST // unit), "maximum": _LAST // unit}
    match type_:
        case t.BooleanType():
            return {"type": "string", "enum": ["true", "false"]} if encoding == "string" else {"type": "boolean"}
        case t.IntType() | t.LongType():
            bits = 31 if isinstance(type_, t.IntType) else 63
            if encoding == "string":
                return _text(f"(-?{_at_most(2**bits - 1)}|-{2**bits})")
            return {"type": "integer", "minimum": -(2**bits), "maximum": 2**bits - 1}
        case t.FloatType() | t.DoubleType():
            return _text(_NUMBER) if encoding == "string" else _FLOATS[type(type_)]
        case t.DecimalType(precision, scale):
            return _decimal(precision, scale, encoding)
        case t.DateType():
            return {**_text(_DATE), "format": "date"}
        case t.TimeType():
            return _text(_TIME)
        case t.TimestampType():
            return _text(f"{_DATE}T{_TIME}")
        case t.TimestamptzType():
            return {**_text(f"{_DATE}T{_TIME}{_OFFSET}"), "format": "date-time"}
        case t.StringType():
            return {"type": "string"}
        case t.UuidType():
            return {**_text(_UUID), "format": "uuid"}
        case t.BinaryType():
            return {**_text(_BASE64), "contentEncoding": "base64"}
        case t.ListType(element):
            return {"type": "array", "items": value_schema(element, encoding)}
        case t.MapType(value):
            return {"type": "object", "additionalProperties": value_schema(value, encoding)}
        case t.StructType(members):
            properties = {m.name: _nullable(value_schema(m.type, encoding)) for m in members}
            return {"type": "object", "properties": properties}
        case _:
            assert_never(type_)


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _at_most(limit: int) -> str:
    """Return a pattern for the whole numbers from 0 to the limit, without leading zeros."""
    digits = str(limit)
    same = [
        f"{digits[:at]}[{1 if at == 0 else 0}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if int(digit) > (1 if at == 0 else 0)
    ]
    return f"(0|[1-9][0-9]{{0,{len(digits) - 2}}}|{'|'.join(same)}|{digits})"


def _decimal(precision: int, scale: int, encoding: Encoding) -> Schema:
    if encoding == "string":
        whole = f"(0|[1-9][0-9]{{0,{precision - scale - 1}}})" if precision > scale else "0"
        fraction = f"([.][0-9]{{1,{scale}}}0*)?" if scale else "([.]0+)?"
        return _text(f"-?{whole}{fraction}")
    limit = 10 ** (precision - scale)
    return {"type": "number", "exclusiveMinimum": -limit, "exclusiveMaximum": limit}

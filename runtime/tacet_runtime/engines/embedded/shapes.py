"""JSON types -> the state of each field: absent, null, sent as it should be, sent wrongly, or beyond what SQL can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Field, Source
    from tacet_runtime.plan.types import Encoding, Type

ABSENT, NULL, PRESENT, BAD_TYPE, BAD_RANGE, BAD_FORMAT, BAD_ONE_OF, BEYOND = range(8)
REASONS = {BAD_TYPE: "type", BAD_RANGE: "range", BAD_FORMAT: "format", BAD_ONE_OF: "one_of"}
STATE_OF = {reason: state for state, reason in REASONS.items()}
_KINDS = ("NULL", "BOOLEAN", "BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "VARCHAR", "ARRAY", "OBJECT")
_CODES = pa.array(_KINDS)
_WHOLE, _NUMBER = ("BIGINT", "UBIGINT"), ("BIGINT", "UBIGINT", "DOUBLE")


def codes(types: pa.Array, width: int) -> np.ndarray:
    """Return json_type's lists as a matrix: 0 for absent, else 1 + the position in `_KINDS`."""
    rows = len(types)
    if width == 0:
        return np.zeros((rows, 0), dtype=np.uint8)
    flat = types.flatten()
    found = pc.index_in(flat, _CODES).fill_null(-1).to_numpy(zero_copy_only=False)
    return (found + 1).astype(np.uint8).reshape(rows, width)


def states(field: Field) -> np.ndarray:
    """Return code of the JSON type -> state of the field."""
    sent = {kind: _state(field.type, field.encoding, kind) for kind in _KINDS}
    return np.array([ABSENT, *(NULL if kind == "NULL" else sent[kind] for kind in _KINDS)], dtype=np.uint8)


def _state(type_: Type, encoding: Encoding, kind: str) -> int:
    nested = isinstance(type_, t.ListType | t.MapType | t.StructType)  # an encoding there is its leaves'
    if encoding.startswith("epoch") and not nested:
        return _whole(kind)
    if encoding == "string" and not nested:
        return PRESENT if kind == "VARCHAR" else BAD_TYPE
    match type_:
        case t.BooleanType():
            return PRESENT if kind == "BOOLEAN" else BAD_TYPE
        case t.IntType() | t.LongType():
            return _whole(kind)
        case t.FloatType() | t.DoubleType():
            return PRESENT if kind in _NUMBER else BEYOND if kind == "HUGEINT" else BAD_TYPE
        case t.DecimalType():
            return _whole(kind)
        case t.ListType():
            return BEYOND if kind == "ARRAY" else BAD_TYPE
        case t.MapType() | t.StructType():
            return BEYOND if kind == "OBJECT" else BAD_TYPE
        case _:
            return PRESENT if kind == "VARCHAR" else BAD_TYPE


def _whole(kind: str) -> int:
    """Whole numbers keep their text's value; of other numbers only the reference knows how they were written."""
    if kind in _WHOLE:
        return PRESENT
    return BEYOND if kind in {"HUGEINT", "DOUBLE"} else BAD_TYPE


def when_null(field: Field) -> int:
    """Return the state of a value that was sent with the right JSON type, and that SQL could not convert."""
    type_ = field.type
    if field.encoding == "string":
        return BAD_FORMAT if isinstance(type_, t.BooleanType) else BEYOND
    if field.encoding.startswith("epoch") or isinstance(type_, t.IntType | t.LongType | t.FloatType | t.DoubleType):
        return BAD_RANGE
    return BAD_FORMAT if isinstance(type_, t.UuidType) else BEYOND


def tested(source: Source) -> list[tuple[str, int]]:
    """Return (field, state) of every bit of `:bad`, in the order of `targets/duckdb`: file order, then one_of, pattern, range."""
    found = []
    for field in source.fields:
        if field.one_of is not None:
            found.append((field.name, BAD_ONE_OF))
        if field.pattern is not None:
            found.append((field.name, BAD_FORMAT))
        if field.range is not None and (field.range.low is not None or field.range.high is not None):
            found.append((field.name, BAD_RANGE))
    return found

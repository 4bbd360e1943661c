"""Which partitions a table can have: those by which every reader of Iceberg finds all rows again, whatever their values.

A reader leaves out files whose partition values say that no row in them can match. What it compares is worked out from the
filter, so a partition value must be what the transform says of every value of the column's type, also of its lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.model import Bounds, PartitionField
    from tacet_runtime.plan.types import Type

_NESTED = (t.ListType, t.MapType, t.StructType)
_DAYS = (t.DateType, t.TimestampType, t.TimestamptzType)
_NUMBERS = (t.IntType, t.LongType, t.DecimalType)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a table cannot have a partition, and the way out."""

    why: str
    way_out: str


def misfit(field: PartitionField, type_: Type, range_: Bounds | None = None) -> Misfit | None:
    """Return what is wrong with a partition of a column; `range_` is what all of the column's values lie in."""
    if (field.width is not None) != (field.transform in {"bucket", "truncate"}) or field.width == 0:
        return Misfit(
            "bucket and truncate need a width, the others have none", "write for example `bucket(16, column)`"
        )
    if not _fits(field.transform, type_):
        return Misfit(
            f"`{field.transform}` does not fit the column's type", "choose a transform that fits the column's type"
        )
    if field.transform == "identity" and isinstance(type_, t.FloatType | t.DoubleType):
        return Misfit(
            "by a float or double readers miss rows: they compare it rounded, and -0.0 with 0.0",
            "partition by another column, or by one that is computed from it and is neither",
        )
    if field.transform == "identity" and isinstance(type_, t.UuidType):
        return Misfit(
            "by a uuid itself readers miss rows: they compare it with its bytes", f"write `bucket(16, {field.column})`"
        )
    if field.transform == "truncate" and isinstance(type_, _NUMBERS):
        return _below_the_type(field, type_, range_)
    return None


def _fits(transform: str, type_: Type) -> bool:
    match transform:
        case "year" | "month" | "day":
            return isinstance(type_, _DAYS)
        case "hour":
            return isinstance(type_, t.TimestampType | t.TimestamptzType)
        case "truncate":
            return isinstance(type_, (*_NUMBERS, t.StringType, t.BinaryType))
        case "bucket":
            return not isinstance(type_, (*_NESTED, t.BooleanType, t.FloatType, t.DoubleType))
        case _:
            return not isinstance(type_, _NESTED)


def _below_the_type(
    field: PartitionField, type_: t.IntType | t.LongType | t.DecimalType, range_: Bounds | None
) -> Misfit | None:
    """Return a misfit when the lowest values are truncated to none of the type: truncation goes down."""
    width, scale = field.width or 1, 0
    match type_:
        case t.IntType():
            depth = 2**31
        case t.LongType():
            depth = 2**63
        case t.DecimalType(precision, scale):
            depth = 10**precision - 1
    first = -(depth // width * width)
    if first == -depth:
        return None
    if range_ is not None and range_.low is not None and Fraction(str(range_.low)) * 10**scale >= first:
        return None
    whole = "" if isinstance(type_, t.DecimalType) else ", make the width a power of two"
    return Misfit(
        "its type's lowest values are truncated to what lies below the type",
        f"write `bucket(16, {field.column})`{whole}, or give the field a `range` from {_written(first, scale)} or above: "
        "the raw field, when it is taken over from there and no correction sets it",
    )


def _written(unscaled: int, scale: int) -> str:
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    at = len(digits) - scale
    return f"{'-' if unscaled < 0 else ''}{digits[:at]}{'.' if scale else ''}{digits[at:]}"

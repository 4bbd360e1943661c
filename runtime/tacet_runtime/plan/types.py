"""The type system: Iceberg's types, closed. Every target answers for each one with `match` and `assert_never`.

How a type is written in each target is that target's table; what a value may be is `steps/typing.py`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class BooleanType(msgspec.Struct, frozen=True, tag="boolean", tag_field="type"):
    """True or false."""


class IntType(msgspec.Struct, frozen=True, tag="int", tag_field="type"):
    """Signed, 32 bits."""


class LongType(msgspec.Struct, frozen=True, tag="long", tag_field="type"):
    """Signed, 64 bits."""


class FloatType(msgspec.Struct, frozen=True, tag="float", tag_field="type"):
    """IEEE 754 binary32, finite."""


class DoubleType(msgspec.Struct, frozen=True, tag="double", tag_field="type"):
    """IEEE 754 binary64, finite."""


class DecimalType(msgspec.Struct, frozen=True, tag="decimal", tag_field="type"):
    """Exact number of at most `precision` digits (1 to 38), `scale` of them after the point (0 to precision)."""

    precision: int
    scale: int


class DateType(msgspec.Struct, frozen=True, tag="date", tag_field="type"):
    """A calendar day, year 1 to 9999."""


class TimeType(msgspec.Struct, frozen=True, tag="time", tag_field="type"):
    """A time of day, microseconds, no zone."""


class TimestampType(msgspec.Struct, frozen=True, tag="timestamp", tag_field="type"):
    """A wall-clock moment, microseconds, no zone, year 1 to 9999."""


class TimestamptzType(msgspec.Struct, frozen=True, tag="timestamptz", tag_field="type"):
    """An instant, microseconds, kept in UTC, year 1 to 9999."""


class StringType(msgspec.Struct, frozen=True, tag="string", tag_field="type"):
    """Unicode text without lone surrogates."""


class UuidType(msgspec.Struct, frozen=True, tag="uuid", tag_field="type"):
    """A UUID; as text, lower case with hyphens (RFC 9562)."""


class BinaryType(msgspec.Struct, frozen=True, tag="binary", tag_field="type"):
    """Bytes."""


class ListType(msgspec.Struct, frozen=True, tag="list", tag_field="type"):
    """A list whose elements are never null."""

    element: Type


class MapType(msgspec.Struct, frozen=True, tag="map", tag_field="type"):
    """A map from string to values that are never null."""

    value: Type


class Member(msgspec.Struct, frozen=True):
    """One named member of a struct; it may be null."""

    name: str
    type: Type


class StructType(msgspec.Struct, frozen=True, tag="struct", tag_field="type"):
    """A record with a fixed set of members, in order."""

    members: tuple[Member, ...]


PrimitiveType: TypeAlias = (
    BooleanType
    | IntType
    | LongType
    | FloatType
    | DoubleType
    | DecimalType
    | DateType
    | TimeType
    | TimestampType
    | TimestamptzType
    | StringType
    | UuidType
    | BinaryType
)
Type: TypeAlias = PrimitiveType | ListType | MapType | StructType

Encoding: TypeAlias = Literal["json", "string", "iso8601", "epoch_millis", "epoch_micros", "epoch_seconds", "base64"]
"""How a value is written in the source. `json` is JSON's own form: a number, a string, true or false."""

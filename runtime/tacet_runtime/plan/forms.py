"""What a JSON value is read as before it is typed, by type and encoding: the compiler and the engines agree on it here."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from tacet_runtime.plan import types as t

if TYPE_CHECKING:
    from tacet_runtime.plan.types import Encoding, Type

EPOCHS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
"""Encoding -> microseconds in one of its units."""
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first moment of year 1 and the last of year 9999."""


class Form(Enum):
    """How a JSON value is read."""

    BOOLEAN = auto()
    INT = auto()
    LONG = auto()
    EPOCH = auto()
    FLOAT = auto()
    DOUBLE = auto()
    UUID = auto()
    STRING = auto()
    TEXT = auto()
    """A string that SQL makes a value of: times, binaries, whatever is encoded as a string."""
    NUMBER_TEXT = auto()
    """The text of a number that SQL makes a decimal of."""
    NESTED = auto()
    """Not at all: lists, maps and structs are the reference's."""


IN_SQL = frozenset({Form.TEXT, Form.NUMBER_TEXT, Form.NESTED})
"""Forms whose values the generated SQL gives; of the others the reader's are the field's."""


def form(type_: Type, encoding: Encoding) -> Form:
    """Return what a value of a type is read as in an encoding."""
    if isinstance(type_, t.ListType | t.MapType | t.StructType):  # an encoding there is its leaves'
        return Form.NESTED
    if encoding in EPOCHS:
        return Form.EPOCH
    match type_:
        case t.StringType():
            return Form.STRING
        case t.UuidType():
            return Form.UUID
        case _ if encoding == "string":
            return Form.TEXT
        case t.BooleanType():
            return Form.BOOLEAN
        case t.IntType():
            return Form.INT
        case t.LongType():
            return Form.LONG
        case t.FloatType():
            return Form.FLOAT
        case t.DoubleType():
            return Form.DOUBLE
        case t.DecimalType():
            return Form.NUMBER_TEXT
        case _:
            return Form.TEXT

"""Kinds of JSON values -> the state of each field: absent, null, sent as it should be, sent wrongly, or beyond SQL.

A stream has many messages and few shapes (kinds at the paths, unknown keys): each is looked at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from tacet_runtime.engines.embedded import scan
from tacet_runtime.engines.embedded.arrays import distinct
from tacet_runtime.plan import types as t
from tacet_runtime.plan.forms import Form, form
from tacet_runtime.plan.known import known_keys
from tacet_runtime.steps.paths import find
from tacet_runtime.steps.strict_json import Refused, decode
from tacet_runtime.steps.unknown import named, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tacet_runtime.engines.embedded.layout import Layout
    from tacet_runtime.plan.model import Field, Plan, Source
    from tacet_runtime.plan.types import Encoding, Type

ABSENT, NULL, PRESENT, BAD_TYPE, BAD_RANGE, BAD_FORMAT, BAD_ONE_OF, BEYOND = range(8)
REASONS = {BAD_TYPE: "type", BAD_RANGE: "range", BAD_FORMAT: "format", BAD_ONE_OF: "one_of"}
_MAY_LACK = {scan.ABSENT, scan.NULL, scan.OBJECT}
"""Kinds of parents below which a field is missing, and not wrong."""
_T = TypeVar("_T")
_WHOLE = {scan.WHOLE: PRESENT, scan.BIG: BAD_RANGE}
_NUMBER = {scan.WHOLE: PRESENT, scan.BIG: PRESENT, scan.FRACTION: PRESENT}
_TEXT = {scan.TEXT: PRESENT, scan.ESCAPED: PRESENT}
_READ: dict[Form, dict[int, int]] = {
    Form.BOOLEAN: {scan.BOOLEAN: PRESENT},
    Form.INT: _WHOLE,
    Form.LONG: _WHOLE,
    Form.EPOCH: _WHOLE,
    Form.FLOAT: _NUMBER,
    Form.DOUBLE: _NUMBER,
    Form.NUMBER_TEXT: _NUMBER,
    Form.UUID: {scan.TEXT: PRESENT, scan.ESCAPED: BEYOND},
    Form.STRING: _TEXT,
    Form.TEXT: _TEXT,
}


def states(type_: Type, encoding: Encoding) -> tuple[int, ...]:
    """Return kind of the JSON value -> state of a field of this type."""
    read = form(type_, encoding)
    if read is Form.NESTED:
        sent = {scan.ARRAY if isinstance(type_, t.ListType) else scan.OBJECT: BEYOND}
    else:
        sent = _READ[read]
    return tuple({scan.ABSENT: ABSENT, scan.NULL: NULL, **sent}.get(kind, BAD_TYPE) for kind in range(scan.KINDS))


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a batch's rows are like, by row: numbers of lists of states and of lists of unknown keys."""

    states: np.ndarray
    unknown: np.ndarray


@dataclass(frozen=True, slots=True)
class Shape:
    """What the scanner says of some rows of one root: kinds by node (uint8 matrix), hash of their unknown keys (uint64)."""

    kinds: np.ndarray
    unknown: np.ndarray
    message: Callable[[int], bytes]
    """Row -> its message."""
    index: Callable[[int], int]
    """Row -> which element of its message it is."""


class Shapes:
    """Reads the shapes of one root (`$`, `$item`) and remembers what each came to."""

    def __init__(self, plan: Plan, layout: Layout, root: str) -> None:
        source = plan.source
        self._plan = plan
        self._fields = [
            (layout.places[f.path], states(f.type, f.encoding), layout.above(f.path))
            for f in source.fields
            if f.path.root == root
        ]
        self._known = known_keys(source.fields, source.explode, source.select)[0 if root == "$" else 1]
        self._root = root
        self._by_kinds: dict[bytes, int] = {}
        self._by_hash: dict[int, int] = {0: 0}
        self._states: dict[tuple[int, ...], int] = {}
        self._unknown: dict[tuple[str, ...], int] = {(): 0}
        self.states: list[tuple[int, ...]] = []
        """Number -> states of the root's fields, in the order of `positions`."""
        self.unknown: list[tuple[str, ...]] = [()]
        self.positions = [at for at, f in enumerate(source.fields) if f.path.root == root]

    def __len__(self) -> int:
        return len(self._by_kinds) + len(self._by_hash)

    def of(self, shape: Shape) -> Seen:
        """Return what rows of these shapes are like."""
        ids, keys, _ = distinct([shape.kinds])
        for key in keys:
            if key not in self._by_kinds:
                found = tuple(_state(key, *field) for field in self._fields)
                self._by_kinds[key] = _numbered(found, self._states, self.states)
        numbers = np.array([self._by_kinds[key] for key in keys], dtype=np.int64)
        return Seen(numbers[ids], self._unknown_of(shape))

    def _unknown_of(self, shape: Shape) -> np.ndarray:
        encoded = pa.array(shape.unknown).dictionary_encode()
        hashes, ids = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        for number, hashed in enumerate(hashes):
            if hashed not in self._by_hash:
                row = int(np.argmax(ids == number))
                self._by_hash[hashed] = _numbered(self._told(shape, row), self._unknown, self.unknown)
        return np.asarray(np.array([self._by_hash[hashed] for hashed in hashes], dtype=np.int64)[ids])

    def _told(self, shape: Shape, row: int) -> tuple[str, ...]:
        """Return the unknown paths of a row, as `named` gives them: the reference's own question, of its own value."""
        value: Any = decode(shape.message(row), self._plan.limits)
        if isinstance(value, Refused):  # pragma: no cover  (what the scanner takes, the reference takes)
            raise TypeError(value)
        if self._root == "$item" and self._plan.source.explode is not None:
            items: Any = find(self._plan.source.explode.steps, value)
            value = items[shape.index(row)]
        return named({path for path, _ in unknown(value, self._known, self._root)})


def _state(kinds: bytes, place: int, known: tuple[int, ...], above: tuple[int, ...]) -> int:
    """Return a field's state: what stands where an object should be makes all below it wrong."""
    if kinds[place] == scan.ABSENT and any(kinds[parent] not in _MAY_LACK for parent in above):
        return BAD_TYPE
    return known[kinds[place]]


def _numbered(value: _T, numbers: dict[_T, int], values: list[_T]) -> int:
    if value not in numbers:
        numbers[value] = len(values)
        values.append(value)
    return numbers[value]

"""JSON types -> the state of each field: absent, null, sent as it should be, sent wrongly, or beyond what SQL can say.

A stream has many messages and few shapes (the JSON types at the paths and the keys of the objects): each is looked at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tacet_runtime.engines.embedded.unknowns import Unknowns
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import PathValue
from tacet_runtime.plan.walk import walk

if TYPE_CHECKING:
    import pyarrow as pa

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Field, Source
    from tacet_runtime.plan.types import Encoding, Type

ABSENT, NULL, PRESENT, BAD_TYPE, BAD_RANGE, BAD_FORMAT, BAD_ONE_OF, BEYOND = range(8)
REASONS = {BAD_TYPE: "type", BAD_RANGE: "range", BAD_FORMAT: "format", BAD_ONE_OF: "one_of"}
STATE_OF = {reason: state for state, reason in REASONS.items()}
_KINDS = ("NULL", "BOOLEAN", "BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "VARCHAR", "ARRAY", "OBJECT")
_T = TypeVar("_T")
_CODES: dict[str | None, int] = {None: 0, **{kind: at + 1 for at, kind in enumerate(_KINDS)}}
_WHOLE, _NUMBER = ("BIGINT", "UBIGINT"), ("BIGINT", "UBIGINT", "DOUBLE")


def states(field: Field) -> tuple[int, ...]:
    """Return code of the JSON type (0: absent) -> state of the field."""
    sent = {kind: _state(field.type, field.encoding, kind) for kind in _KINDS}
    return (ABSENT, *(NULL if kind == "NULL" else sent[kind] for kind in _KINDS))


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a batch's rows are like, by row: numbers of lists of states and of lists of unknown keys."""

    states: np.ndarray
    unknown: np.ndarray


class Shapes:
    """Reads the shapes of one root (`$`, `$item`) and remembers what each came to."""

    def __init__(self, source: Source, root: str) -> None:
        places = {path: at for at, path in enumerate(_paths(source, root))}
        self._fields = [
            (at, places.get(f.path), states(f)) for at, f in enumerate(source.fields) if f.path.root == root
        ]
        self._unknowns = Unknowns(source, root)
        self._numbers: dict[str | None, tuple[int, int]] = {}
        self._states: dict[tuple[int, ...], int] = {}
        self._unknown: dict[tuple[str, ...], int] = {}
        self.states: list[tuple[int, ...]] = []
        """Number -> states of the root's fields, in the order of `positions`."""
        self.unknown: list[tuple[str, ...]] = []
        self.positions = [at for at, _, _ in self._fields]

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, shapes: pa.ChunkedArray) -> Seen:
        """Return what rows with these shapes (JSON text; NULL: nothing there) are like."""
        encoded = shapes.combine_chunks().dictionary_encode()
        texts = [*encoded.dictionary.to_pylist(), None]
        ids = encoded.indices.fill_null(len(texts) - 1).to_numpy()
        numbers = np.array([self._number(text) for text in texts], dtype=np.int64)
        return Seen(numbers[ids, 0], numbers[ids, 1])

    def _number(self, text: str | None) -> tuple[int, int]:
        found = self._numbers.get(text)
        if found is None:
            shape = json.loads(text) if text is not None else {"t": None, "k": None}
            states_ = self._read(shape["t"])
            unknown = tuple(sorted(self._unknowns.of(shape["k"])))
            found = self._numbers[text] = (
                _numbered(states_, self._states, self.states),
                _numbered(unknown, self._unknown, self.unknown),
            )
        return found

    def _read(self, types: list[str | None] | None) -> tuple[int, ...]:
        return tuple(
            state[0 if types is None or place is None else _CODES[types[place]]] for _, place, state in self._fields
        )


def _numbered(value: _T, numbers: dict[_T, int], values: list[_T]) -> int:
    if value not in numbers:
        numbers[value] = len(values)
        values.append(value)
    return numbers[value]


def _paths(source: Source, root: str) -> list[Path]:
    """Return the paths of a root in the order of `targets/duckdb`: fields, select, explode, each once."""
    paths = [field.path for field in source.fields]
    paths += [part.path for part in walk(source.select) if isinstance(part, PathValue)] if source.select else []
    paths += [source.explode] if source.explode is not None else []
    return list(dict.fromkeys(path for path in paths if path.root == root))

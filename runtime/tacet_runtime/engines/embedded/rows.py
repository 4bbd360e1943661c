"""A batch through scanner and converter: typed rows, and what became of the messages that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.batch import TooManyRows
from tacet_runtime.connectors.arrow import arrow_type
from tacet_runtime.engines.embedded import scan, shapes
from tacet_runtime.engines.embedded.arrays import masks
from tacet_runtime.engines.embedded.columns import Wanted, Wants, without
from tacet_runtime.engines.embedded.scanner import Scanner
from tacet_runtime.plan.forms import IN_SQL, Form, form
from tacet_runtime.plan.walk import path_values

if TYPE_CHECKING:
    from tacet_runtime.engines.embedded.layout import Layout
    from tacet_runtime.engines.embedded.scanner import Found
    from tacet_runtime.engines.embedded.statements import Statements
    from tacet_runtime.plan.expressions import PathValue
    from tacet_runtime.plan.model import Plan

_KEY_BYTES = 4
"""A key of an object takes at least `"":0` and a comma."""

_ROW_BYTES = 4096
"""What rows may repeat of their message on average, when there are as many as there may be."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Typed rows in the order of their messages; the others by position in the batch."""

    rows: pa.Table
    """`:off` (position in the batch), `:index`, the fields by name, and the tests of the SQL (`:bad:0`, ...)."""
    message: shapes.Shape
    item: shapes.Shape
    skipped: np.ndarray
    no_items: np.ndarray
    slow: np.ndarray
    """Messages for the strict path."""


class Decoder:
    """Decodes batches of one plan."""

    def __init__(self, plan: Plan, layout: Layout, statements: Statements) -> None:
        self._plan = plan
        self._source = plan.source
        self._layout = layout
        self._statements = statements
        limits = plan.limits
        longest = min(limits.message_bytes, limits.string_bytes, limits.keys * _KEY_BYTES)
        self._scanner = Scanner(layout, longest, limits.depth)
        self._tested = shapes.tested(plan.source)
        self._forms = {f.name: form(f.type, f.encoding) for f in plan.source.fields}
        self._indices = {f.name: arrow_type(f.type) for f in plan.source.fields if f.path.root == "$index"}
        self._of_message, self._of_item = self._fields("$"), self._fields("$item")
        self._parts = path_values(plan.source.select)
        self._selecting = Wants(
            [Wanted(layout.places[part.path], form(part.type, "json"), "json") for part in self._parts]
        )

    def _fields(self, root: str) -> tuple[list[str], Wants]:
        """Return the fields of a root by name, and their columns."""
        fields = [f for f in self._source.fields if f.path.root == root]
        wanted = [Wanted(self._layout.places[f.path], self._forms[f.name], f.encoding) for f in fields]
        return [f.name for f in fields], Wants(wanted)

    def decode(self, data: pa.LargeBinaryArray, most: int | None = None) -> Decoded:
        """Return a batch's rows. What the scanner refuses, or SQL cannot say, is the strict path's. Raises TooManyRows."""
        found = self._scanner.scan(data, most)
        fine = np.flatnonzero(found.status == scan.FINE)
        slow = [np.flatnonzero(found.status != scan.FINE)]
        ours = np.ones(len(fine), dtype=bool)
        if self._source.select is not None:
            ours, beyond = self._selected(found, fine)
            slow.append(fine[beyond])
            ours, fine = ours[~beyond], fine[~beyond]
        skipped, fine = fine[~ours], fine[ours]
        no_items = fine[:0]
        if self._source.explode is not None:
            counts = found.first[fine + 1] - found.first[fine]
            listed = found.kinds[fine, self._layout.exploded] == scan.ARRAY
            listed &= counts <= self._plan.limits.explode_rows
            slow.append(fine[~listed])
            no_items = fine[listed & (counts == 0)]
            fine = fine[listed & (counts > 0)]
            if most is not None:
                self._see_repeated(data, found, fine, most)
        rows, message, item = self._rows(data, found, fine)
        return Decoded(rows, message, item, skipped, no_items, np.sort(np.concatenate(slow)))

    def _see_repeated(self, data: pa.LargeBinaryArray, found: Found, exploding: np.ndarray, most: int) -> None:
        """Raise TooManyRows where what stands beside the list, which each row of a message repeats, is too much."""
        node = self._layout.exploded
        lists = found.ends[exploding, node] - found.starts[exploding, node]
        beside = np.asarray(pc.binary_length(data).fill_null(0))[exploding] - lists
        repeated = np.cumsum((found.first[exploding + 1] - found.first[exploding]) * beside)
        at = int(np.searchsorted(repeated, most * _ROW_BYTES, side="right"))
        if at < len(repeated) and len(data) > 1:
            raise TooManyRows(max(1, int(exploding[at])))

    def _selected(self, found: Found, fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which messages are ours, and of which that cannot be said here."""
        values = found.message(fine)
        beyond = np.zeros(len(fine), dtype=bool)
        columns = {f":p:{number}": column for number, column in enumerate(values.columns(self._selecting))}
        for part, one, column in zip(self._parts, self._selecting.columns, columns.values(), strict=True):
            beyond |= self._beyond(part, found.kinds[fine, one.node], column)
        told = self._statements.run("select", "messages", pa.table(columns))
        return np.asarray(told.column(":ours").to_numpy()).astype(bool), beyond

    def _beyond(self, part: PathValue, kinds: np.ndarray, column: pa.Array) -> np.ndarray:
        """Tell where a value was sent as its type wants it, and is nothing here: the reference may know it."""
        states = np.array(shapes.states(part.type, "json"))[kinds]
        read = form(part.type, "json")
        if read is Form.NUMBER_TEXT:
            return np.asarray((states == shapes.PRESENT) & (kinds == scan.FRACTION))
        lost = np.asarray(column.is_null()) if read in {Form.STRING, Form.TEXT} else False
        return np.asarray((states == shapes.BEYOND) | ((states == shapes.PRESENT) & lost))

    def _rows(
        self, data: pa.LargeBinaryArray, found: Found, messages: np.ndarray
    ) -> tuple[pa.Table, shapes.Shape, shapes.Shape]:
        starts = found.first[messages]
        if self._source.explode is None:
            parents, index, at = messages, np.zeros(len(messages), dtype=np.int64), None
        else:
            counts = found.first[messages + 1] - starts
            parents = np.repeat(messages, counts)
            index = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
            at = np.repeat(starts, counts) + index
        given = {name: pa.array(index).cast(kind) for name, kind in self._indices.items()}
        names, wanted = self._of_message
        given |= dict(zip(names, found.message(parents).columns(wanted), strict=True))
        if at is not None:
            names, wanted = self._of_item
            given |= dict(zip(names, found.item(at).columns(wanted), strict=True))
        given = {field.name: given[field.name] for field in self._source.fields}
        rows = self._typed(given, parents, index)

        def text(row: int) -> bytes:
            return bytes(data[int(parents[row])].as_py())

        def which(row: int) -> int:
            return int(index[row])

        nothing = (np.zeros((len(parents), 1), dtype=np.uint8), np.zeros(len(parents), dtype=np.uint64))
        kinds, unknown = (found.item_kinds[at], found.item_unknown[at]) if at is not None else nothing
        return (
            rows,
            shapes.Shape(found.kinds[parents], found.unknown[parents], text, which),
            shapes.Shape(kinds, unknown, text, which),
        )

    def _typed(self, given: dict[str, pa.Array], parents: np.ndarray, index: np.ndarray) -> pa.Table:
        """Return the rows with what SQL converts and tests; a value that fails a test is NULL."""
        told = self._statements.run("rows", "scanned", pa.table(given))
        bad = masks(told, ":bad")
        columns: dict[str, pa.Array | pa.ChunkedArray] = {":off": pa.array(parents), ":index": pa.array(index)}
        for name, column in given.items():
            columns[name] = told.column(name) if self._forms[name] in IN_SQL else column
        for number, (name, _) in enumerate(self._tested):
            part, bit = divmod(number, 60)
            failed = bad[part] >> bit & 1 == 1
            if failed.any() and self._forms[name] not in IN_SQL:
                columns[name] = without(columns[name], failed)
        tests = [name for name in told.column_names if name.startswith(":")]
        return pa.table({**columns, **{name: told.column(name) for name in tests}})

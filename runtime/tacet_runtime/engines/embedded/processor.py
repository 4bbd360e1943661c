"""Batches through DuckDB: the generated statements, kinds of rows, and the tables of the sinks put together."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tacet_runtime.batch import Outcome
from tacet_runtime.engines.embedded import shapes
from tacet_runtime.engines.embedded.arrays import (
    NO_MOMENT,
    as_bytes,
    bits_at,
    columns_of,
    distinct,
    from_python,
    inside,
    masks,
    micros,
    row_values,
)
from tacet_runtime.engines.embedded.emit import Emit, ProducerIds
from tacet_runtime.engines.embedded.kinds import Judge, boundaries
from tacet_runtime.engines.embedded.screen import as_text, clean
from tacet_runtime.engines.embedded.unknowns import Unknowns
from tacet_runtime.engines.reference import ReferenceProcessor, counts
from tacet_runtime.steps.derivation import Derivation
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.judge import Producers
from tacet_runtime.steps.sinks import Sinks, ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tacet_runtime.batch import Batch, Role
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.steps.results import Row

_REMEMBERED = 200_000
"""Kinds kept from batch to batch; a stream that keeps making new ones must not fill the memory."""


class EmbeddedProcessor:
    """Runs batches through DuckDB; equal, row for row, to the reference."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        self.plan = plan
        self._reference = ReferenceProcessor(plan, lookups)
        rows = {name: lookup.rows for name, lookup in lookups.items()}
        self._interpreter = Interpreter(plan, rows)
        if not plan.sql:
            return
        self._connection = duckdb.connect(config={"threads": "1"})
        self._connection.execute("SET arrow_lossless_conversion = true")
        self._connection.execute("SET preserve_insertion_order = true")
        self._judge = Judge(plan, self._interpreter)
        self._derivation = Derivation(plan.derived, rows) if plan.derived else None
        self._producers = Producers(plan.source)
        self._boundaries = boundaries(plan)
        self._states = [shapes.states(f) for f in plan.source.fields]
        self._when_null = [shapes.when_null(f) for f in plan.source.fields]
        self._columns = columns_of(plan)
        self._tested = shapes.tested(plan.source)
        self._unknowns = Unknowns(plan.source)
        self.by_role = {table.role: table for table in plan.tables}
        self._kinds: dict[bytes, Row] = {}
        self._ends: dict[tuple[Any, ...], Row] = {}
        for name, lookup in lookups.items():
            self._connection.register("lookup", inside(lookup.table))
            self._connection.execute(f'CREATE TABLE "{f":lookup:{name}"}" AS SELECT * FROM lookup')
            self._connection.unregister("lookup")

    def process(self, batch: Batch) -> Outcome:
        """Run every stage over the batch."""
        if not self.plan.sql:
            return self._reference.process(batch)
        return _Run(self, batch).outcome()


class _Run:
    """One batch on its way; `slow` are the positions of messages that take the strict path."""

    def __init__(self, engine: EmbeddedProcessor, batch: Batch) -> None:
        self._e = engine
        self._plan = engine.plan
        self._batch = batch
        self._sinks = Sinks(self._plan, batch.source, batch.partition)
        self._slow = np.zeros(len(batch.offsets), dtype=bool)
        self._tables: dict[str, list[pa.Table]] = {}

    def outcome(self) -> Outcome:
        """Compute the batch."""
        messages = self._messages()
        if messages.num_rows:
            rows = self._rows(messages)
            if rows.num_rows:
                self._finish(rows)
        self._strict()
        tables: dict[Role, pa.Table] = {}
        merged = {**self._sinks.columns, "metrics": self._sinks.metric_columns()}
        for role, table in self._e.by_role.items():
            if role == "ledger":
                continue
            parts = [*self._tables.get(role, []), from_python(merged[role], table)]
            tables[role] = pa.concat_tables([part for part in parts if part.num_rows] or parts[:1])
        skipped, filtered = sorted(self._sinks.skipped), sorted(self._sinks.filtered)
        return Outcome(tables, counts(self._sinks.tally), ranges(skipped), ranges(filtered))

    def _query(self, name: str, view: str, table: pa.Table) -> pa.Table:
        connection = self._e._connection
        connection.register(view, table)
        try:
            return connection.sql(self._plan.sql[name]).to_arrow_table()
        finally:
            connection.unregister(view)

    def _messages(self) -> pa.Table:
        """Return what DuckDB found in the messages that it may see and that are ours."""
        batch = self._batch
        fine = clean(batch.messages, self._plan.limits)
        self._slow |= ~fine
        at = np.flatnonzero(fine)
        texts = batch.messages if fine.all() else batch.messages.take(pa.array(at))
        view = pa.table({":off": pa.array(at), ":msg": as_text(texts)})
        found = self._query("messages", "batch", view)
        ours = found.column(":ours").to_numpy().astype(bool)
        self._skip(at[~ours])
        return found.filter(pa.array(ours)) if not ours.all() else found

    def _skip(self, positions: np.ndarray) -> None:
        self._sinks.tally.parents["skipped"] += len(positions)
        self._sinks.skipped += self._batch.offsets.to_numpy()[positions].tolist()

    def _rows(self, messages: pa.Table) -> pa.Table:
        """Return typed rows of the messages; those without items are filtered, those with a wrong list are slow."""
        if self._plan.source.explode is not None:
            lengths = pc.list_value_length(messages.column(":items")).fill_null(0).to_numpy()
            listed = self._is_list(messages)
            wrong = ~listed | (lengths > self._plan.limits.explode_rows)
            at = messages.column(":off").to_numpy()
            self._slow[at[wrong]] = True
            none = listed & (lengths == 0)
            self._no_items(at[none])
            messages = messages.filter(pa.array(~wrong & ~none))
            if not messages.num_rows:
                return messages
        return self._query("rows", "messages", messages)

    def _is_list(self, messages: pa.Table) -> np.ndarray:
        columns = self._e._columns
        kinds = pc.list_element(messages.column(":types"), columns.explode)
        return pc.fill_null(pc.equal(kinds, "ARRAY"), fill_value=False).to_numpy().astype(bool)

    def _no_items(self, positions: np.ndarray) -> None:
        if len(positions):
            self._sinks.tally.parents["filtered"] += len(positions)
            self._sinks.tally.filtered_by["no_items"] += len(positions)
            self._sinks.filtered += self._batch.offsets.to_numpy()[positions].tolist()

    def _finish(self, rows: pa.Table) -> None:
        """Judge, derive and emit the typed rows."""
        states = self._field_states(rows)
        unknown_ids, unknowns = self._e._unknowns.of(rows)
        parents = rows.column(":off").to_numpy()
        beyond = (states == shapes.BEYOND).any(axis=1)
        if self._plan.source.unknown_fields != "report":
            beyond |= np.array([bool(found) for found in unknowns], dtype=bool)[unknown_ids]
        if beyond.any():
            self._slow[parents[beyond]] = True
            keep = ~self._slow[parents]
            rows, states, unknown_ids, parents = (
                rows.filter(pa.array(keep)),
                states[keep],
                unknown_ids[keep],
                parents[keep],
            )
            if not rows.num_rows:
                return
        producers = ProducerIds(rows, self._plan, self._e._producers)
        kinds, templates = self._kinds(rows, states, producers)
        derives = np.array([template.outcome == "emitted" for template in templates], dtype=bool)[kinds]
        ends, end_templates, derived = self._derived(rows, kinds, templates, derives)
        Emit(self._e, self._batch, self._sinks, self._tables).run(
            rows, parents, ends, end_templates, derived, derives, producers, unknown_ids, unknowns
        )

    def _field_states(self, rows: pa.Table) -> np.ndarray:
        """Return a matrix of states, row by field."""
        columns = self._e._columns
        message = shapes.codes(rows.column(":mtypes").combine_chunks(), columns.message_width)
        item = shapes.codes(rows.column(":itypes").combine_chunks(), columns.item_width)
        found = np.empty((rows.num_rows, len(self._plan.source.fields)), dtype=np.uint8)
        for at, field in enumerate(self._plan.source.fields):
            root, place = columns.places[at]
            if root == "$index":
                found[:, at] = shapes.PRESENT
                continue
            found[:, at] = self._e._states[at][(message if root == "$" else item)[:, place]]
        self._mark_tested(rows, found)
        for at, field in enumerate(self._plan.source.fields):
            column = rows.column(field.name)
            if column.null_count:
                missing = pc.is_null(column).to_numpy().astype(bool)
                state = found[:, at]
                state[missing & (state == shapes.PRESENT)] = self._e._when_null[at]
        return found

    def _mark_tested(self, rows: pa.Table, found: np.ndarray) -> None:
        """Mark what is not one of, does not match, or lies out of range; of several tests the first counts."""
        tests = masks(rows, ":bad")
        if not any(mask.any() for mask in tests):
            return
        names = {f.name: at for at, f in enumerate(self._plan.source.fields)}
        for number, (name, state) in enumerate(self._e._tested):
            hit = (tests[number // 60] >> (number % 60) & 1).astype(bool)
            column = found[:, names[name]]
            column[hit & (column == shapes.PRESENT)] = state

    def _kinds(self, rows: pa.Table, states: np.ndarray, producers: ProducerIds) -> tuple[np.ndarray, list[Row]]:
        """Return each row's kind, and the template of each."""
        moments = micros(rows.column(self._plan.source.event_time))
        bands = np.searchsorted(self._e._boundaries, moments, side="right").astype(np.int32)
        bands[moments == NO_MOMENT] = -1
        parts = [states, as_bytes(bands), as_bytes(producers.registered_ids)]
        parts += [as_bytes(mask) for name in (":when", ":rules", ":filters") for mask in masks(rows, name)]
        ids, keys, first = distinct(np.concatenate(parts, axis=1))
        remembered = self._e._kinds
        if len(remembered) > _REMEMBERED:
            remembered.clear()
        templates = []
        for number, key in enumerate(keys):
            row = remembered.get(key)
            if row is None:
                at = int(first[number])
                row = remembered[key] = self._e._judge.template(
                    states[at],
                    row_values(rows, at, self._plan),
                    producers.registered(at),
                    bits_at(rows, ":rules", at),
                    bits_at(rows, ":filters", at),
                )
            templates.append(row)
        return ids, templates

    def _derived(
        self, rows: pa.Table, kinds: np.ndarray, templates: list[Row], derives: np.ndarray
    ) -> tuple[np.ndarray, list[Row], pa.Table | None]:
        """Return each row's end (a template after derivation) and the derived values of the rows that derive."""
        if self._plan.derived is None or not derives.any():
            return kinds, templates, None
        at = np.flatnonzero(derives)
        names = [f.name for f in self._plan.source.fields]
        view = rows.select(names).take(pa.array(at)) if len(at) < rows.num_rows else rows.select(names)
        view = view.append_column(":row", pa.array(np.arange(len(at), dtype=np.int64)))
        found = self._query("derive", "rows", view)
        parts = [as_bytes(kinds[at].astype(np.int32)), *(as_bytes(mask) for mask in masks(found, ":bits"))]
        ids, keys, first = distinct(np.concatenate(parts, axis=1))
        ends = list(templates)
        local = np.empty(len(keys), dtype=np.int64)
        remembered = self._e._ends
        if len(remembered) > _REMEMBERED:
            remembered.clear()
        for number, key in enumerate(keys):
            kind = int(kinds[at[first[number]]])
            whole = (id(templates[kind]), key[4:])
            end = remembered.get(whole)
            if end is None:
                end = remembered[whole] = self._end(
                    templates[kind], row_values(rows, int(at[first[number]]), self._plan)
                )
            local[number] = len(ends)
            ends.append(end)
        final = kinds.astype(np.int64).copy()
        final[at] = local[ids]
        return final, ends, found

    def _end(self, template: Row, values: dict[str, Any]) -> Row:
        """Let the reference derive one row of a kind."""
        row = copy(template)
        row.values = type(template.values)(values)
        row.corrections, row.agreement_flags, row.steps = [], [], []
        row.derived, row.derived_verdicts = {}, {}
        if self._e._derivation is not None:
            self._e._derivation.run(row)
        return row

    def _strict(self) -> None:
        """Run the slow messages through the reference."""
        offsets = self._batch.offsets
        for at in np.flatnonzero(self._slow).tolist():
            data = self._batch.messages[at].as_py()
            self._sinks.add(offsets[at].as_py(), data, self._e._interpreter.message(data))

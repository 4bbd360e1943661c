"""Batches through DuckDB: decoded, judged and derived by kind, emitted; the rest through the reference."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tacet_runtime.batch import Together
from tacet_runtime.connectors.encoded import joined
from tacet_runtime.engines.embedded.arrays import from_python
from tacet_runtime.engines.embedded.emit import Emit, Judged
from tacet_runtime.engines.embedded.judging import Judging
from tacet_runtime.engines.embedded.layout import lay_out
from tacet_runtime.engines.embedded.memory import Memory
from tacet_runtime.engines.embedded.metrics import measured
from tacet_runtime.engines.embedded.parts import Parts
from tacet_runtime.engines.embedded.producers import ProducerIds
from tacet_runtime.engines.embedded.rows import Decoder
from tacet_runtime.engines.embedded.statements import Statements
from tacet_runtime.engines.merging import merged
from tacet_runtime.engines.reference import Made, account
from tacet_runtime.steps.interpreter import Interpreter
from tacet_runtime.steps.judge import Producers
from tacet_runtime.steps.sinks import Sinks, columns_of, unknown_of
from tacet_runtime.steps.unknown import named, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacet_runtime.batch import Batch, Outcome, Processor, Role
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.engines.embedded.rows import Decoded
    from tacet_runtime.engines.embedded.shapes import Seen
    from tacet_runtime.plan.model import Plan


def embedded(plan: Plan, lookups: Mapping[str, LookupTable]) -> Processor:
    """Return the engine for a plan."""
    return EmbeddedProcessor(plan, lookups)


class EmbeddedProcessor:
    """Runs batches through DuckDB; equal, row for row, to the reference."""

    def __init__(self, plan: Plan, lookups: Mapping[str, LookupTable]) -> None:
        rows = {name: lookup.rows for name, lookup in lookups.items()}
        self._plan = plan
        self._tables = {table.role: table for table in plan.tables}
        self._interpreter = Interpreter(plan, rows)
        self._producers = Producers(plan.source)
        self._statements = Statements(plan, lookups)
        self._judging = Judging(plan, self._interpreter, self._statements, rows)
        self._layout = lay_out(plan.source)
        self._decoder = Decoder(plan, self._layout, self._statements)
        self._memory = Memory(plan, self._layout)

    def process(self, batch: Batch) -> Outcome:
        """Run every stage over the batch."""
        return self.together([batch]).only()

    def together(self, batches: Sequence[Batch], most: int | None = None) -> Together:
        """Run every stage over the batches as one; only where a message is counted differs."""
        if self._memory.full():
            self._memory = Memory(self._plan, self._layout)
        parts = Parts(batches)
        sinks = [Sinks(self._plan, batch.source, batch.partition) for batch in batches]
        decoded = self._decoder.decode(parts.messages, most)
        for one, skipped, no_items in zip(
            sinks, parts.split(decoded.skipped), parts.split(decoded.no_items), strict=True
        ):
            _skip(parts.offsets[skipped], one)
            _no_items(parts.offsets[no_items], one)
        rows, slow = decoded.rows, decoded.slow
        judged = None
        if rows.num_rows:
            judged, slow = self._judged(parts, decoded)
        made = Made(most, judged.rows.num_rows if judged is not None else 0)
        for one, positions in zip(sinks, parts.split(slow), strict=True):
            self._strict(parts, positions, one, made)
        return self._outcome(judged, sinks)

    def _judged(self, parts: Parts, decoded: Decoded) -> tuple[Judged | None, np.ndarray]:
        """Return the judged rows, and the messages for the strict path: one row that SQL cannot say sends all of its."""
        memory, rows, slow = self._memory, decoded.rows, decoded.slow
        seen = (memory.message.of(decoded.message), memory.item.of(decoded.item))
        producers = ProducerIds(rows, self._plan, self._producers)
        kinds = self._judging.kinds(rows, seen, producers, memory)
        parents = rows.column(":off").to_numpy()
        unknown_ids, unknown = self._unknown(seen)
        beyond = memory.templates.outcomes()[kinds] < 0
        if self._plan.source.unknown_fields != "report":
            beyond |= np.array([bool(found) for found in unknown], dtype=bool)[unknown_ids]
        if beyond.any():
            slow = np.union1d(slow, parents[beyond])
            keep = np.flatnonzero(~np.isin(parents, slow))
            if not len(keep):
                return None, slow
            rows, parents, kinds, unknown_ids = rows.take(pa.array(keep)), parents[keep], kinds[keep], unknown_ids[keep]
            producers = ProducerIds(rows, self._plan, self._producers)
        ends, derived, derives = self._judging.ends(rows, kinds, memory)
        judged = Judged(
            self._plan, parts, rows, parents, memory.templates, ends, derived, derives, producers, unknown_ids, unknown
        )
        return judged, slow

    def _unknown(self, seen: tuple[Seen, Seen]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """Return (id of each row, unknown paths of each id, as `named` gives them)."""
        message, item = self._memory.message.unknown, self._memory.item.unknown
        both, ids = np.unique(seen[0].unknown * len(item) + seen[1].unknown, return_inverse=True)
        pairs = [divmod(value, len(item)) for value in both.tolist()]
        return ids, [named((*message[one], *item[other])) for one, other in pairs]

    def _strict(self, parts: Parts, slow: np.ndarray, sinks: Sinks, made: Made) -> None:
        """Run messages of one partition through the reference."""
        for at, offset in zip(slow.tolist(), parts.offsets[slow].tolist(), strict=True):
            data = parts.messages[at].as_py()
            result = self._interpreter.message(data)
            made.add(at, len(result.rows))
            sinks.add(offset, data, result)

    def _outcome(self, judged: Judged | None, sinks: list[Sinks]) -> Together:
        found: dict[str, list[pa.Table]] = {role: [] for role in self._tables}
        names = told(chain(judged.unknown if judged is not None else (), unknown_of(sinks)))
        if judged is not None:
            emit = Emit(judged)
            emit.count(sinks)
            for role, table in emit.tables().items():
                found[role].append(table)
            found["metrics"].append(measured(judged, self._plan.metrics_window_seconds, self._tables["metrics"], names))
        slow = columns_of(sinks, names)
        for role, table in self._tables.items():
            found[role].append(from_python(slow[role], table))
        tables: dict[Role, pa.Table] = {}
        for role in self._tables:
            if role == "ledger":
                continue
            tables[role] = merged(found[role]) if role == "metrics" else joined(found[role])
        return Together(tables, tuple(account(one) for one in sinks))


def _skip(offsets: np.ndarray, sinks: Sinks) -> None:
    sinks.tally.parents["skipped"] += len(offsets)
    sinks.skipped += offsets.tolist()


def _no_items(offsets: np.ndarray, sinks: Sinks) -> None:
    if len(offsets):
        sinks.tally.parents["filtered"] += len(offsets)
        sinks.tally.filtered_by["no_items"] += len(offsets)
        sinks.filtered += offsets.tolist()

"""ENGINES: the processors that a job can be run with, by name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal, assert_never

import pyarrow as pa

from tacet_runtime.batch import Batch, TooManyRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacet_runtime.batch import Outcome, Processor, Together
    from tacet_runtime.connectors.lookups import LookupTable
    from tacet_runtime.plan.model import Plan


def make_processor(name: Literal["embedded", "reference"], plan: Plan, lookups: Mapping[str, LookupTable]) -> Processor:
    """Return the engine's processor for a plan. Its import is the heavy part, and waits until it is asked for."""
    match name:
        case "embedded":
            from tacet_runtime.engines.embedded import embedded  # noqa: PLC0415

            return embedded(plan, lookups)
        case "reference":
            from tacet_runtime.engines.reference import ReferenceProcessor  # noqa: PLC0415

            return ReferenceProcessor(plan, lookups)
        case _:
            assert_never(name)


FEW = 100
"""Messages. Planning the statements takes longer than the reference needs for so many: a folder of small files is that."""
_FEW_ROWS = 2 * FEW


class Sized:
    """Runs batches through an engine, the small ones through the reference, unless they explode to many rows; the outcome is the same (conformance)."""

    def __init__(self, many: Processor, few: Processor) -> None:
        self._many = many
        self._few = few

    def process(self, batch: Batch) -> Outcome:
        """Run every stage over the batch."""
        return self.together([batch]).only()

    def together(self, batches: Sequence[Batch], most: int | None = None) -> Together:
        """Run every stage over the batches."""
        if sum(len(batch.offsets) for batch in batches) < FEW:
            with suppress(TooManyRows):
                return self._few.together(batches, _FEW_ROWS if most is None else min(most, _FEW_ROWS))
        return self._many.together(batches, most)


def warmed(processor: Processor) -> Processor:
    """Return the processor after a batch of empty objects, whose outcome is dropped.

    What is compiled, loaded or planned when it is first used is so before the first message waits for it.
    """
    processor.process(Batch("", 0, pa.array(range(FEW), pa.int64()), pa.array([b"{}"] * FEW, pa.large_binary())))
    return processor


def sized_processor(
    name: Literal["embedded", "reference"], plan: Plan, lookups: Mapping[str, LookupTable]
) -> Processor:
    """Return what a run computes with."""
    reference = make_processor("reference", plan, lookups)
    return reference if name == "reference" else Sized(make_processor(name, plan, lookups), reference)

"""Runs the texts of a case through every engine and target, and gives every difference to the ledger of gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_runtime.connectors.arrow import python_value
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.plan.model import Limits
from tacet_runtime.steps.strict_json import Refused, decode
from tests.conformance import judges
from tests.conformance.cases import message
from tests.conformance.differential import batch, compare
from tests.conformance.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from tests.conformance.cases import Compiled
    from tests.conformance.gaps import Ledger
    from tests.conformance.judges import Answer

_LIMITS = Limits()
BATCH = 2_000


def texts_of(one: Compiled, seed: int, count: int) -> list[str | None]:
    """Return distinct texts for a case, absent first."""
    field = one.field
    bounds = [] if field.range is None else [field.range.low, field.range.high]
    limits = [form for end in bounds if end is not None for form in _around(str(end))]
    symbols = [judges.json.dumps(s) for s in field.one_of or ()]
    return list(dict.fromkeys([None, *limits, *symbols, *tokens(field.type, field.encoding, seed, count)]))


def _around(end: str) -> Iterator[str]:
    """Yield a limit as it may be sent, and texts whose last digit is one more or less."""
    for text in (end, end[:-1] + chr(ord(end[-1]) + 1), end[:-1] + chr(ord(end[-1]) - 1), end + "1", end[:-1]):
        yield text
        yield judges.json.dumps(text)


def packed(one: Compiled, texts: Sequence[str | None]) -> list[list[str | None]]:
    """Return what goes into one message together: ten texts that are JSON, alone what is none."""
    good = [text for text in texts if text is None or not isinstance(decode(_bytes(text), _LIMITS), Refused)]
    bad = [[text] for text in texts if text is not None and isinstance(decode(_bytes(text), _LIMITS), Refused)]
    width = one.case.width
    return [list(good[at : at + width]) for at in range(0, len(good), width)] + bad


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Agreement:
    """Counts vectors, and collects what differs."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.vectors = 0

    def run(self, one: Compiled, texts: Sequence[str | None], warehouse: Path | None, most: int) -> None:
        """Compare engines and targets; round trips of the values: at most `most` rows, Iceberg when there is a warehouse."""
        together = packed(one, texts)
        reference, embedded = (make_processor(name, one.plan, {}) for name in ("reference", "embedded"))  # type: ignore[arg-type]
        answers: dict[str | None, Answer] = {}
        kept: list[pa.Table] = []
        for start in range(0, len(together), BATCH):
            part = together[start : start + BATCH]
            messages = [message(*texts) for texts in part]
            given = batch(messages)
            wanted = reference.process(given)
            for difference in compare(wanted, embedded.process(given), messages, 0):
                self.ledger.take("embedded", one.case.name, "value", difference)
            answers |= judges.reference(one, wanted, part)
            kept.append(wanted.tables["raw"])
        self.vectors += len(texts)
        self._targets(one, answers)
        self._round_trips(one, kept[0], warehouse, most)

    def _targets(self, one: Compiled, answers: dict[str | None, Answer]) -> None:
        validator = judges.schema_validator(one)
        for text, answer in answers.items():
            schema, model = judges.json_schema(validator, text), judges.model(one, text)
            for target, found in (("json_schema", schema), ("model", model)):
                if found.valid != answer.valid:
                    self.ledger.take(target, one.case.name, "accepts" if found.valid else "refuses", text)
            if (
                model.valid
                and answer.valid
                and not judges.same(model.value, answer.value, one.field.type, one.field.encoding)
            ):
                self.ledger.take("model", one.case.name, "value", text, f": {answer.value!r} {model.value!r}")

    def _round_trips(self, one: Compiled, rows: pa.Table, warehouse: Path | None, most: int) -> None:
        wanted = [python_value(v, one.field.type) for v in rows.column("v0").to_pylist()]
        some = rows.slice(0, most)
        for target, read in (("fastavro", judges.with_fastavro(one, rows)), ("avro", judges.with_avro(one, some))):
            for value, found in zip(wanted, read, strict=False):
                if value != found or type(value) is not type(found):
                    self.ledger.take(target, one.case.name, "value", f"{value!r}", f" came back as {found!r}")
        if warehouse is not None:
            for target, found_rows in judges.through_iceberg(one, rows, warehouse):
                if found_rows.select(rows.column_names).to_pylist() != rows.to_pylist():
                    self.ledger.take(target, one.case.name, "value", "")

"""`sinks`: the table and the topic that an event goes to, as written; columns are checked when fields are known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.reading import IDENTIFIER, Shape
from tacet_codegen.ir.model import IcebergSink, KafkaSink, Sinks
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import PartitionField
from tacet_runtime.plan.partitions import misfit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Problems
    from tacet_runtime.plan.model import Bounds
    from tacet_runtime.plan.types import Type

SINKS = Shape({}, {"iceberg": "the table", "kafka": "the topic"})
ICEBERG = Shape(
    {"table": "namespace.name"},
    {"partition": "for example [day(server_ts)]", "sort": "columns", "payload": "keep | drop (raw events)"},
)
KAFKA = Shape({"topic": "its name"}, {"key": "columns of the message key", "format": "source | avro"})
TRANSFORMS = ("identity", "year", "month", "day", "hour", "bucket", "truncate")

_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,248}")
_PARTITION = re.compile(
    r"(?:([a-z]+)\(\s*(?:([0-9]{1,6})\s*,\s*)?([A-Za-z_][A-Za-z0-9_]*)\s*\)|([A-Za-z_][A-Za-z0-9_]*))"
)


def topic(found: Scalar | None, problems: Problems) -> str:
    """Check a topic's name (Kafka's own rule)."""
    if found is None:
        return ""
    if not _TOPIC.fullmatch(found.value):
        problems.add(
            "E404",
            f"topic `{reading.cut(found.value)}` cannot be",
            found.span,
            "use letters, digits, `.`, `_` and `-`, at most 249",
        )
        return ""
    return found.value


def table_name(found: Scalar | None, problems: Problems) -> str:
    """Check `namespace.name` of a table."""
    if found is None:
        return ""
    parts = found.value.split(".")
    if len(parts) != 2 or not all(IDENTIFIER.fullmatch(part) for part in parts):
        problems.add(
            "E401",
            f"table `{reading.cut(found.value)}` is no `namespace.name`",
            found.span,
            "write two identifiers with a dot between",
        )
        return ""
    return found.value


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a sink may name; `written` has those too that are wrong themselves.

    `ranges` is for columns that hold no value outside of one.
    """

    types: Mapping[str, Type]
    written: frozenset[str] = frozenset()
    ranges: Mapping[str, Bounds | None] = field(default_factory=dict)


def read_sinks(node: Node | None, columns: Columns, role: Literal["raw", "derived"], problems: Problems) -> Sinks:
    """Read where an event goes, and check every column that is named."""
    found = reading.keys(node, SINKS, "sinks", problems)
    if found is None:
        return Sinks(None, None)
    iceberg = reading.keys(found.get("iceberg"), ICEBERG, "sinks.iceberg", problems)
    kafka = reading.keys(found.get("kafka"), KAFKA, "sinks.kafka", problems)
    keep = True
    table_sink = topic_sink = None
    if iceberg is not None:
        if role == "raw":
            keep = reading.word(iceberg.get("payload"), ("keep", "drop"), "payload", problems) != "drop"
        elif iceberg.get("payload") is not None:
            problems.add(
                "E401",
                "payload on a derived event's table",
                iceberg.names["payload"].span,
                "only the raw archive keeps the payload",
            )
        table_sink = IcebergSink(
            table_name(reading.text(iceberg.get("table"), "table", problems), problems),
            _partition(iceberg.get("partition"), columns, problems),
            _columns(iceberg.get("sort"), "sort", columns, problems),
            iceberg.span,
        )
    if kafka is not None:
        default: Literal["source", "avro"] = "source" if role == "raw" else "avro"
        form = reading.word(kafka.get("format"), ("source", "avro"), "format", problems) or default
        if form == "source" and role == "derived":
            problems.add(
                "E404", "format `source` on a derived event", kafka.span, "a derived event is written as `avro`"
            )
        topic_sink = KafkaSink(
            topic(reading.text(kafka.get("topic"), "topic", problems), problems),
            _columns(kafka.get("key"), "key", columns, problems),
            "source" if form == "source" else "avro",
            kafka.span,
        )
    return Sinks(table_sink, topic_sink, keep)


def _columns(node: Node | None, what: str, columns: Columns, problems: Problems) -> tuple[str, ...]:
    names: list[str] = []
    for found in reading.texts(node, what, problems):
        type_ = _column(found.value, found, what, columns, problems)
        if isinstance(type_, t.ListType | t.MapType | t.StructType):
            problems.add(
                "E401",
                f"{what} names `{found.value}`, a nested column",
                found.span,
                "name a column of a primitive type",
            )
        elif type_ is not None and found.value in names:
            problems.add("E401", f"`{found.value}` stands twice in {what}", found.span, "remove one")
        elif type_ is not None:
            names.append(found.value)
    return tuple(names)


def _column(name: str, found: Scalar, what: str, columns: Columns, problems: Problems) -> Type | None:
    type_ = columns.types.get(name)
    if type_ is None and name not in columns.written:
        hint = reading.did_you_mean(name, columns.types, "name a field of this event")
        problems.add("E301", f"{what} names `{reading.cut(name)}`, and there is no such field", found.span, hint)
    return type_


def _partition(node: Node | None, columns: Columns, problems: Problems) -> tuple[PartitionField, ...]:
    fields: list[PartitionField] = []
    for found in reading.texts(node, "partition", problems):
        one = _partition_field(found, columns, problems)
        if one is not None and any(f.column == one.column and f.transform == one.transform for f in fields):
            problems.add("E401", f"partition `{found.value}` stands twice", found.span, "remove one")
        elif one is not None:
            fields.append(one)
    return tuple(fields)


def _partition_field(found: Scalar, columns: Columns, problems: Problems) -> PartitionField | None:
    match = _PARTITION.fullmatch(found.value)
    transform = (match[1] or "identity") if match else ""
    if match is None or transform not in TRANSFORMS:
        problems.add(
            "E401",
            f"partition `{reading.cut(found.value)}` cannot be read",
            found.span,
            _half(found.value) or f"write `day(column)` or `bucket(16, column)`; transforms: {', '.join(TRANSFORMS)}",
        )
        return None
    name = match[3] or match[4]
    type_ = _column(name, found, "partition", columns, problems)
    if type_ is None:
        return None
    partition = PartitionField(name, transform, int(match[2]) if match[2] else None)  # type: ignore[arg-type]
    wrong = misfit(partition, type_, columns.ranges.get(name))
    if wrong is not None:
        problems.add("E401", f"partition `{reading.cut(found.value)}`: {wrong.why}", found.span, wrong.way_out)
        return None
    if transform != "identity" and partition.name in columns.types:
        problems.add(
            "E402",
            f"partition `{reading.cut(found.value)}` makes the partition field `{partition.name}`, and a column has that name",
            found.span,
            f"rename the column `{partition.name}`: no Iceberg library makes such a table",
        )
        return None
    return partition


def _half(text: str) -> str | None:
    """Return the hint for what YAML left of `[bucket(16, column)]`: it ends a plain text at the comma."""
    return 'its comma ends it in YAML: quote it, `"bucket(16, column)"`' if text.count("(") != text.count(")") else None

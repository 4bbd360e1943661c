"""Reference data as written: its key, where it is, its columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tacet_codegen.frontend import reading
from tacet_codegen.frontend.constraints import read_constraint
from tacet_codegen.frontend.header import read_header
from tacet_codegen.frontend.nodes import Sequence
from tacet_codegen.frontend.reading import Shape
from tacet_codegen.frontend.sinks import table_name, topic
from tacet_codegen.frontend.types import parse_type
from tacet_codegen.ir.model import Table, TableField
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import TableSource

if TYPE_CHECKING:
    from tacet_codegen.frontend.header import Place
    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Problems

TABLE = Shape(
    {
        "table": "its name",
        "version": "MAJOR.MINOR.PATCH",
        "owner": "who answers for it",
        "key": "the columns that find a row",
        "source": "where it is",
        "fields": "its columns",
    },
    {"status": "draft | released | deprecated", "doc": "what one row of it is"},
)
SOURCE = Shape(
    {},
    {
        "file": "a Parquet or CSV file, relative to the repository",
        "iceberg": "namespace.name",
        "kafka": "a compacted topic",
        "jdbc": "a table",
        "refresh": "for example 10m",
    },
)
FIELD = Shape(
    {"type": "for example long", "presence": "required | optional"},
    {
        "one_of": "the only values",
        "range": "[low, high]",
        "pattern": "what the whole string matches",
        "doc": "what it says",
    },
)
KINDS = ("file", "iceberg", "kafka", "jdbc")

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.(parquet|csv)")
_EQUAL = (
    t.BooleanType,
    t.IntType,
    t.LongType,
    t.DateType,
    t.StringType,
    t.UuidType,
    t.DecimalType,
    t.TimestampType,
    t.TimestamptzType,
    t.TimeType,
    t.BinaryType,
)


def read_table(place: Place, node: Node, problems: Problems) -> Table | None:
    """Read one version of a table; None when anything in it is wrong."""
    before = problems.errors
    found = reading.keys(node, TABLE, "table", problems)
    if found is None:
        return None
    header = read_header(place, found, "table", problems)
    fields = _fields(found.get("fields"), problems)
    source = _source(found.get("source"), problems)
    key = _key(found.get("key"), fields, reading.names(found.get("fields")), problems)
    if header is None or source is None or problems.errors > before:
        return None
    return Table(header, key, source, fields)


def _source(node: Node | None, problems: Problems) -> TableSource | None:
    found = reading.keys(node, SOURCE, "source", problems)
    if found is None:
        return None
    kinds = [kind for kind in KINDS if found.get(kind) is not None]
    if len(kinds) != 1:
        problems.add(
            "E219", f"source names {len(kinds)} places", found.span, "write one of `file`, `iceberg`, `kafka`, `jdbc`"
        )
        return None
    kind = kinds[0]
    written = reading.text(found.get(kind), f"source.{kind}", problems)
    refresh = reading.duration(found.get("refresh"), "refresh", problems)
    if written is None:
        return None
    return TableSource(kind, _location(kind, written, problems), refresh)  # type: ignore[arg-type]


def _location(kind: str, written: Scalar, problems: Problems) -> str:
    if kind == "iceberg":
        return table_name(written, problems)
    if kind == "kafka":
        return topic(written, problems)
    if kind == "file" and (not _FILE.fullmatch(written.value) or ".." in written.value):
        problems.add(
            "E219",
            f"file `{reading.cut(written.value)}` cannot be",
            written.span,
            "write a path below the repository that ends in `.parquet` or `.csv`",
        )
    if kind == "jdbc" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", written.value):
        problems.add(
            "E219",
            f"jdbc table `{reading.cut(written.value)}` cannot be",
            written.span,
            "write `schema.table`; the address belongs in an island file",
        )
    return written.value


def _fields(node: Node | None, problems: Problems) -> tuple[TableField, ...]:
    written = reading.pairs(node, "fields", problems)
    reading.unique((name for name, _ in written), "field", problems)
    fields = [_field(name, value, problems) for name, value in written]
    return tuple(field for field in fields if field is not None)


def _field(name: Scalar, node: Node, problems: Problems) -> TableField | None:
    what = f"field `{reading.cut(name.value)}`"
    identifier = reading.identifier(name, "field", problems)
    found = reading.keys(node, FIELD, what, problems)
    if found is None:
        return None
    written = reading.text(found.get("type"), f"{what}: type", problems)
    type_ = parse_type(written, problems) if written else None
    presence = reading.word(found.get("presence"), ("required", "optional"), f"{what}: presence", problems)
    constraint = read_constraint(found.get("one_of"), found.get("range"), found.get("pattern"), type_, problems)
    doc = reading.text(found.get("doc"), f"{what}: doc", problems, lines=True)
    if identifier is None or type_ is None or presence is None:
        return None
    return TableField(
        identifier, type_, presence == "required", constraint, doc.value.strip() if doc else "", name.span
    )


def _key(
    node: Node | None, fields: tuple[TableField, ...], written: frozenset[str], problems: Problems
) -> tuple[str, ...]:
    by_name = {field.name: field for field in fields}
    names: list[str] = []
    for found in reading.texts(node, "key", problems):
        field = by_name.get(found.value)
        if field is None and found.value in written:
            continue
        if field is None:
            problems.add(
                "E301",
                f"key names `{reading.cut(found.value)}`, and there is no such field",
                found.span,
                reading.did_you_mean(found.value, by_name, "name a field of this table"),
            )
        elif not field.required or not isinstance(field.type, _EQUAL):
            problems.add(
                "E217",
                f"key `{found.value}` must be required and of a type with equality",
                found.span,
                "make it `presence: required`, no float, no nested type",
            )
        elif found.value in names:
            problems.add("E217", f"`{found.value}` stands twice in the key", found.span, "remove one")
        else:
            names.append(found.value)
    if isinstance(node, Sequence) and not node.items:
        problems.add(
            "E217",
            "a table without a key",
            node.span,
            "name the columns that find a row, for example `key: [order_id]`",
        )
    return tuple(names)

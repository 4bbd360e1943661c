"""Every partition that contracts can have, and every type: a filtered scan finds what a filter of the whole table finds."""

from __future__ import annotations

import datetime as dt
import json
import operator
import uuid
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from pyiceberg.expressions import (
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    NotNull,
    StartsWith,
)
from pyiceberg.transforms import DayTransform, MonthTransform

from tacet_codegen.ir.typetext import type_text
from tacet_runtime.connectors.arrow import arrow_table
from tacet_runtime.connectors.iceberg import (
    TableError,
    append_files,
    data_files,
    ensure_table,
    live_files,
    open_catalog,
)
from tacet_runtime.connectors.parquet import partition_value, plain_value, write_files
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tacet_runtime.faults import Planned
from tacet_runtime.maintenance import Settings, maintain
from tacet_runtime.plan import types as t
from tacet_runtime.plan.model import Bounds, PartitionField, SinkColumn, SinkTable
from tacet_runtime.plan.partitions import misfit
from tests.durability.job import SMALL, Job, make
from tests.durability.shop import FIRST_DAY
from tests.durability.test_history import edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSTANTS = [
    dt.datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "0001-01-01T00:00:00",
        "1899-03-01T00:00:00.000001",
        "1969-12-31T23:59:59.999999",
        "1970-01-01T00:00:00",
        "2026-03-29T01:30:00",
        "9999-12-31T23:59:59.999999",
    )
]
MOMENTS = [instant.replace(tzinfo=None) for instant in INSTANTS]
TOP = "\U0010ffff"
VALUES: dict[t.Type, list[Any]] = {
    t.BooleanType(): [False, True],
    t.IntType(): [-(2**31), -(2**31) + 1, -10, -1, 0, 9, 2**31 - 1],
    t.LongType(): [-(2**63), -(2**63) + 1, -10, -1, 0, 9, 2**63 - 1],
    t.FloatType(): [
        -3.4028234663852886e38,
        -1.401298464324817e-45,
        -0.0,
        0.0,
        0.10000000149011612,
        3.4028234663852886e38,
    ],
    t.DoubleType(): [-1.7976931348623157e308, -5e-324, -0.0, 0.0, 0.1, 1.7976931348623157e308],
    t.DecimalType(5, 2): [Decimal(v) for v in ("-999.99", "-0.01", "0.00", "0.10", "999.99")],
    t.DecimalType(20, 3): [Decimal(v) for v in ("-99999999999999999.999", "0.001", "99999999999999999.999")],
    t.DecimalType(38, 10): [Decimal(f"{sign}{'9' * 28}.{'9' * 10}") for sign in ("-", "")] + [Decimal("0E-10")],
    t.DateType(): [moment.date() for moment in MOMENTS],
    t.TimeType(): [dt.time(0), dt.time(12, 0, 0, 1), dt.time(23, 59, 59, 999_999)],
    t.TimestampType(): MOMENTS,
    t.TimestamptzType(): INSTANTS,
    t.StringType(): [
        "",
        "\0",
        "ab",
        "x" * 16 + TOP,
        "x" * 16 + TOP * 2,
        "\uffff" * 20,
        TOP * 20,
        "\U0001f600" * 5,
        "é" * 17,
    ],
    t.UuidType(): [str(uuid.UUID(int=n)) for n in (0, 2**127 - 1, 2**127, 2**128 - 1)],
    t.BinaryType(): [b"", b"\0", b"a" * 16 + b"\xff", b"\xff\xff", b"\xff" * 20],
}
WIDTHS = {"bucket": (7,), "truncate": (3, 10, 16)}
CLEAR = {t.IntType(): -2147483640, t.LongType(): -9223372036854775800, t.DecimalType(5, 2): "-999.90"}
"""From where on truncation by ten stays in the type."""
COMPARED = {
    EqualTo: operator.eq,
    LessThan: operator.lt,
    LessThanOrEqual: operator.le,
    GreaterThan: operator.gt,
    GreaterThanOrEqual: operator.ge,
}
TRANSFORMS = get_args(msgspec.structs.fields(PartitionField)[1].type)


def literal(value: Any) -> Any:
    """Return a value as pyiceberg's expressions take it."""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def filters(type_: t.Type, field: PartitionField | None) -> Iterator[tuple[Any, Callable[[Any], bool]]]:
    """Yield (filter, what it means)."""
    yield IsNull("v"), lambda v: v is None
    yield NotNull("v"), lambda v: v is not None
    values = VALUES[type_]
    if field is not None and field.transform in {"year", "month"}:
        values = values[1:-1]  # the library steps a day past the first and the last, which its calendar does not have
    for value in values:
        compared = {EqualTo: operator.eq} if isinstance(type_, t.BooleanType) else COMPARED
        for name, holds in compared.items():
            yield (
                name("v", literal(value)),  # type: ignore[arg-type]
                lambda v, holds=holds, value=value: v is not None and holds(v, value),
            )
        some = (value, values[-1])
        if not isinstance(value, float) or value:  # Arrow does not take 0.0 in a list for -0.0
            yield In("v", [literal(one) for one in some]), lambda v, some=some: v in some
        if isinstance(value, str) and isinstance(type_, t.StringType):
            yield StartsWith("v", value[:2]), lambda v, value=value: v is not None and v.startswith(value[:2])


def partitions(type_: t.Type) -> Iterator[tuple[PartitionField, Bounds | None]]:
    """Yield every partition that a contract can have, those of numbers also with a range that makes them possible."""
    for transform in TRANSFORMS:
        for width in WIDTHS.get(transform, (None,)):
            field = PartitionField("v", transform, width)
            if misfit(field, type_) is None:
                yield field, None
            elif type_ in CLEAR and misfit(field, type_, Bounds(CLEAR[type_], None)) is None:
                yield field, Bounds(CLEAR[type_], None)


def missed(root: Path, number: int, type_: t.Type, field: PartitionField | None, lowest: Any = None) -> list[str]:
    """Write all values in one file a partition, then each alone, and return the filters that do not find what is there."""
    columns = (SinkColumn("n", 1, t.LongType(), True), SinkColumn("v", 2, type_, False))
    sink = SinkTable("derived", f"x.t{number}", columns, () if field is None else (field,), ("v",))
    catalog = open_catalog(root)
    table = ensure_table(catalog, sink)
    values = [*(v for v in VALUES[type_] if lowest is None or v >= lowest), None]
    batches = [list(enumerate(values)), *([(100 + at, value)] for at, value in enumerate(values))]
    files = []
    for at, rows in enumerate(batches):
        written = arrow_table({"n": [n for n, _ in rows], "v": [v for _, v in rows]}, sink)
        files += [
            (Path(file.path), tuple(partition_value(plain_value(v)) for v in file.partition))
            for file in write_files(written, sink, root, f"{number}-{at}")
        ]
    append_files(table, data_files(table, files), {}, {})
    table = catalog.load_table(sink.name)
    wrong = []
    for expression, holds in filters(type_, field):
        found = sorted(table.scan(row_filter=expression, selected_fields=("n",)).to_arrow()["n"].to_pylist())
        if found != sorted(n for rows in batches for n, value in rows if holds(value)):
            wrong.append(f"{type_text(type_)} {field}: {expression}")
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("type_", VALUES, ids=type_text)
def test_no_row_is_missed_by_a_filter(tmp_path, type_):
    layouts = [(None, None), *partitions(type_)]
    wrong = []
    for number, (field, range_) in enumerate(layouts):
        lowest = None if range_ is None else Decimal(str(range_.low))
        wrong += missed(tmp_path, number, type_, field, lowest)
    assert not wrong


@pytest.mark.parametrize(
    ("type_", "width", "first"),
    [
        (t.IntType(), 10, "-2147483640"),
        (t.LongType(), 100, "-9223372036854775800"),
        (t.DecimalType(5, 2), 10, "-999.90"),
        (t.DecimalType(20, 3), 7, "-99999999999999999.998"),
        (t.DecimalType(38, 10), 50, "-9999999999999999999999999999.9999999950"),
        (t.DecimalType(2, 0), 1000, "0"),
        (t.DecimalType(3, 3), 10, "-0.990"),
    ],
    ids=str,
)
def test_a_truncation_below_the_type_names_the_range_that_keeps_clear_of_it(type_, width, first):
    field = PartitionField("v", "truncate", width)
    wrong = misfit(field, type_)
    assert wrong is not None
    assert f"`range` from {first} or above" in wrong.way_out
    step = Decimal(1).scaleb(-getattr(type_, "scale", 0))
    below = Decimal(first).as_tuple()
    assert misfit(field, type_, Bounds(first, None)) is None
    unscaled = int("".join(map(str, below.digits))) * (-1 if below.sign else 1) - 1
    digits = f"{unscaled}E{step.as_tuple().exponent}"
    assert misfit(field, type_, Bounds(digits, None)) is not None
    assert misfit(field, type_, Bounds(None, first)) is not None


def sold(job: Job, *prices: object) -> None:
    """Write one message a price."""
    messages = [
        {
            "type": "click",
            "id": number,
            "app": "web",
            "version": "1.2.0",
            "ts": FIRST_DAY + number,
            "items": [{"product": "ball", "price": price}],
        }
        for number, price in enumerate(prices)
    ]
    (job.root / "e.ndjson").write_bytes(b"".join(json.dumps(m).encode() + b"\n" for m in messages))


@pytest.mark.parametrize("engine", ["reference", "embedded"])
def test_what_lies_below_a_range_ends_no_job_that_truncates(tmp_path, engine):
    job = make(tmp_path)
    job.engine = engine
    price = 'type: "decimal(5,2)", path: $item.price, encoding: string, presence: optional, range: [-999.90, null]'
    edit(job, "click/1.0.0.yaml", "type: long, path: $item.price, presence: required", price)
    edit(job, "click/1.0.0.yaml", '"price >= 0"', '"price >= -1000.00"')
    edit(job, "sale/1.0.0.yaml", 'cents: {type: long, expr: "price"}', "cents: {from: price}")
    edit(job, "click/1.0.0.yaml", "[day(ts)]", '["truncate(10, price)"]')
    edit(job, "sale/1.0.0.yaml", "[day(ts)]", '["truncate(10, cents)"]')
    sold(job, "-999.99", "-999.90", "-999.89", "999.99", "-1000.00")
    job.run()
    assert (job.verify().findings, job.verify().messages) == ((), 5)
    for role, name in (("raw", "price"), ("derived", "cents")):
        table = job.store().table(role)
        assert [row[name] for row in job.rows(role)] == [
            None, Decimal("-999.90"), Decimal("-999.89"), Decimal("999.99"), None
        ]  # fmt: skip
        for value, rows in (("-999.90", 1), ("-999.89", 2), ("999.99", 3)):
            assert table.scan(row_filter=LessThanOrEqual(name, Decimal(value))).to_arrow().num_rows == rows


def test_a_table_that_has_such_a_partition_says_the_way_out_and_maintain_writes_its_rows_anew(tmp_path):
    job = make(tmp_path)
    lowest = -(2**63)
    edit(job, "click/1.0.0.yaml", '"price >= 0"', '"id >= 0"')
    sold(job, lowest, 5)
    plan = job.plan()
    columns = {"raw": "price", "derived": "cents"}
    tables = tuple(
        msgspec.structs.replace(table, partition=(PartitionField(columns[table.role], "truncate", 10),))
        if table.role in columns
        else table
        for table in plan.tables
    )
    old = msgspec.structs.replace(plan, tables=tables)
    run(old, job.root, job.warehouse, [str(job.root / "e.ndjson")], Options(**{"engine": "reference", **SMALL}))
    for role, name in columns.items():
        said = rf"by truncate\[10\]\({name}\), by which readers can miss rows, and the contract says day\(ts\): .*`update_spec`"
        with pytest.raises(TableError, match=said):
            job.run()
        with job.store().table(role).update_spec() as change:
            change.remove_field(f"{name}_truncate")
            change.add_field("ts", DayTransform())
    job.run()
    maintain(job.plan(), job.warehouse, Settings())
    assert (job.verify().findings, job.verify().messages) == ((), 2)
    for role, name in columns.items():
        assert job.store().table(role).scan(row_filter=EqualTo(name, lowest)).to_arrow().num_rows == 1


@pytest.mark.parametrize("point", ["S5:after-ledger", "S8:after-raw"])
def test_files_of_a_commit_that_a_start_finishes_keep_the_partition_that_they_were_written_with(
    tmp_path, monkeypatch, point
):
    job = make(tmp_path)
    monkeypatch.setenv("TACET_FAIL_AT", point)
    monkeypatch.setenv("TACET_FAIL_HOW", "raise")
    monkeypatch.setattr("tacet_runtime.faults._SEEN", {})
    with pytest.raises(Planned):
        job.run()
    monkeypatch.delenv("TACET_FAIL_AT")
    edit(job, "sale/1.0.0.yaml", "day(ts)", "month(ts)")
    with job.store().table("derived").update_spec() as change:
        change.remove_field("ts_day")
        change.add_field("ts", MonthTransform())
    job.run()
    table = job.store().table("derived")
    of_spec = {file.spec_id: file.partition[0] for file in live_files(table)}
    day, month = FIRST_DAY // 86_400_000, 12 * (2026 - 1970) + 8
    assert of_spec == {1: day, 2: month}
    found = table.scan(GreaterThanOrEqual("ts", dt.datetime.fromtimestamp(FIRST_DAY / 1000, dt.UTC))).to_arrow()
    assert found.num_rows == len(job.rows("derived"))
    assert (job.verify().findings, job.verify().messages) == ((), 240)

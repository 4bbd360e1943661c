"""Reference data: read at a snapshot from Parquet, CSV and Iceberg; what is wrong is named, before an event meets it."""

import datetime as dt
import hashlib
import json
from decimal import Decimal as D

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacet_runtime.connectors.iceberg import open_catalog
from tacet_runtime.connectors.iceberg_nulls import nulls_kept
from tacet_runtime.connectors.lookups import LookupError_, load_lookups
from tests.support.command import here
from tests.support.small import compiled, derived, message, problems, raw, run, write

TABLE = """table: part
version: 1.0.0
owner: {team: probes, notify: ["slack:#probes"]}
doc: Parts.
key: [maker, part]
source: {source}
fields:
  maker: {type: string, presence: required, one_of: [acme, bolt]}
  part: {type: long, presence: required}
  name: {type: string, presence: required, pattern: "[a-z ]+"}
  price: {type: 'decimal(9,2)', presence: optional, range: [0, 1000]}
  born: {type: date, presence: optional}
  seen: {type: timestamptz, presence: optional}
  code: {type: uuid, presence: optional}
  live: {type: boolean, presence: optional}
  mass: {type: double, presence: optional}
"""
FIELDS = "maker: {type: string, path: $.maker, presence: optional}\npart: {type: int, path: $.part, presence: optional}"
VIEW = "id: {from: id}\nname: {from: item.name, presence: optional}\nprice: {from: item.price, presence: optional}\nborn: {from: item.born, presence: optional}"
ON = "lookups:\n  item: {table: part, version: '>=1.0.0', on: {maker: maker, part: part}, missing: keep}\n"
HEADER = "maker,part,name,price,born,seen,code,live,mass\n"
U = "0b5e1c2a-1111-4222-8333-abcdefabcdef"
ROW = f"acme,1,screw,1.50,2026-01-01,2026-01-01T00:00:00Z,{U},true,0.5\n"
ARROW = {
    "maker": ["acme", "bolt"], "part": [1, 2], "name": ["screw", "nut"], "price": [D("1.50"), None], "born": [dt.date(2026, 1, 1), None],
    "seen": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None], "code": [U, None], "live": [True, None], "mass": [0.5, None],
}  # fmt: skip


def repository(folder, source="{file: data/part.csv}", **files):
    contracts = {
        "ping/1.0.0.yaml": raw(FIELDS),
        "pong/1.0.0.yaml": derived(VIEW, ON),
        "part/1.0.0.yaml": TABLE.replace("{source}", source),
    }
    return compiled(folder, contracts | {f"data/{name.replace('_', '.')}": data for name, data in files.items()})


def parquet_without(*names):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(ARROW).drop_columns(list(names)), sink)
    return sink.getvalue().to_pybytes()


def parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(ARROW | columns), sink)
    return sink.getvalue().to_pybytes()


def test_a_composite_key_finds_one_row_on_both_engines(tmp_path):
    plan = repository(tmp_path, part_csv=HEADER + ROW + "bolt,1,nut,,,,,,\nbolt,2,rivet,0.00,0001-01-01,,,,\n")
    cases = [({"maker": "acme", "part": 1}, "screw"), ({"maker": "bolt", "part": 1}, "nut"), ({"maker": "acme", "part": 2}, None), ({"maker": "acme", "part": None}, None), ({"part": 1}, None)]  # fmt: skip
    results = run(plan, [message(**given) for given, _ in cases], tmp_path)
    assert [r.rows[0].derived["name"] for r in results] == [name for _, name in cases]
    rows = load_lookups(plan, tmp_path)["item"].rows
    assert rows["acme", 1] == {
        "maker": "acme", "part": 1, "name": "screw", "price": D("1.50"), "born": dt.date(2026, 1, 1), "seen": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "code": U, "live": True, "mass": 0.5,
    }  # fmt: skip


def test_parquet_and_csv_say_the_same(tmp_path):
    csv = repository(tmp_path / "csv", part_csv=HEADER + ROW + "bolt,2,nut,,,,,,\n")
    columnar = repository(tmp_path / "pq", "{file: data/part.parquet}", part_parquet=parquet())
    one, other = load_lookups(csv, tmp_path / "csv")["item"], load_lookups(columnar, tmp_path / "pq")["item"]
    assert dict(one.rows) == dict(other.rows)
    assert len(one.rows) == 2
    assert one.snapshot != other.snapshot


def test_parquet_s_own_forms_are_taken_where_no_value_changes(tmp_path):
    plan = repository(
        tmp_path,
        "{file: data/part.parquet}",
        part_parquet=parquet(
            part=pa.array([1, 2], pa.int16()),
            maker=pa.array(["acme", "bolt"]).dictionary_encode(),
            name=pa.array(["screw", "nut"], pa.large_string()),
            price=pa.array([D("1.5"), None], pa.decimal128(4, 1)),
            seen=pa.array([dt.datetime(2026, 1, 1), None], pa.timestamp("ms", "Europe/Berlin")),  # noqa: DTZ001
            mass=pa.array([0.5, None], pa.float32()),
            code=pa.array([bytes.fromhex(U.replace("-", "")), None], pa.binary(16)),
            more=[1, 2],
        ),
    )
    rows = load_lookups(plan, tmp_path)["item"].rows
    assert rows["acme", 1]["code"] == U
    assert rows["acme", 1]["price"] == D("1.50")
    assert rows["acme", 1]["seen"] == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_nested_columns_are_read_from_parquet_and_not_from_csv(tmp_path):
    table = (
        TABLE.replace("{source}", "{file: data/part.parquet}") + "  tags: {type: list<string>, presence: optional}\n"
    )
    write(tmp_path, {"data/part.parquet": parquet(tags=[["a", "b"], None])})
    plan = compiled(tmp_path, {"ping/1.0.0.yaml": raw(FIELDS), "pong/1.0.0.yaml": derived(VIEW + "\ntags: {from: item.tags, presence: optional}", ON), "part/1.0.0.yaml": table})  # fmt: skip
    [result] = run(plan, [message(maker="acme", part=1)], tmp_path)
    assert result.rows[0].derived["tags"] == ["a", "b"]
    write(tmp_path, {"data/part.parquet": parquet(tags=[[1], None])})
    with pytest.raises(LookupError_, match="column `tags` is list"):
        load_lookups(plan, tmp_path)


WRONG_CSV = [
    ("a key that stands twice", HEADER + ROW + "bolt,1,nut,,,,,,\n" + ROW, "key 'acme', '1' stands twice, in rows 2 and 4"),
    ("a part of the key is empty", HEADER + ROW + "bolt,,nut,,,,,,\n", "row 3 has no `part`, which is part of the key"),
    ("a required cell is empty", HEADER + ROW + "bolt,2,,,,,,,\n", "row 3 has no `name`, which is required"),
    ("a column is missing", HEADER.replace(",price", "") + "acme,1,a,,,,,\n", "part.csv has no column `price`"),
    ("a column stands twice", HEADER.replace("price", "name") + ROW, "has the column `name` twice"),
    ("a cell too few", HEADER + ROW + "bolt,2,nut\n", "row 3 has 3 cells, expected 9"),
    ("an empty line", HEADER + "\n" + ROW, "row 2 has 0 cells"),
    ("no whole number", HEADER + ROW.replace(",1,", ",1.0,"), "row 2, column `part`: `1.0` is invalid (format)"),
    ("out of the type", HEADER + ROW.replace(",1,", ",9223372036854775808,"), "`9223372036854775808` is invalid (range)"),
    ("a digit of another script", HEADER + ROW.replace(",1,", ",\u0661,"), "is invalid (format)"),
    ("no boolean", HEADER + ROW.replace("true", "TRUE"), "column `live`: `TRUE` is invalid (format)"),
    ("no date", HEADER + ROW.replace("2026-01-01,", "2026-02-30,"), "column `born`: `2026-02-30` is invalid (format)"),
    ("no zone", HEADER + ROW.replace("00Z", "00"), "column `seen`"),
    ("too many fraction digits", HEADER + ROW.replace("1.50", "1.505"), "column `price`: `1.505` is invalid (range)"),
    ("no uuid", HEADER + ROW.replace(U, "x"), "column `code`: `x` is invalid (format)"),
    ("not finite", HEADER + ROW.replace("0.5", "NaN"), "column `mass`: `NaN` is invalid (format)"),
    ("not one of", HEADER + ROW.replace("acme", "zinc"), "row 2, column `maker`: `zinc` is invalid (one_of)"),
    ("no match", HEADER + ROW.replace("screw", "SCREW"), "row 2, column `name`: `SCREW` is invalid (format)"),
    ("out of range", HEADER + ROW.replace("1.50", "1000.01"), "row 2, column `price`: `1000.01` is invalid (range)"),
    ("an open quote", HEADER + 'acme,1,"screw', "data/part.csv is no CSV: unexpected end of data; a cell with"),
    ("not UTF-8", (HEADER + "acme,1,").encode() + b"\xff", "data/part.csv is not in UTF-8"),
    ("nothing at all", "", "has no column `maker`"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "data", "said"), WRONG_CSV, ids=[w[0] for w in WRONG_CSV])
def test_a_wrong_csv_is_named_with_its_row_and_column(tmp_path, title, data, said):
    plan = repository(tmp_path, part_csv=data)
    with pytest.raises(LookupError_) as error:
        load_lookups(plan, tmp_path)
    assert str(error.value).startswith("lookup `item`: ")
    assert said in str(error.value)


WRONG_PARQUET = [
    ("a key that stands twice", {"maker": ["acme", "acme"], "part": [1, 1]}, "stands twice, in rows 1 and 2"),
    ("a NULL key", {"part": [1, None]}, "row 2 has no `part`, which is part of the key"),
    ("a NULL that is required", {"name": [None, "a"]}, "row 1 has no `name`, which is required"),
    ("text for a number", {"part": ["1", "2"]}, "column `part` is string, expected int64"),
    ("floats for a number", {"part": [1.0, 2.0]}, "column `part` is double, expected int64"),
    ("numbers for a text", {"name": [1, 2]}, "column `name` is int64, expected string"),
    ("a moment without zone", {"seen": pa.array([0, 1], pa.timestamp("us"))}, "column `seen`"),
    ("nanoseconds that are lost", {"seen": pa.array([1, 2], pa.timestamp("ns", "UTC"))}, "column `seen`"),
    ("digits that are lost", {"price": pa.array([D("1.555"), None])}, "column `price`"),
    ("NaN", {"mass": [float("nan"), 1.0]}, "column `mass` has a number that is not finite"),
    ("year 10000", {"born": pa.array([2_932_897, 0], pa.date32())}, "column `born` has a day outside the years 1 to 9999"),
    ("year 0", {"seen": pa.array([-62_135_596_800_000_001, 0], pa.timestamp("us", "UTC"))}, "outside the years"),
    ("no uuid", {"code": [U, "x"]}, "row 2, column `code`: `x` is invalid (format)"),
    ("not one of", {"maker": ["acme", "zinc"]}, "row 2, column `maker`: `zinc` is invalid (one_of)"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "columns", "said"), WRONG_PARQUET, ids=[w[0] for w in WRONG_PARQUET])
def test_a_wrong_parquet_file_is_named_with_its_column(tmp_path, title, columns, said):
    plan = repository(tmp_path, "{file: data/part.parquet}", part_parquet=parquet(**columns))
    with pytest.raises(LookupError_) as error:
        load_lookups(plan, tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 100, parquet()[:-9]], ids=["empty", "magic", "noise", "cut"])
def test_what_is_no_parquet_file_says_so(tmp_path, data):
    plan = repository(tmp_path, "{file: data/part.parquet}", part_parquet=data)
    with pytest.raises(LookupError_, match=r"part\.parquet is no Parquet file"):
        load_lookups(plan, tmp_path)


@pytest.mark.parametrize("file", [None, HEADER + ROW + ROW], ids=["missing", "doubled"])
def test_the_command_ends_with_3_and_names_the_file(tmp_path, monkeypatch, capsys, file):
    repository(tmp_path, **({} if file is None else {"part_csv": file}))
    (tmp_path / "m.json").write_bytes(message())
    monkeypatch.chdir(tmp_path)
    ended = here(capsys, "explain", "pong", "m.json")
    assert ended.status == 3
    assert "lookup `item`" in ended.err
    assert "part.csv" in ended.err
    assert "Traceback" not in ended.err


REFUSED = [
    ("part of the key", ON.replace("maker: maker, ", ""), "E307"),
    ("no part of the key", ON.replace("part: part}", "part: part, name: maker}"), "E307"),
    ("text joined with a number", ON.replace("part: part}", "part: maker}"), "E307"),
    ("a field that is not there", ON.replace("part: part}", "part: pert}"), "E301"),
    ("a table that is not there", ON.replace("table: part", "table: prat"), "E302"),
    ("a version that is not there", ON.replace(">=1.0.0", ">=2.0.0"), "E305"),
]


@pytest.mark.parametrize(("title", "on", "code"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_join_that_cannot_work_is_refused_when_compiled(tmp_path, title, on, code):
    repository(tmp_path)
    write(tmp_path, {"pong/1.0.0.yaml": derived(VIEW, on)})
    assert code in {d.code for d in problems(tmp_path)}


def test_a_recorded_file_is_read_again_after_it_changed(tmp_path):
    plan, archive = repository(tmp_path, part_csv=HEADER + ROW), tmp_path / "archive"
    before = load_lookups(plan, tmp_path, archive=archive)["item"]
    write(tmp_path, {"data/part.csv": HEADER + ROW.replace("screw", "rivet")})
    now = load_lookups(plan, tmp_path, archive=archive)["item"]
    again = load_lookups(plan, tmp_path, snapshots={"item": before.snapshot}, archive=archive)["item"]
    assert (now.rows["acme", 1]["name"], again.rows["acme", 1]["name"]) == ("rivet", "screw")
    assert again.snapshot == before.snapshot != now.snapshot
    (tmp_path / "data/part.csv").unlink()
    assert load_lookups(plan, tmp_path, snapshots={"item": before.snapshot}, archive=archive)["item"].rows == again.rows
    with pytest.raises(LookupError_, match="was not kept"):
        load_lookups(plan, tmp_path, snapshots={"item": "sha256:" + "0" * 64}, archive=archive)


def test_a_kept_snapshot_that_was_changed_or_lacks_a_column_is_refused_with_the_way_out(tmp_path):
    plan, archive = repository(tmp_path, part_csv=HEADER + ROW), tmp_path / "archive"
    kept = load_lookups(plan, tmp_path, archive=archive)["item"].snapshot
    write(tmp_path, {"data/part.csv": HEADER + ROW.replace("screw", "rivet")})
    path = archive / kept.removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"screw", b"scrap"))
    with pytest.raises(LookupError_, match=r"has other bytes than were kept: .*--lookups latest"):
        load_lookups(plan, tmp_path, snapshots={"item": kept}, archive=archive)
    older = b"vendor\nacme\n"
    digest = hashlib.sha256(older).hexdigest()
    (archive / digest).write_bytes(older)
    with pytest.raises(LookupError_, match=rf"snapshot sha256:{digest} .*--lookups latest"):
        load_lookups(plan, tmp_path, snapshots={"item": f"sha256:{digest}"}, archive=archive)


def test_an_optional_column_that_came_later_is_null_in_older_snapshots(tmp_path):
    older = ",".join(HEADER.split(",")[:5]) + "\n" + ",".join(ROW.split(",")[:5]) + "\n"
    forms = {"csv": older.encode(), "parquet": parquet_without("seen", "code", "live", "mass")}
    for form, data in forms.items():
        archive = tmp_path / form
        archive.mkdir()
        digest = hashlib.sha256(data).hexdigest()
        (archive / digest).write_bytes(data)
        plan = repository(tmp_path, part_csv=HEADER + ROW)
        found = load_lookups(plan, tmp_path, snapshots={"item": f"sha256:{digest}"}, archive=archive)["item"]
        row = found.rows["acme", 1]
        assert (row["name"], row["code"], row["mass"], row["live"]) == ("screw", None, None, None)
        write(tmp_path, {"data/part.csv": data})
        if form == "csv":
            with pytest.raises(LookupError_, match=r"data/part\.csv has no column `seen`$"):
                load_lookups(plan, tmp_path)


def test_what_is_wrong_in_an_older_snapshot_is_said_of_it_with_the_way_out(tmp_path):
    plan, archive = repository(tmp_path, part_csv=HEADER + ROW), tmp_path / "archive"
    archive.mkdir()
    data = (HEADER + ROW.replace("acme", "late")).encode()
    digest = hashlib.sha256(data).hexdigest()
    (archive / digest).write_bytes(data)
    with pytest.raises(LookupError_, match=rf"its snapshot sha256:{digest} .*--lookups latest.*row 2, column `maker`"):
        load_lookups(plan, tmp_path, snapshots={"item": f"sha256:{digest}"}, archive=archive)


def test_samples_find_the_keys_of_each_lookup_that_is_there_and_say_of_the_others_that_they_are_made_up(
    tmp_path, monkeypatch, capsys
):
    crates = TABLE.replace("table: part", "table: crate").replace("{source}", "{iceberg: ref.crate}")
    again = f"{ON}  box: {{table: crate, version: '>=1.0.0', on: {{maker: vendor, part: crate}}, missing: keep}}\n"
    fields = f"{FIELDS}\nvendor: {{type: string, path: $.vendor, presence: required}}\ncrate: {{type: long, path: $.crate, presence: required}}"
    fields = fields.replace("optional", "required")
    repository(tmp_path, part_csv=HEADER + ROW)
    view = f"{VIEW}\nbox: {{from: box.name, presence: optional}}"
    files = {"ping/1.0.0.yaml": raw(fields), "pong/1.0.0.yaml": derived(view, again), "crate/1.0.0.yaml": crates}
    write(tmp_path, files)
    monkeypatch.chdir(tmp_path)

    def sampled(*more: str) -> tuple[str, list[dict], list[dict]]:
        where = ("--out", "s.ndjson", "--labels", "l.ndjson", "--events", "60", "--seed", "5", *more)
        ended = here(capsys, "sample", "pong", *where)
        assert ended.status == 0, ended.err
        read = [[json.loads(x) for x in (tmp_path / n).read_text().splitlines()] for n in ("s.ndjson", "l.ndjson")]
        return ended.err, [m for m in read[0] if "maker" in m], read[1]

    said, messages, _ = sampled("--scenario", "clean")
    assert {(m["maker"], m["part"]) for m in messages} == {("acme", 1)}
    assert "lookup `box` are made up" in said
    assert "--warehouse" in said
    (tmp_path / "m.json").write_bytes(message())
    ended = here(capsys, "explain", "pong", "m.json")
    assert (ended.status, "no warehouse in warehouse" in ended.err) == (3, True)
    assert not (tmp_path / "warehouse").exists()
    catalog = open_catalog(tmp_path / "w")
    catalog.create_namespace("ref")
    rows = pa.table(ARROW)
    catalog.create_table("ref.crate", rows.schema).append(rows)
    said, messages, _ = sampled("--scenario", "clean", "--warehouse", "w")
    assert {(m["vendor"], m["crate"]) for m in messages} == {("acme", 1), ("bolt", 2)}
    assert "made up" not in said
    _, messages, labels = sampled("--scenario", "lookup_miss", "--warehouse", "w")
    missed = {label["message"] for label in labels if label["expected"] in {"lookup_miss:box", "lookup_miss:item"}}
    strange = [
        m
        for m in messages
        if (m["maker"], m["part"]) != ("acme", 1) or (m["vendor"], m["crate"]) not in {("acme", 1), ("bolt", 2)}
    ]
    assert len(missed) == len(strange) > 0


def test_an_iceberg_table_is_read_at_its_snapshot(tmp_path):
    plan = repository(tmp_path, "{iceberg: ref.part}")
    with pytest.raises(LookupError_, match="needs a warehouse"):
        load_lookups(plan, tmp_path)
    catalog = open_catalog(tmp_path / "warehouse")
    with pytest.raises(LookupError_, match=r"cannot read table ref\.part"):
        load_lookups(plan, tmp_path, catalog)
    catalog.create_namespace("ref")
    rows = pa.table(ARROW)
    table = catalog.create_table("ref.part", rows.schema)
    assert len(load_lookups(plan, tmp_path, catalog)["item"].rows) == 0
    table.append(rows)
    first = load_lookups(plan, tmp_path, catalog)["item"]
    assert first.rows["bolt", 2]["name"] == "nut"
    table.append(rows.slice(0, 1).set_column(1, "part", pa.array([9])))
    second = load_lookups(plan, tmp_path, catalog)["item"]
    assert ("acme", 9) in second.rows
    again = load_lookups(plan, tmp_path, catalog, snapshots={"item": first.snapshot})["item"]
    assert again.rows == first.rows
    assert (again.snapshot, len({first.snapshot, second.snapshot})) == (first.snapshot, 2)
    table.append(rows.slice(0, 1))
    with pytest.raises(LookupError_, match="stands twice"):
        load_lookups(plan, tmp_path, catalog)
    with pytest.raises(LookupError_, match="cannot read table"):
        load_lookups(plan, tmp_path, catalog, snapshots={"item": "iceberg:5"})


@pytest.mark.slow
def test_a_million_rows_are_loaded_in_seconds_and_without_a_row_s_worth_of_python_each(tmp_path):
    import resource
    import time

    many = 1_000_000
    data = parquet_of_many(many)
    plan = repository(tmp_path, "{file: data/part.parquet}", part_parquet=data)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    table = load_lookups(plan, tmp_path)["item"]
    assert time.process_time() - began < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 * 1024
    assert table.rows["acme", many - 1]["name"] == "part"


def parquet_of_many(many):
    none = {
        name: pa.nulls(many, pa.table(ARROW)[name].type) for name in ("price", "born", "seen", "code", "live", "mass")
    }
    sink = pa.BufferOutputStream()
    columns = {"maker": pa.repeat("acme", many), "part": pa.array(range(many)), "name": pa.repeat("part", many)}
    pq.write_table(pa.table(columns | none), sink)
    return sink.getvalue().to_pybytes()


EVERY = """table: k
version: 1.0.0
owner: {team: probes, notify: ["slack:#probes"]}
doc: A key of every type.
key: [KEY]
source: {file: data/k.csv}
fields:
  a: {type: 'decimal(5,2)', presence: required}
  b: {type: date, presence: required}
  c: {type: uuid, presence: required}
  d: {type: timestamptz, presence: required}
  e: {type: boolean, presence: required}
  f: {type: time, presence: required}
  g: {type: string, presence: required}
  hit: {type: string, presence: optional}
"""
SENT = """
a: {type: 'decimal(5,2)', path: $.a, presence: optional}
b: {type: date, path: $.b, presence: optional}
c: {type: uuid, path: $.c, presence: optional}
d: {type: timestamptz, path: $.d, encoding: epoch_millis, presence: optional}
e: {type: boolean, path: $.e, presence: optional}
f: {type: time, path: $.f, presence: optional}
g: {type: string, path: $.g, presence: optional}
"""
ROWS = f'a,b,c,d,e,f,g,hit\n1.50,2026-01-01,{U},1970-01-01T00:00:01Z,true,01:02:03,"é,\n""😀",yes\n2.00,9999-12-31,{"0" * 8}-0000-0000-0000-{"0" * 12},9999-12-31T23:59:59.999Z,false,23:59:59.999999, x,\n'
FOUND = {"a": 1.5, "b": "2026-01-01", "c": U.upper(), "d": 1000, "e": True, "f": "01:02:03.0", "g": 'é,\n"😀'}
EMPTY = {"a": 2, "b": "9999-12-31", "c": f"{'0' * 8}-0000-0000-0000-{'0' * 12}", "d": 253402300799999, "e": False, "f": "23:59:59.999999", "g": " x"}  # fmt: skip


@pytest.mark.parametrize("key", ["a, b, c, d, e, f, g", "g"])
def test_a_key_of_every_type_is_found_exactly_after_correction(tmp_path, key):
    on = ", ".join(f"{k}: {k}" for k in key.split(", "))
    before = f"corrections:\n  fix: {{when: a = 9, set: {{a: '1.50'}}}}\nlookups:\n  k: {{table: k, version: '>=1.0.0', on: {{{on}}}, missing: keep}}\n"
    plan = compiled(
        tmp_path,
        {
            "ping/1.0.0.yaml": raw(SENT),
            "k/1.0.0.yaml": EVERY.replace("KEY", key),
            "data/k.csv": ROWS,
            "pong/1.0.0.yaml": derived("id: {from: id}\nhit: {from: k.hit, presence: optional}", before),
        },
    )
    given = [
        FOUND,
        {**FOUND, "a": 9},
        EMPTY,
        {**FOUND, "g": 'e\u0301,\n"😀'},
        {**EMPTY, "g": "x"},
        {**EMPTY, "g": None},
        {**EMPTY, "g": 5},
    ]
    results = run(plan, [message(**changes) for changes in given], tmp_path)
    missed = (None, "lookup_miss:k")
    rows = [r.rows[0] for r in results]
    assert [(row.derived["hit"], row.derived_verdicts["hit"]) for row in rows] == [
        ("yes", "present"), ("yes", "present"), (None, "optional"), missed, missed, missed, missed,
    ]  # fmt: skip


NESTED = {
    "tags": pa.list_(pa.struct([("a", pa.int32())])),
    "named": pa.map_(pa.string(), pa.struct([("a", pa.int32())])),
    "deep": pa.struct([("l", pa.list_(pa.struct([("a", pa.int32())])))]),
}


@pytest.mark.parametrize("kind", ["parquet", "iceberg"])
def test_nulls_of_nested_columns_are_nulls_and_empty_ones_are_empty(tmp_path, kind):
    fields = (
        'tags: {type: "list<struct{a: int}>", presence: optional}\n  named: {type: "map<string, struct{a: int}>", presence: optional}\n'
        '  deep: {type: "struct{l: list<struct{a: int}>}", presence: optional}'
    )
    source = {"parquet": "{file: data/part.parquet}", "iceberg": "{iceberg: ref.part}"}[kind]
    head = TABLE.replace("{source}", source).partition("  name:")[0]
    files = {
        "ping/1.0.0.yaml": raw(FIELDS),
        "pong/1.0.0.yaml": derived(
            "id: {from: id}\ntags: {from: item.tags}\nnamed: {from: item.named}\ndeep: {from: item.deep}", ON
        ),
        "part/1.0.0.yaml": f"{head}  {fields}\n",
    }
    plan = compiled(tmp_path, files)
    values = {
        "tags": [None, [], [{"a": 1}]],
        "named": [None, [], [("k", {"a": 1})]],
        "deep": [None, {"l": None}, {"l": [{"a": None}]}],
    }
    columns = [pa.array(values[name], form) for name, form in NESTED.items()]
    rows = pa.table([pa.array(["acme"] * 3), pa.array([1, 2, 3]), *columns], names=["maker", "part", *NESTED])
    catalog = open_catalog(tmp_path / "warehouse")
    if kind == "iceberg":
        catalog.create_namespace("ref")
        with nulls_kept():  # what other writers write, too
            catalog.create_table("ref.part", rows.schema).append(rows)
    else:
        (tmp_path / "data").mkdir()
        pq.write_table(rows, tmp_path / "data/part.parquet")
    found = load_lookups(plan, tmp_path, catalog)["item"].rows
    assert [found["acme", n]["tags"] for n in (1, 2, 3)] == values["tags"]
    assert [found["acme", n]["named"] for n in (1, 2, 3)] == [None, {}, {"k": {"a": 1}}]
    assert [found["acme", n]["deep"] for n in (1, 2, 3)] == values["deep"]

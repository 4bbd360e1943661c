"""An independent checker: what the tables of a warehouse must hold for an input, by its own arithmetic.

It shares nothing with the product but the file formats: it reads Parquet and Avro manifests through pyiceberg, and
knows from the events themselves (`shop.message`) which rows there must be.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

TABLES = ("shop.click", "shop.sale", "shop.sale_rejects", "shop.sale_ledger", "shop.sale_metrics")


def expected(data: bytes) -> dict[str, Counter]:
    """Return offsets and indexes that each table must have."""
    raw, derived, rejects = Counter(), Counter(), Counter()
    for offset, line in enumerate(data.splitlines()):
        try:
            event = json.loads(line)
        except ValueError:
            rejects[offset, None] += 1
            continue
        if event["type"] != "click":
            continue
        for index, item in enumerate(event["items"]):
            price = item["price"]
            if "id" not in event or price == -1:
                rejects[offset, index] += 1
                continue
            raw[offset, index] += 1
            if not event.get("robot"):
                derived[offset, index] += 1
    return {"shop.click": raw, "shop.sale": derived, "shop.sale_rejects": rejects}


def problems(warehouse: Path, data: bytes, source: str = "e.ndjson") -> list[str]:
    """Return what is wrong with the tables; nothing when they hold exactly the input."""
    catalog = SqlCatalog("tacet", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    found: list[str] = []
    named: Counter[str] = Counter()
    rows: dict[str, list[dict]] = {}
    for name in TABLES:
        table = catalog.load_table(name)
        paths = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
        named.update(paths)
        columns = ["_source", "_offset", "_index"] if name in ("shop.click", "shop.sale", "shop.sale_rejects") else None
        found += [f"{name}: {path} is registered and is not there" for path in paths if not Path(path).exists()]
        paths = [path for path in paths if Path(path).exists()]
        rows[name] = [row for path in paths for row in pq.ParquetFile(path).read(columns).to_pylist()]
    for name, wanted in expected(data).items():
        has = Counter((row["_offset"], row["_index"]) for row in rows[name] if row["_source"] == source)
        if has != wanted or len(rows[name]) != wanted.total():
            found.append(f"{name}: lost {(wanted - has).total()}, doubled or extra {(has - wanted).total()}")
    ends = sorted((row["first_offset"], row["last_offset"]) for row in rows["shop.sale_ledger"])
    at = 0
    for first, last in ends:
        if first != at:
            found.append(f"ledger: {at} is followed by {first}")
        at = last
    if at != len(data.splitlines()):
        found.append(f"ledger ends at {at}, the input has {len(data.splitlines())}")
    total = sum(row["rows"] for row in rows["shop.sale_metrics"] if row["kind"] == "rows")
    judged = sum(row["rows"] for row in rows["shop.sale_ledger"])
    if total != judged:
        found.append(f"metrics count {total} rows, the ledger {judged}")
    found += [f"{path} is registered {n} times" for path, n in named.items() if n > 1]
    found += [f"orphan {path}" for path in Path(warehouse, "data").rglob("*.parquet") if str(path) not in named]
    found += [f"intent left: {path}" for path in Path(warehouse, "intents").rglob("*.json")]
    return found

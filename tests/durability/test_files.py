"""Files of tables whose rows do not come in the tables' order: every engine's rows reach them, sorted and parted."""

from __future__ import annotations

import json

import pytest

from tacet_runtime.connectors.iceberg import open_catalog
from tacet_runtime.engines.run import run
from tacet_runtime.engines.tasks import Options
from tests.support.small import compiled, producer, raw

DAYS = 28


@pytest.mark.parametrize("layout", ["partition: [day(ts)]", "partition: [day(ts)], sort: [app, ts]", "sort: [ts]"])
def test_rows_of_days_in_disorder_are_in_the_raw_table_with_their_payloads(tmp_path, layout):
    text = raw().replace("partition: [day(ts)]", layout)
    plan = compiled(
        tmp_path, {"ping/1.0.0.yaml": text, "ping/producers/web.yaml": producer('">=1.0.0": {contract: 1.0.0}')}
    )
    messages = [
        json.dumps({"id": n, "app": "web", "build": "1.0.0", "ts": f"2026-06-{n * 5 % DAYS + 1:02}T12:00:00Z"}).encode()
        for n in range(300)
    ]
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(messages))
    found = {}
    for engine in ("embedded", "reference"):
        run(plan, tmp_path, tmp_path / engine, [str(tmp_path / "e.ndjson")], Options(engine))
        rows = open_catalog(tmp_path / engine).load_table("demo.ping").scan().to_arrow().to_pylist()
        found[engine] = sorted(rows, key=lambda row: row["_offset"])
    assert found["embedded"] == found["reference"]
    assert [row["_payload"] for row in found["embedded"]] == messages

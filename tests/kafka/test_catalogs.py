"""Catalogs that are not a file: PostgreSQL, which goes away and comes back; Iceberg's own over REST; one that never answers."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import postgres, servers
from tests.support.gateway import gateway
from tests.support.optional import require

pytestmark = pytest.mark.system
CANARY = "canary-pg-4Tb8"
LOGIN = {"PG_USER": postgres.USER, "PG_PASSWORD": CANARY}
EVER = ("--from", "2020-01-01", "--to", "2030-01-01")
VERBS = {
    "verify": ("verify", "sale"),
    "maintain": ("maintain", "sale", "--keep", "0s", "--grace", "0s"),
    "backfill": ("backfill", "sale", *EVER, "--publish"),
    "relabel": ("relabel", "sale", "--field", "product", *EVER),
    "replay-rejects": ("replay-rejects", "sale"),
}


@pytest.fixture(scope="module")
def server():
    require(postgres.missing())
    with tempfile.TemporaryDirectory(prefix="tacet-pg-") as folder:  # pytest's own folders are root's alone
        Path(folder).chmod(0o711)
        with postgres.postgres(Path(folder) / "pg", CANARY) as running:
            yield running


@pytest.fixture
def placed(scene, server):
    """A scene whose tables are in PostgreSQL, and five of whose batches may wait for them."""
    server.use(scene.prefix, CANARY)
    scene.write(pending=5)
    add(scene, f'{{type: sql, uri: "{server.uri}", username: "${{env:PG_USER}}", password: "${{env:PG_PASSWORD}}"}}')
    return scene


def add(scene, catalog):
    with (scene.folder / "here.yaml").open("a") as island:
        island.write(f"catalog: {catalog}\n")


def tables_of(scene, server):
    from pyiceberg.catalog.sql import SqlCatalog

    uri = server.uri.replace("://", f"://{postgres.USER}:{CANARY}@")
    return SqlCatalog("tacet", uri=uri, warehouse=f"file://{scene.folder}/warehouse")


def done(scene, verb, **environment):
    """Run a verb on the island's tables; return its result."""
    process = scene.tacet(
        "--quiet", "--format", "json", *VERBS[verb], "--island", str(scene.folder / "here.yaml"), **environment
    )
    assert process.wait(120) == 0, process.said()
    return json.loads(process.said().splitlines()[-1])


def test_a_catalog_that_hangs_delays_only_the_tables(placed, server):
    placed.write(pending=50)
    add(placed, f'{{type: sql, uri: "{server.uri}", username: "${{env:PG_USER}}", password: "${{env:PG_PASSWORD}}"}}')
    placed.produce(30)
    process = placed.run(**LOGIN)
    placed.caught_up(process)
    process.until("tables at commit")
    server.pause()
    try:
        placed.produce(30)
        placed.caught_up(process)
        process.until("the tables wait: ")
        placed.produce(30)
        placed.caught_up(process)
        process.until("no answer within 1 s", 2)
        assert process.running, process.said()
    finally:
        server.go_on()
    commits = process.said().count("tables at commit")
    process.until("tables at commit", commits + 1)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert placed.problems(tables_of(placed, server)) == []


def test_a_catalog_that_is_away_stops_nothing_until_its_bound_and_is_caught_up_with(placed, server):
    placed.produce(30)
    process = placed.run(**LOGIN)
    placed.caught_up(process)
    process.until("tables at commit")
    server.stop()
    placed.produce(30)
    placed.caught_up(process)
    process.until("the tables wait")
    alarms = process.said().count("the tables wait")
    placed.produce(40 * 8)  # more batches than may wait
    process.until("the tables wait", alarms + 9)  # one a batch, then fewer and fewer
    assert process.running, process.said()
    assert placed.consumed() != placed.ends()
    server.start()
    placed.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
    assert placed.problems(tables_of(placed, server)) == []
    assert done(placed, "verify", **LOGIN)["findings"] == []
    maintained = {one["table"]: one for one in done(placed, "maintain", **LOGIN)["tables"]}
    assert maintained["shop.sale"]["files_before"] > maintained["shop.sale"]["files_after"]
    assert done(placed, "backfill", **LOGIN)["changed"] == 0
    assert done(placed, "relabel", **LOGIN)["rows_changed"] == {"raw": 0, "derived": 0}
    assert done(placed, "replay-rejects", **LOGIN)["changed"] == 0
    proof = done(placed, "verify", **LOGIN)
    assert (proof["findings"], proof["messages"]) == ([], placed.sent)
    assert placed.problems(tables_of(placed, server)) == []
    assert CANARY.encode() not in b"".join(p.read_bytes() for p in placed.folder.rglob("*") if p.is_file())


def test_a_wrong_password_of_the_catalog_ends_with_3_and_is_not_said(placed):
    process = placed.run(PG_USER=postgres.USER, PG_PASSWORD="canary-wrong")
    assert process.wait(60) == 3
    assert "the catalog at 127.0.0.1 cannot be used" in process.said()
    assert "canary" not in process.said()


def test_a_catalog_that_never_answers_ends_with_3_and_not_never(scene):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        where = f"http://127.0.0.1:{hole.getsockname()[1]}"
        add(scene, f'{{type: rest, uri: "{where}", properties: {{token: "${{env:TOKEN}}"}}}}')
        began = time.monotonic()
        process = scene.run(TOKEN=CANARY)
        assert process.wait(60) == 3
        assert f"the catalog at {where} cannot be used: ReadTimeout" in process.said()
        assert CANARY not in process.said()
        assert time.monotonic() - began < 30


def test_a_job_over_a_rest_catalog_is_exactly_once_after_kills_and_its_verbs_find_its_tables(scene, tmp_path):
    from pyiceberg.catalog.rest import RestCatalog

    require(servers.missing())
    with servers.rest_catalog(tmp_path / "catalog") as where:
        add(scene, f'{{type: rest, uri: "{where}"}}')
        for point in ("S8:after-raw:2", "S7:after:1"):
            scene.produce(90)
            assert scene.run(TACET_FAIL_AT=point).wait() == -signal.SIGKILL
        scene.finish()
        assert scene.problems(RestCatalog("tacet", uri=where)) == []
        assert done(scene, "verify")["messages"] == scene.sent
        done(scene, "maintain")
        assert done(scene, "verify")["findings"] == []


def test_a_commit_that_is_refused_after_it_landed_costs_nothing_and_no_old_answer_ends_the_service(scene, tmp_path):
    from pyiceberg.catalog.rest import RestCatalog

    require(servers.missing())
    with servers.rest_catalog(tmp_path / "catalog") as where, gateway(where) as middle:
        add(scene, f'{{type: rest, uri: "{middle.uri}"}}')
        middle.twice = True
        scene.produce(90)
        scene.finish()
        for verb in VERBS:
            done(scene, verb)
        process = scene.run()
        scene.produce(90)
        scene.caught_up(process)
        middle.twice, middle.old = False, True
        scene.produce(90)
        scene.caught_up(process)
        process.until("the tables wait")
        middle.old = False
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
        assert middle.sent_again > 10 and middle.old_answers > 0
        assert scene.problems(RestCatalog("tacet", uri=where)) == []
        proof = done(scene, "verify")
        assert (proof["findings"], proof["messages"]) == ([], scene.sent)


def test_a_catalog_that_answers_no_commit_or_drop_by_drop_delays_only_the_tables_and_ends_verbs(scene, tmp_path):
    from pyiceberg.catalog.rest import RestCatalog

    require(servers.missing())
    with servers.rest_catalog(tmp_path / "catalog") as where, gateway(where) as middle:
        scene.write(call=9)
        add(scene, f'{{type: rest, uri: "{middle.uri}"}}')
        scene.produce(30)
        process = scene.run()
        scene.caught_up(process)
        process.until("tables at commit")
        middle.hangs = True
        scene.produce(30)
        process.until("the tables wait", seconds=20)
        for _ in range(3):
            scene.produce(30)
            scene.caught_up(process, seconds=10)
        middle.hangs, middle.drips = False, True
        verb = scene.tacet(*VERBS["verify"], "--island", str(scene.folder / "here.yaml"))
        assert verb.wait(30) == 3
        assert f"the catalog at {middle.uri} cannot be used: ReadTimeout" in verb.said()
        middle.drips = False
        for middle.strange in (b"<html>login</html>", b'{"metadata-location": "x"}'):
            verb = scene.tacet(*VERBS["maintain"], "--island", str(scene.folder / "here.yaml"))
            assert verb.wait(30) == 3
            assert "the catalog of island" in verb.said()
        middle.strange = b""
        for middle.fails_after in (3, 5):
            verb = scene.tacet(*VERBS["verify"], "--island", str(scene.folder / "here.yaml"))
            assert verb.wait(30) == 3
            assert f"the catalog of island {scene.prefix} cannot be used: ServerError" in verb.said()
        middle.fails_after = -1
        process.kill(signal.SIGTERM)
        assert process.wait() == 0, process.said()
        assert scene.problems(RestCatalog("tacet", uri=where)) == []
        assert done(scene, "verify")["messages"] == scene.sent


def test_a_catalog_in_a_file_that_somebody_locks_is_a_reason_and_no_fault_of_the_service(scene):
    scene.produce(30)
    scene.finish()
    with closing(sqlite3.connect(scene.folder / "warehouse" / "catalog.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = scene.run()
        assert process.wait() == 3, process.said()
    assert "cannot be used: database is locked" in process.said()
    scene.finish()
    assert scene.problems() == []

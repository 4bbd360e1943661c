"""Catalogs that are not a file: PostgreSQL, which goes away and comes back, and a REST catalog that never answers."""

from __future__ import annotations

import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.optional import require

pytestmark = pytest.mark.system
CANARY = "canary-pg-4Tb8"


@pytest.fixture(scope="module")
def server():
    require(postgres.missing())
    with tempfile.TemporaryDirectory(prefix="tacet-pg-") as folder:  # pytest's own folders are root's alone
        Path(folder).chmod(0o711)
        with postgres.postgres(Path(folder) / "pg", CANARY) as running:
            yield running


@pytest.fixture
def placed(scene, server):
    """A scene whose tables are in PostgreSQL."""
    add(scene, f'{{type: sql, uri: "{server.uri}", username: "${{env:PG_USER}}", password: "${{env:PG_PASSWORD}}"}}')
    return scene


def add(scene, catalog):
    with (scene.folder / "here.yaml").open("a") as island:
        island.write(f"catalog: {catalog}\n")


def tables_of(scene, server):
    from pyiceberg.catalog.sql import SqlCatalog

    uri = server.uri.replace("://", f"://{postgres.USER}:{CANARY}@")
    return SqlCatalog("tacet", uri=uri, warehouse=f"file://{scene.folder}/warehouse")


def test_a_catalog_that_is_away_stops_nothing_until_its_bound_and_is_caught_up_with(placed, server):
    placed.produce(30)
    process = placed.run(PG_USER=postgres.USER, PG_PASSWORD=CANARY)
    placed.caught_up(process)
    process.until("tables at commit")
    server.stop()
    placed.produce(30)
    placed.caught_up(process)
    process.until("the tables wait")
    placed.produce(40 * 30)  # more batches than may wait
    time.sleep(15)
    assert process.running, process.said()
    assert placed.consumed() != placed.ends()
    server.start()
    placed.caught_up(process)
    process.kill(signal.SIGTERM)
    assert process.wait() == 0, process.said()
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

"""What an island's file asks of a broker, a catalog or the machine, and they refuse: status 3, the setting's name, a way out."""

from __future__ import annotations

import json
import urllib.request

import pytest

pytestmark = pytest.mark.system


def refused(scene, **pace):
    """Run the job with other settings, which must end by itself with 3; return what it said."""
    scene.write(**pace)
    process = scene.run()
    assert process.wait(60) == 3, process.said()
    assert "fault of tacet" not in process.said()
    return process.said()


def test_times_that_the_broker_does_not_allow_are_named_with_their_limits(scene):
    scene.produce(10)
    said = refused(scene, transaction="7200s")
    assert "shorten `patience.transaction`" in said
    assert "Fatal error" not in said, "librdkafka's own line"
    said = refused(scene, transaction="30s", session="3600s")
    assert "set `patience.session` between the broker's `group.min.session.timeout.ms`" in said
    scene.write(session="600s")  # longer than a client may be away between two polls, if nothing else is said
    scene.finish()
    assert scene.problems() == []


def test_a_driver_of_a_catalog_that_is_not_installed_is_named(scene):
    island = scene.folder / "here.yaml"
    island.write_text(island.read_text() + 'catalog: {type: sql, uri: "mysql://127.0.0.1/x"}\n')
    process = scene.run()
    assert process.wait(60) == 3, process.said()
    assert "the catalog's mysql needs the Python package MySQLdb: install it" in process.said()


def test_metrics_are_served_on_an_address_of_version_6(scene):
    island = scene.folder / "here.yaml"
    island.write_text(island.read_text() + 'status: {listen: "[::1]:0", log: text}\n')
    process = scene.run()
    process.until("started")
    address = process.said().split("metrics and health: ")[1].split()[0]
    assert address.startswith("http://[::1]:")
    with urllib.request.urlopen(f"{address}health/live", timeout=10) as answer:
        assert json.load(answer) == {"live": True}

"""Lookups of a service: read again when it is time, on a thread of their own, and only taken whole."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from tacet_runtime.connectors.lookups import LookupError_, load_lookup, snapshot_of
from tacet_runtime.service.lookups import SLOW_SECONDS, Lookups, Source
from tacet_runtime.service.observe import Quiet
from tests.durability.job import make
from tests.durability.shop import PRODUCTS


class Told(Quiet):
    def __init__(self):
        self.alarms, self.lookups = [], []

    def alarm(self, what):
        self.alarms.append(what)

    def lookup(self, name, snapshot):
        self.lookups.append(snapshot)


class Scene:
    """A lookup that is due every ten seconds, and what reads it: `made` are the shelves that were made ready to join."""

    def __init__(self, root, refresh=10):
        self.root, self.now, self.asked, self.made, self.told = root, 0.0, 0, [], Told()
        plan = make(root).plan()
        [lookup] = plan.derived.lookups
        lookup = replace(lookup, source=replace(lookup.source, refresh_seconds=refresh))
        self.plan = replace(plan, derived=replace(plan.derived, lookups=(lookup,)))
        self.let = threading.Event()
        self.let.set()
        source = Source(self.snapshot, lambda one: load_lookup(one, root, None))
        self.lookups = Lookups(self.plan, source, self.make, self.told, lambda: self.now)

    def snapshot(self, lookup):
        self.asked += 1
        assert self.let.wait(20)
        return snapshot_of(lookup, self.root, None)

    def make(self, tables):
        self.made.append({key: row["shelf"] for (key,), row in tables["goods"].rows.items()})
        return len(self.made)

    def write(self, text):
        (self.root / "data/product.csv").write_text(text)

    def pass_(self, seconds):
        """Let time pass, and what is being read be read."""
        self.now += seconds
        self.lookups.look()
        self.lookups.close()
        self.lookups.look()


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_nothing_is_asked_before_it_is_time_and_nothing_made_anew_of_the_same_data(scene):
    scene.write(PRODUCTS.replace("1", "7"))
    scene.pass_(9.9)
    assert (scene.asked, len(scene.made)) == (0, 1)
    scene.pass_(0.1)
    assert (scene.asked, [made["ball"] for made in scene.made], scene.lookups.processor) == (1, [1, 7], 2)
    scene.pass_(10)
    assert (scene.asked, len(scene.made)) == (2, 2)
    assert scene.told.lookups[-1] == scene.lookups.snapshots["goods"] != scene.told.lookups[0]


def test_a_table_without_refresh_is_never_asked_again(tmp_path):
    scene = Scene(tmp_path, refresh=None)
    scene.write(PRODUCTS.replace("1", "7"))
    scene.pass_(1_000_000)
    assert (scene.asked, len(scene.made)) == (0, 1)


@pytest.mark.parametrize("text", ["name,shelf\nball,1\nball,2\n", "name\nball\n", None])
def test_what_cannot_be_read_is_an_alarm_and_is_tried_again_when_it_is_time(scene, text):
    before = scene.lookups.snapshots
    (scene.root / "data/product.csv").unlink()
    if text is not None:
        scene.write(text)
    scene.pass_(10)
    [alarm] = scene.told.alarms
    assert alarm.startswith("lookup `goods`: ")
    assert alarm.endswith(f"; going on with {before['goods']}")
    assert (scene.lookups.snapshots, scene.lookups.processor) == (before, 1)
    scene.write(PRODUCTS.replace("1", "7"))
    scene.pass_(10)
    assert (scene.made[-1]["ball"], len(scene.told.alarms)) == (7, 1)


def test_no_batch_waits_for_data_that_take_long_to_read(scene):
    scene.let.clear()
    scene.write(PRODUCTS.replace("1", "7"))
    scene.now += 10
    for _ in range(3):
        scene.lookups.look()
        assert scene.lookups.processor == 1
    for _ in range(2):
        scene.now += SLOW_SECONDS
        scene.lookups.look()
    [alarm] = scene.told.alarms
    assert alarm.startswith("lookups are being read for 120 s")
    scene.let.set()
    scene.pass_(0)
    assert (scene.lookups.processor, scene.asked) == (2, 2)


def test_data_that_cannot_be_read_at_the_start_are_refused(tmp_path):
    plan = make(tmp_path).plan()
    (tmp_path / "data/product.csv").unlink()
    source = Source(lambda one: snapshot_of(one, tmp_path, None), lambda one: load_lookup(one, tmp_path, None))
    with pytest.raises(LookupError_, match=r"cannot read data/product\.csv"):
        Lookups(plan, source, len, Told())

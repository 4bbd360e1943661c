"""Reference data that change while the service runs: read again when their table says so, without a restart."""

from __future__ import annotations

import hashlib

import pytest

from tests.durability import shop
from tests.kafka.test_foreign_hands import table
from tests.kafka.test_moves import verified

pytestmark = pytest.mark.system

CHANGED = shop.PRODUCTS.replace("ball,1", "ball,7")
BROKEN = shop.PRODUCTS.replace("ball,1", "ball,seven")


def put(scene, text: str) -> str:
    """Replace the products in one step; return their snapshot."""
    part = scene.folder / "data/part.csv"
    part.write_text(text)
    part.rename(scene.folder / "data/product.csv")
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def more(scene, process) -> range:
    """Let it consume sixty messages more; return their numbers."""
    first = scene.sent
    scene.produce(60)
    scene.caught_up(process)
    return range(first, scene.sent)


@pytest.mark.parametrize("engine", ["embedded", "reference"])
def test_rows_are_joined_with_what_a_table_says_since_its_refresh_and_the_ledger_names_it(scene, engine):
    scene.engine = engine
    contract = scene.folder / "contracts/shop/product/1.0.0.yaml"
    contract.write_text(contract.read_text().replace("product.csv}", "product.csv, refresh: 1s}"))
    first = put(scene, shop.PRODUCTS)
    process = scene.run()
    process.until("started after")
    before = more(scene, process)
    second = put(scene, CHANGED)
    process.until(f"lookup goods: {second}")
    after = more(scene, process)
    put(scene, BROKEN)
    process.until(f"`seven` is invalid (format); going on with {second}")
    still = more(scene, process)
    process.kill(15)
    assert process.wait() == 0, process.said()
    shelves = {
        numbers: {
            row["shelf"]
            for row in table(scene, "shop.sale").scan().to_arrow().to_pylist()
            if row["product"] == "ball" and row["id"] in numbers
        }
        for numbers in (before, after, still)
    }
    assert shelves == {before: {1}, after: {7}, still: {7}}
    recorded = {str(row["lookups"]) for row in table(scene, "shop.sale_ledger").scan().to_arrow().to_pylist()}
    assert (len(recorded), all(any(name in one for one in recorded) for name in (first, second))) == (2, True)
    assert "all accounted for, each once" in verified(scene)
    audit = scene.tacet(
        "backfill", "sale", "--from", "2020-01-01", "--to", "2030-01-01", "--island", str(scene.folder / "here.yaml")
    )
    assert audit.wait() == 0, audit.said()
    assert "run again: 0 differ" in audit.said()

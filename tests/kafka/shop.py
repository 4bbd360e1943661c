"""The shop of tests/durability with topics: its clicks come from Kafka, its sales go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.durability import shop

if TYPE_CHECKING:
    from pathlib import Path

ISLAND = """island: {island}
kafka: {{bootstrap: "{bootstrap}"}}
registry: {{url: "{registry}"}}
warehouse: warehouse
start: {start}
pace: {{rows: {rows}, time: {time}, tables: {tables}, pending: {pending}}}
patience: {{call: {call}, transaction: {transaction}, session: {session}, stop: {stop}}}
"""
PACE = {
    "start": "earliest",
    "rows": 40,
    "time": 0.2,
    "tables": 0.1,
    "pending": 20,
    "call": 5,
    "transaction": 10,
    "session": 6,
    "stop": 5,
}


def topics(prefix: str) -> dict[str, str]:
    """Return the names of a test's topics: source, raw and derived."""
    return {"source": f"{prefix}.clicks", "raw": f"{prefix}.raw", "derived": f"{prefix}.sales"}


def write_repository(folder: Path, prefix: str, bootstrap: str, registry: str, **pace: float | str) -> None:
    """Write contracts whose topics begin with `prefix`, and the island file `here.yaml`."""
    shop.write_repository(folder)
    names = topics(prefix)
    click, sale = folder / "contracts/shop/click/1.0.0.yaml", folder / "contracts/shop/sale/1.0.0.yaml"
    text = click.read_text().replace("topic: clicks,", f"topic: {names['source']},")
    click.write_text(text + f"  kafka: {{topic: {names['raw']}, format: source}}\n")
    sale.write_text(sale.read_text() + f"  kafka: {{topic: {names['derived']}, key: [id, item], format: avro}}\n")
    (folder / "here.yaml").write_text(
        ISLAND.format(island=prefix, bootstrap=bootstrap, registry=registry, **{**PACE, **pace})
    )


def message(number: int) -> bytes | None:
    """Return one message; some are tombstones."""
    return None if number % 37 == 36 else shop.message(number)

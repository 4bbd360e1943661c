"""A small repository of its own for the tests of durability: clicks of a shop, exploded, filtered, looked up."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVENT = """event: click
version: {version}
status: released
owner: {{team: web, notify: ["slack:#web"]}}
doc: What was clicked in one message of a client.
source: {{topic: clicks, format: json, select: "$.type = 'click'", explode: $.items, event_time: ts}}
producer: {{name: app, version: app_version, scheme: semver}}
unknown_fields: report
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  item: {{type: int, path: $index, presence: required, identity: true}}
  app: {{type: string, path: $.app, presence: required}}
  app_version: {{type: string, path: $.version, presence: required}}
  ts: {{type: timestamptz, path: $.ts, encoding: epoch_millis, presence: required}}
  product: {{type: string, path: $item.product, presence: required}}
  price: {{type: long, path: $item.price, presence: required{price}}}
  robot: {{type: boolean, path: $.robot, presence: optional}}
rules:
  sane: {{check: "price >= 0", else: reject}}
sinks:
  iceberg: {{table: shop.click, partition: [day(ts)]}}
"""
DERIVED = """event: sale
version: {version}
status: released
owner: {{team: sales, notify: ["slack:#sales"]}}
doc: Clicks with their product.
from: {{event: click, versions: ">=1.0.0 <2.0.0"}}
filters:
  robots: {{drop_when: robot}}
lookups:
  goods: {{table: shop.product, version: ">=1.0.0 <2.0.0", on: {{name: product}}, missing: keep}}
fields:
  id: {{from: id}}
  item: {{from: item}}
  ts: {{from: ts}}
  app: {{from: app}}
  product: {{from: product}}
  shelf: {{from: goods.shelf}}
  cents: {{type: long, expr: "{cents}"}}
sinks:
  iceberg: {{table: shop.sale, partition: [day(ts)], sort: [id]}}
"""
PRODUCER = """producer: web
owner: {{team: web, notify: ["slack:#web"]}}
event: click
versions:
  ">=1.0.0": {{contract: 1.0.0{omissions}}}
"""
TABLE = """table: product
version: 1.0.0
status: released
owner: {team: sales, notify: ["slack:#sales"]}
doc: Products and where they stand.
key: [name]
source: {file: data/product.csv}
fields:
  name: {type: string, presence: required}
  shelf: {type: int, presence: optional}
"""
PRODUCTS = "name,shelf\nball,1\nbook,2\ncup,\n"
FIRST_DAY = 1_790_000_000_000


def write_repository(
    folder: Path, *, version: str = "1.0.0", cents: str = "price", price: str = "", omissions: str = ""
) -> None:
    """Write the contracts; another version, expression or omission makes another plan over the same tables."""
    files = {
        f"contracts/shop/click/{version}.yaml": EVENT.format(version=version, price=price),
        f"contracts/shop/sale/{version}.yaml": DERIVED.format(version=version, cents=cents),
        "contracts/shop/click/producers/web.yaml": PRODUCER.format(omissions=omissions),
        "contracts/shop/product/1.0.0.yaml": TABLE,
        "data/product.csv": PRODUCTS,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def message(number: int) -> bytes:
    """Return one message; every kind of outcome comes up, the same for the same number."""
    chance = random.Random(number)
    kind = chance.random()
    if kind < 0.05:
        return chance.choice([b"{", b"", b'{"type":"click",}', b"\xff\xfe"])
    if kind < 0.10:
        return b'{"type":"other"}'
    items = [
        {"product": chance.choice(["ball", "book", "cup", "unknown"]), "price": chance.randint(-1, 30)}
        for _ in range(chance.randint(0, 4))
    ]
    for item in items:
        if chance.random() < 0.05:
            item["price"] = "free"
        if chance.random() < 0.05:
            del item["product"]
    event = {
        "type": "click",
        "id": number,
        "app": "web",
        "version": "1.2.0",
        "ts": FIRST_DAY + number * 7_000,
        "items": items,
    }
    if chance.random() < 0.1:
        event["robot"] = True
    if chance.random() < 0.03:
        del event["id"]
    return json.dumps(event).encode()


def lines(first: int, last: int) -> bytes:
    """Return messages as lines."""
    return b"".join(message(n) + b"\n" for n in range(first, last))


def without_cents(folder: Path) -> None:
    """Write a version of the contract that drops a column."""
    old = folder / "contracts/shop/sale/1.0.0.yaml"
    text = old.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
    old.with_name("1.1.0.yaml").write_text(text.replace('  cents: {type: long, expr: "price"}\n', ""))

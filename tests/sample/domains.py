"""Small repositories to sample: payments, every type, lists of scalars, and one that nobody registered for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PAYMENT = """event: payment
version: {version}
status: released
owner: {{team: pay, notify: ["slack:#pay"]}}
doc: One attempt to pay.
source:
  topic: money
  format: json
  select: "($.kind = 'payment' OR $.kind IN ('refund', 'chargeback')) AND $.meta.env = 'prod' AND $.body.amount.value >= 2e-1 AND NOT ($.meta.test = TRUE)"
  event_time: paid_at
producer: {{name: gateway, version: build, scheme: date}}
unknown_fields: keep
fields:
  payment_id: {{type: string, path: $.body.id, pattern: "pay_[a-z0-9]{{12}}", presence: required, identity: true}}
  attempt: {{type: int, path: $.body.attempt, range: [1, 3], presence: required, identity: true}}
  kind: {{type: string, path: $.kind, one_of: [payment, refund], presence: required}}
  gateway: {{type: string, path: $.from.gateway.name, presence: required}}
  build: {{type: date, path: $.from.gateway.build, presence: required}}
  paid_at: {{type: timestamptz, path: $.at, presence: required, encoding: iso8601}}
  settled_at: {{type: timestamptz, path: $.body.settled, encoding: epoch_seconds, presence: {{required_when: "kind = 'payment' AND quantity > 1"}}}}
  price: {{type: "decimal(12,2)", path: $.body.amount.price, range: [0.01, 500.00], presence: required}}
  quantity: {{type: int, path: $.body.amount.count, range: [1, 5], presence: required}}
  total: {{type: "decimal(14,2)", path: $.body.amount.value, presence: required, on_bug: reject}}
  currency: {{type: string, path: $.body.amount.currency, pattern: "[A-Z]{{3}}", presence: required}}
  country: {{type: string, path: $.body.country, one_of: [SE, DE, IN], presence: required}}
  card_bin: {{type: long, path: $.body.card.bin, encoding: string, presence: {{required_when: "kind = 'payment'"}}}}
  reason: {{type: string, path: $.body.reason, presence: {{required_when: "kind <> 'payment'"}}}}
  risk: {{type: double, path: $.risk.score, range: [0, 1], presence: optional}}
  test: {{type: boolean, path: $.meta.probe, presence: optional}}
{more}rules:
  adds_up: {{check: "total = price * quantity", else: reject}}
  cheap: {{check: "price < 490.00", else: flag}}
"""
SETTLED = """event: settled
version: 1.0.0
status: released
owner: {team: books, notify: ["slack:#books"]}
doc: Payments with their fees.
from: {event: payment, versions: ">=1.0.0 <2.0.0"}
filters:
  probes: {drop_when: test}
  crumbs: {drop_when: "total < 0.05"}
corrections:
  early: {when: "settled_at < paid_at", set: {settled_at: paid_at}}
lookups:
  fee: {table: pay.fee, version: ">=1.0.0 <2.0.0", on: {country: country, currency: currency}, missing: reject}
fields:
  payment_id: {from: payment_id}
  attempt: {from: attempt}
  gateway: {from: gateway}
  paid_at: {from: paid_at}
  total: {from: total}
  bps: {from: fee.bps}
  big: {type: boolean, expr: total > 100}
agreements:
  big_is_big: {check: "NOT big OR total > 50", else: reject}
sinks:
  iceberg: {table: pay.settled, partition: [day(paid_at)]}
"""
GATEWAYS = """producer: north
event: payment
owner: {team: north, notify: ["slack:#north"]}
versions:
  ">=2026-01-01 <2026-06-01":
    contract: 1.0.0
    omits:
      reason: {id: north-gives-no-reason, reason: unsupported, note: not yet, approved_by: pay, issue: P-1, since: 2026-01-01, expires: 2026-12-31, max_share: 100%}
  ">=2026-06-01": {contract: 1.1.0}
"""
SOUTH = """producer: south
event: payment
owner: {team: south, notify: ["slack:#south"]}
versions:
  "=2026-02-28": {contract: 1.0.0}
  ">2026-03-01": {contract: 1.1.0}
"""
FEE = """table: fee
version: 1.0.0
status: released
owner: {team: books}
doc: Fees by country and currency.
key: [country, currency]
source: {file: data/fee.csv}
fields:
  country: {type: string, presence: required}
  currency: {type: string, presence: required}
  bps: {type: int, presence: required}
"""
FEES = "country,currency,bps\nSE,SEK,10\nSE,EUR,20\nDE,EUR,5\nIN,INR,30\nFR,EUR,7\n"

ANYTHING = """event: anything
version: 1.0.0
status: released
owner: {team: all, notify: ["slack:#all"]}
doc: Every type, in every encoding.
source: {topic: all, format: json, explode: $.body.rows, event_time: ts}
producer: {name: app, version: build, scheme: integer}
unknown_fields: report
fields:
  id: {type: binary, path: $.id, encoding: base64, presence: required, identity: true}
  part: {type: "decimal(9,3)", path: $item.part, presence: required, identity: true}
  day_id: {type: date, path: $item.day_id, presence: required, identity: true}
  app: {type: string, path: $.app, presence: required}
  build: {type: int, path: $.build, presence: required}
  ts: {type: timestamptz, path: $item.ts, encoding: epoch_micros, presence: required}
  b: {type: boolean, path: $item.b, presence: required}
  bs: {type: boolean, path: $item.bs, encoding: string, presence: required}
  i: {type: int, path: $item.i, range: [7, 7], presence: required}
  neg: {type: int, path: $item.neg, range: [-5, -3], presence: required}
  is_: {type: int, path: $item.is, encoding: string, presence: required}
  l: {type: long, path: $item.l, range: [9223372036854775800, 9223372036854775807], presence: required}
  low: {type: long, path: $item.low, range: [null, -1000000], presence: required}
  f: {type: float, path: $item.f, range: [0.1, 0.2], presence: required}
  f1: {type: float, path: $item.f1, range: [0.1, 0.1], presence: required}
  fs: {type: double, path: $item.fs, encoding: string, presence: required}
  d: {type: double, path: $item.d, range: [-0.000001, 0.000001], presence: required}
  dec: {type: "decimal(38,38)", path: $item.dec, presence: required}
  dec0: {type: "decimal(38,0)", path: $item.dec0, presence: required}
  decs: {type: "decimal(5,5)", path: $item.decs, encoding: string, range: [0.5, 0.50001], presence: required}
  date: {type: date, path: $item.date, range: [2020-01-01, 2020-01-01], presence: required}
  time: {type: time, path: $item.time, presence: required}
  t0: {type: timestamp, path: $item.t0, presence: required}
  t1: {type: timestamp, path: $item.t1, encoding: epoch_seconds, presence: required}
  t2: {type: timestamptz, path: $item.t2, encoding: iso8601, presence: required}
  t3: {type: timestamptz, path: $item.t3, encoding: epoch_seconds, presence: required}
  u: {type: uuid, path: $item.u, presence: required}
  bin: {type: binary, path: $item.bin, encoding: base64, presence: required}
  phone: {type: string, path: $item.phone, pattern: '\\+[1-9]\\d{6,14}', presence: required}
  code: {type: string, path: $item.code, pattern: '(?:[A-F]{2}|x[^a-z]y?)(-\\w+)*', presence: required}
  pick: {type: string, path: $item.pick, one_of: ["", "é", "a b"], presence: required}
  tags: {type: "list<string>", path: $item.tags, presence: required}
  sums: {type: "list<decimal(5,2)>", path: $item.sums, encoding: string, presence: optional}
  rates: {type: "map<string, decimal(5,2)>", path: $item.rates, encoding: string, presence: optional}
  days: {type: "list<timestamptz>", path: $item.days, encoding: epoch_millis, presence: optional}
  prices: {type: "map<string, decimal(8,2)>", path: $item.prices, presence: required}
  geo: {type: "struct{lat: double, lon: double, tags: list<map<string,int>>, inner: struct{a: uuid, b: time}}", path: $item.geo, presence: required}
  deep: {type: string, path: $item.a.b.c.d.e, presence: required}
  weird: {type: string, path: '$item."a.b"."c d"', presence: optional}
  two: {type: long, path: $.two, presence: required}
  two_again: {type: long, path: $.two, presence: optional}
rules:
  when_ok: {check: "t2 >= ts - INTERVAL '1' HOUR", else: reject}
"""
LIST = """event: reading
version: 1.0.0
status: released
owner: {team: things, notify: ["slack:#things"]}
doc: Readings of one sensor.
source: {topic: things, format: json, select: "$.v >= 2 AND $.sensor LIKE 's-%'", explode: $.values, event_time: ts}
producer: {name: model, version: firmware, scheme: dotted}
unknown_fields: reject
fields:
  sensor: {type: string, path: $.sensor, presence: required, identity: true}
  at: {type: long, path: $index, presence: required, identity: true}
  model: {type: string, path: $.model, one_of: [m1, m2], presence: required}
  firmware: {type: string, path: $.fw, presence: required}
  ts: {type: timestamptz, path: $.ts, encoding: epoch_millis, range: [2024-01-01T00:00:00Z, 2024-01-02T00:00:00Z], presence: required}
  reading: {type: double, path: $item, presence: required}
  v: {type: int, path: $.v, presence: required}
"""
MODEL = """producer: m1
event: reading
owner: {team: m1, notify: ["slack:#m1"]}
versions:
  "<2.10": {contract: 1.0.0}
  ">=3.0.1 <3.0.2": {contract: 1.0.0}
"""


def payments(root: Path) -> str:
    """Write a repository of payments; return its job."""
    more = "  wallet: {type: string, path: $.body.wallet, presence: required}\n"
    _write(root, {
        "contracts/pay/payment/1.0.0.yaml": PAYMENT.format(version="1.0.0", more=""),
        "contracts/pay/payment/1.1.0.yaml": PAYMENT.format(version="1.1.0", more=more),
        "contracts/pay/payment/producers/north.yaml": GATEWAYS,
        "contracts/pay/payment/producers/south.yaml": SOUTH,
        "contracts/pay/settled/1.0.0.yaml": SETTLED,
        "contracts/pay/fee/1.0.0.yaml": FEE,
        "data/fee.csv": FEES,
    })  # fmt: skip
    return "settled"


def anything(root: Path) -> str:
    """Write a repository with every type, for which nobody registered."""
    _write(root, {"contracts/all/anything/1.0.0.yaml": ANYTHING})
    return "anything"


def readings(root: Path) -> str:
    """Write a repository whose rows are numbers, and that takes no unknown key."""
    files = {
        "contracts/iot/reading/1.0.0.yaml": LIST,
        "contracts/iot/reading/producers/m1.yaml": MODEL,
    }
    _write(root, files)
    return "reading"


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

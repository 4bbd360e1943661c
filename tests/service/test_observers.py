"""What the service tells: numbers for Prometheus, health for an orchestrator, lines for a log; and no text that a client chose."""

from __future__ import annotations

import http.client
import io
import json
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain

from tacet_runtime.service.exposition import Exposition
from tacet_runtime.service.log import Log
from tacet_runtime.service.observe import Committed
from tacet_runtime.service.status import STALLED_SECONDS, Server, Status
from tests.durability.job import make
from tests.durability.shop import lines


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    import pyarrow as pa

    from tacet_runtime.batch import Batch
    from tacet_runtime.connectors.iceberg import open_catalog
    from tacet_runtime.connectors.lookups import load_lookups
    from tacet_runtime.engines.processors import make_processor

    job = make(tmp_path_factory.mktemp("shop"))
    plan = job.plan()
    lookups = load_lookups(plan, job.root, open_catalog(job.warehouse), archive=job.warehouse / "lookups")
    messages = lines(0, 240).splitlines()
    batch = Batch("t", 0, pa.array(range(240), pa.int64()), pa.array(messages, pa.large_binary()))
    return plan, make_processor("reference", plan, lookups).process(batch)


def committed(outcome, seq=7, lag=3):
    return Committed(seq, outcome.counts, {"S2": 0.5, "S7": 0.01}, {0: lag}, outcome.tables["metrics"])


def samples(exposition):
    kind, text = exposition.text("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(text.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def labelled(found, name, **labels):
    return sum(v for (n, of), v in found.items() if n == name and labels.items() <= dict(of).items())


def test_prometheus_reads_the_account_of_every_batch(outcome):
    plan, what = outcome
    exposition = Exposition(plan)
    for seq in (1, 2):
        exposition.committed(committed(what, seq))
    found = samples(exposition)
    assert labelled(found, "tacet_messages_total") == 2 * what.counts.messages
    assert labelled(found, "tacet_messages_total", outcome="emitted") == 2 * what.counts.emitted_parents
    assert labelled(found, "tacet_rejects_total") == 2 * sum(what.counts.rejected_by.values())
    assert labelled(found, "tacet_lag_messages", partition="0") == 3
    assert labelled(found, "tacet_commit_number", where="topic") == 2
    assert labelled(found, "tacet_step_seconds_count", step="S2") == 2


def test_prometheus_reads_the_verdicts_that_the_metrics_table_has(outcome):
    plan, what = outcome
    exposition = Exposition(plan)
    exposition.committed(committed(what))
    rows = [r for r in what.tables["metrics"].to_pylist() if r["kind"] in {"verdict", "derived_verdict"}]
    found = samples(exposition)
    assert rows
    for field, verdict in {(r["field"], r["name"]) for r in rows}:
        expected = sum(r["rows"] for r in rows if (r["field"], r["name"]) == (field, verdict))
        assert labelled(found, "tacet_verdicts_total", field=field, verdict=verdict) == expected


def test_what_a_client_calls_itself_makes_no_series(outcome):
    plan, what = outcome
    metrics = what.tables["metrics"]
    at = metrics.column_names.index("producer")
    import pyarrow as pa

    strangers = metrics.set_column(
        at, metrics.schema.field(at), pa.array([f"stranger-{n}" for n in range(len(metrics))], pa.string())
    )
    exposition = Exposition(plan)
    exposition.committed(Committed(1, what.counts, {}, {}, strangers))
    assert b"stranger" not in exposition.text()[1]
    assert labelled(samples(exposition), "tacet_judged_rows_total", producer="unregistered") > 0


def get(server, path):
    host, port = server.address
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain;version=0.0.4", "text/plain;version=x"])
def test_metrics_are_plain_text_for_who_asks_for_nothing_else_and_say_the_same(outcome, accept):
    plan, what = outcome
    exposition = Exposition(plan)
    exposition.committed(committed(what))
    server = Server(("127.0.0.1", 0), Status(), exposition)
    try:
        client = http.client.HTTPConnection(*server.address, timeout=5)
        client.request("GET", "/metrics", headers={} if accept is None else {"Accept": accept})
        answer = client.getresponse()
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = {
            (s.name, tuple(sorted(s.labels.items()))): s.value for f in plain(answer.read().decode()) for s in f.samples
        }
        client.close()
    finally:
        server.close()
    assert {
        key: value for key, value in samples(exposition).items() if not key[0].endswith("_created")
    }.items() <= found.items()


def test_head_answers_as_get_does_without_a_body(outcome):
    server = Server(("127.0.0.1", 0), Status(), Exposition(outcome[0]))
    try:
        for path in ("/metrics", "/health/live", "/health/ready", "/status", "/none"):
            told = []
            for method in ("GET", "HEAD"):
                client = http.client.HTTPConnection(*server.address, timeout=5)
                client.request(method, path)
                answer = client.getresponse()
                told.append((answer.status, answer.headers["Content-Type"]))
                assert bool(answer.read()) == (method == "GET")
                client.close()
            assert told[0] == told[1]
    finally:
        server.close()


def test_a_client_that_goes_away_is_not_spoken_of(outcome, capsys):
    server = Server(("127.0.0.1", 0), Status(), Exposition(outcome[0]))
    try:
        for _ in range(20):
            client = socket.create_connection(server.address)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            client.close()
        assert get(server, "/health/live")[0] == 200
    finally:
        server.close()
    assert capsys.readouterr().err == ""


def test_it_is_ready_between_its_start_and_a_standstill(outcome):
    plan, what = outcome
    now = [1000.0]
    status = Status(clock=lambda: now[0])
    server = Server(("127.0.0.1", 0), status, Exposition(plan))
    try:
        assert get(server, "/health/live")[0] == 200
        assert get(server, "/health/ready")[0] == 503
        status.started("shop.sale-0", 6)
        status.committed(committed(what))
        assert get(server, "/health/ready") == (200, b'{"ready": true, "why": null}\n')
        now[0] += STALLED_SECONDS + 1
        code, body = get(server, "/health/ready")
        assert (code, "3 messages behind" in body.decode()) == (503, True)
        document = json.loads(get(server, "/status")[1])
        assert (document["topic"]["commit"], document["tables"]["commit"], document["lag"]) == (7, 6, {"0": 3})
        assert get(server, "/metrics")[0] == 200
        assert get(server, "/etc/passwd")[0] == 404
    finally:
        server.close()


def test_a_service_that_starts_over_again_and_again_without_a_commit_is_not_ready(outcome):
    now = [1000.0]
    status = Status(clock=lambda: now[0])
    status.started("shop.sale-0", 6)
    for _ in range(60):
        status.alarm("a transaction is unsettled: the topic is full")
        now[0] += STALLED_SECONDS / 40
        status.started("shop.sale-0", 6)
    assert status.not_ready() == "a transaction is unsettled: the topic is full"
    status.committed(committed(outcome[1], lag=0))
    assert status.not_ready() is None


def test_an_idle_service_that_is_not_behind_is_ready(outcome):
    _, what = outcome
    now = [1000.0]
    status = Status(clock=lambda: now[0])
    status.started("x", 0)
    status.committed(committed(what, lag=0))
    now[0] += 10 * STALLED_SECONDS
    assert status.not_ready() is None


def test_a_log_line_is_one_json_object_without_values(outcome):
    _, what = outcome
    out = io.StringIO()
    log = Log(out, job="shop.sale")
    log.started("shop.sale-0", 6)
    log.committed(committed(what))
    log.alarm("x" * 10_000)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in found] == ["started", "committed", "alarm"]
    assert found[1]["messages"] == 240
    assert found[1]["steps"] == {"S2": 0.5, "S7": 0.01}
    assert len(found[2]["why"]) == 1_024
    assert {line["job"] for line in found} == {"shop.sale"}


def test_a_broker_that_is_away_makes_an_idle_service_unready_after_a_while_and_ready_again_when_it_is_back(outcome):
    now = [1000.0]
    status = Status(clock=lambda: now[0])
    status.started("x", 0)
    status.committed(committed(outcome[1], lag=0))
    now[0] += 10 * STALLED_SECONDS
    status.idle({0: 0})
    status.alarm("nothing can be read: the broker does not answer")
    assert status.not_ready() is None
    now[0] += STALLED_SECONDS + 1
    assert status.not_ready() == "nothing can be read: the broker does not answer"
    status.idle({0: 0})
    assert status.not_ready() is None
    now[0] += STALLED_SECONDS + 1
    status.idle({0: 5})
    assert "5 messages behind" in status.not_ready()

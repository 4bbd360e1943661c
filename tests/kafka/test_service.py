"""The job next to a real broker: what it writes, who can read it, how it stops."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.durability.shop import lines
from tests.kafka import shop
from tests.kafka.checker import read_topic, rows_of
from tests.kafka.headers import send
from tests.kafka.scene import PARTITIONS
from tests.support.servers import free_port

pytestmark = pytest.mark.system


def test_every_message_is_once_in_topics_and_tables(scene):
    scene.produce(150)
    scene.finish()
    assert scene.problems() == []
    assert scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse")).wait() == 0


def test_messages_that_keep_coming_are_consumed_as_they_come_and_a_stop_is_quick(scene):
    process = scene.run()
    for _ in range(4):
        scene.produce(30)
        scene.caught_up(process)
    began = time.monotonic()
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    assert time.monotonic() - began < 8
    assert scene.problems() == []


def test_a_message_carries_contract_and_position_and_its_key(scene):
    scene.produce(40)
    scene.finish()
    messages = read_topic(scene.bootstrap, scene.names["derived"])
    rows = rows_of(scene.registry, messages)
    for message, row in zip(messages, rows, strict=True):
        headers = dict(message.headers())
        assert headers["tacet.contract"] == b"shop.sale@1.0.0"
        place = f"{scene.names['source']}/{row['_partition']}/{row['_offset']}/{row['_index']}"
        assert headers["tacet.position"].decode() == place
        assert message.key().decode() == f'["{row["id"]}","{row["item"]}"]'
    assert rows


def test_a_message_whose_headers_cannot_be_read_ends_nothing_and_says_so(scene):
    plain, odd = [(b"trace", b"1")], [(b"trace", b"1"), (b"tr\xe9ce", b"2")]
    values = [shop.message(number * PARTITIONS) or b"" for number in range(60)]
    send(
        scene.bootstrap, scene.names["source"], 0, [(value, odd if n % 2 else plain) for n, value in enumerate(values)]
    )
    scene.sent = 60 * PARTITIONS
    scene.finish()
    found = {}
    for message in read_topic(scene.bootstrap, scene.names["raw"]):
        own = dict(message.headers())
        found[own.pop("tacet.position").decode().partition("/")[2]] = own
    assert len(found) > 30
    for place, own in found.items():
        told = {"tacet.headers": b"unreadable"} if int(place.partition("/")[2]) % 2 else {"trace": b"1"}
        assert own == {**told, "tacet.contract": b"shop.click@1.0.0"}, place
    assert scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse")).wait() == 0


def test_prometheus_and_an_orchestrator_see_it_at_work_and_its_log_has_no_values(scene):
    port = free_port()
    island = scene.folder / "here.yaml"
    island.write_text(island.read_text() + f'status: {{listen: "127.0.0.1:{port}", log: json}}\n')
    scene.produce(60)
    process = scene.run()
    scene.caught_up(process)
    ready = json.loads(get(port, "/health/ready"))
    metrics = get(port, "/metrics")
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    lines = logged(process.said())
    assert [line["event"] for line in lines][:1] == ["listening"]
    assert lines[-1]["text"].startswith("60 messages: ")
    assert ready == {"ready": True, "why": None}
    counted = re.findall(r"tacet_messages_total\{[^}]*\} ([0-9.]+)", metrics)
    assert sum(float(number) for number in counted) == 60
    assert sum(line["messages"] for line in lines if line["event"] == "committed") == 60
    assert not any(text in process.said() for text in ("ball", "book", "unknown"))


def test_every_line_of_a_json_log_is_an_object_also_of_what_is_refused_or_warned_of_and_of_the_supervisor(scene):
    island = scene.folder / "here.yaml"
    island.write_text(island.read_text() + "status: {log: json}\n")
    name = scene.names["raw"]
    scene.admin.delete_topics([name])[name].result(20)
    words = ["run", "sale", "--island", "here.yaml", "--restarts", "1"]
    supervised = subprocess.run(
        [sys.executable, "-m", "tacet.cli", *words],
        cwd=scene.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert supervised.returncode == 3
    lookup, ended, gave_up = logged(supervised.stderr)
    assert (lookup["event"], lookup["lookup"]) == ("lookup", "goods")
    assert (ended["event"], ended["level"]) == ("ended", "error")
    assert ended["why"] == f"there is no topic {name}: create it, the job makes no topic of others"
    assert (gave_up["event"], gave_up["why"]) == ("supervisor", "not started again: no restart mends this")
    used = scene.tacet("run", "sale", "--island", str(island), "--engine", "flink")
    assert used.wait() == 2
    assert logged(used.said())[0]["why"].startswith("--engine flink")
    warned = scene.run(TACET_FAIL_AT="S7:after:9")
    assert warned.wait() == 3
    assert "did not come by S7:after" in " ".join(line.get("text", "") for line in logged(warned.said()))
    contract = scene.folder / "contracts/shop/sale/1.0.0.yaml"
    contract.write_text(contract.read_text() + "oops: 1\n")
    broken = scene.run()
    assert broken.wait() == 1
    assert any("oops" in line["text"] for line in logged(broken.said()))


def logged(said: str) -> list[dict]:
    """Return the lines of the log; the result on stdout is the one object among them that is none."""
    lines = [json.loads(line) for line in said.splitlines()]
    assert all(
        line.keys() >= {"time", "level", "event", "job", "island"} or "emitted_parents" in line for line in lines
    )
    return [line for line in lines if "event" in line]


def test_a_supervisor_that_is_killed_hard_leaves_no_process_that_goes_on(scene):
    scene.produce(30)
    words = ["--contracts", scene.folder / "contracts", "run", "sale", "--engine", "reference", "--restarts", "3"]
    command = [sys.executable, "-m", "tacet.cli", *map(str, words), "--island", str(scene.folder / "here.yaml")]
    said = scene.folder / "supervised.txt"
    with said.open("wb") as out:
        supervisor = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        until(lambda: "commit 1" in said.read_text())
        child = int(Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text())
    finally:
        supervisor.kill()
        supervisor.wait()
    until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())
    assert "the supervisor is gone: stopping" in said.read_text()
    assert scene.problems() == []


def test_files_are_not_run_into_tables_that_a_service_writes_also_before_its_first_commit_reaches_them(scene):
    scene.produce(60)
    assert scene.run(TACET_FAIL_AT="S7:after:1").wait() == -signal.SIGKILL
    warehouse = ("--warehouse", str(scene.folder / "warehouse"))
    events = scene.folder / "events.ndjson"
    events.write_bytes(lines(0, 40))
    process = scene.tacet("verify", "sale", *warehouse)
    assert process.wait() == 0
    assert f"waiting: not known: the service on island {scene.prefix} writes these tables" in process.said()
    process = scene.tacet("run", "sale", "--input", str(events), *warehouse)
    assert process.wait() == 3
    assert f"the service on island {scene.prefix} writes the tables of shop.sale" in process.said()
    scene.finish()
    process = scene.tacet("run", "sale", "--input", str(events), *warehouse)
    assert process.wait() == 3
    assert scene.problems() == []
    elsewhere = scene.tacet("run", "sale", "--input", str(events), "--warehouse", str(scene.folder / "other"))
    assert elsewhere.wait() == 0


def until(is_so, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()

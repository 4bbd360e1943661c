"""Tables that are not all at one commit, as between two commits of a service or after a kill: proofs and changes of history."""

from __future__ import annotations

import json
import signal

import pytest

pytestmark = pytest.mark.system
EVER = ("--from", "2000-01-01", "--to", "2100-01-01")


def asked(scene, verb, *words):
    """Run a verb over the island's tables; return its result and what it said."""
    island = str(scene.folder / "here.yaml")
    process = scene.tacet("--format", "json", verb, "sale", "--island", island, *words)
    assert process.wait() == 0, process.said()
    lines = process.said().splitlines()
    return json.loads(next(line for line in lines if line.startswith("{"))), process.said()


def test_tables_that_a_kill_left_at_two_commits_are_read_as_of_the_older_one(scene):
    scene.write(rows=20)
    scene.produce(60)
    scene.finish()
    scene.produce(120)
    assert scene.run(TACET_FAIL_AT="S8:before-ledger:3").wait() == -signal.SIGKILL
    proof, _ = asked(scene, "verify")
    assert (proof["findings"], proof["messages"] % 20) == ([], 0)
    [late] = proof["waiting"]
    assert late["messages"] > 0
    asked(scene, "maintain", "--keep", "0s", "--grace", "0s")
    for verb, *words in (
        ("replay-rejects",),
        ("relabel", "--field", "product", *EVER),
        ("backfill", *EVER),
        ("backfill", *EVER, "--publish"),
    ):
        done, said = asked(scene, verb, *words)
        assert [(one["shard"], one["first"]) for one in done["waiting"]] == [(0, late["first"])], verb
        assert "not in every table yet and were left out" in said
    without_kafka = scene.tacet("verify", "sale", "--warehouse", str(scene.folder / "warehouse"))
    assert without_kafka.wait() == 0, without_kafka.said()
    assert "in some tables and not in every table yet" in without_kafka.said()
    scene.finish()
    assert scene.problems() == []
    proof, _ = asked(scene, "verify")
    assert (proof["findings"], proof["waiting"], proof["messages"]) == ([], [], 180)


def test_a_change_of_history_says_that_the_topics_keep_what_was_sent(scene):
    scene.produce(40)
    scene.finish()
    before, _ = asked(scene, "verify")
    assert before["run_again"]["messages"] == 0
    contract = scene.folder / "contracts/shop/sale/1.0.0.yaml"
    contract.write_text(contract.read_text().replace('expr: "price"', 'expr: "price + 1"'))
    done, said = asked(scene, "backfill", *EVER, "--publish")
    topics = [scene.names["raw"], scene.names["derived"]]
    assert done["changed"] > 0
    assert done["topics_unchanged"] == topics
    assert f"{done['rows_changed']} changed, in the tables only: topics {', '.join(topics)} keep what was sent" in said
    proof, _ = asked(scene, "verify")
    assert proof["findings"] == []
    assert proof["run_again"] == {"messages": done["changed"], "rows": 0, "topics": topics}

"""Wrong usage ends with 2 and an example that works; what fails outside with 3; results alone are on stdout."""

import json
import re
import shlex
import shutil

import pytest

from tacet.cli import EXAMPLES, VERBS
from tests.support.command import here

NAMES = [name for name, _ in VERBS]
WRONG = [
    ("frobnicate", "there is no verb `frobnicate`: there are init, check"),
    ("chekc", "did you mean `check`?"),
    ("", "which verb?"),
    ("check extra", "unexpected extra argument"),
    ("check --today yesterday", "`yesterday` is no day"),
    ("check --format yaml", "`yaml` is none of text, json, github"),
    ("check --contracts nowhere", "no folder `nowhere` of contracts"),
    ("build --contracts nowhere", "no folder `nowhere` of contracts"),
    ("run order --contracts nowhere --input events", "no folder `nowhere` of contracts"),
    ("build now", "unexpected extra argument"),
    ("init one two", "unexpected extra argument"),
    ("init --contracts other", "init takes no --contracts"),
    ("explain", "'contract'"),
    ("explain order", "'files'"),
    ("explain ordre examples/kiosk.json", "did you mean `order`?"),
    ("explain order@9.9.9 examples/kiosk.json", "`order` has no version `9.9.9`: there is 1.0.0"),
    ("explain elsewhere.order examples/kiosk.json", "there is no `elsewhere.order`"),
    ("run", "'job'"),
    ("run order", "'--input'"),
    ("run order --input", "`--input` needs a value"),
    ("run nothing --input events", "there is no `nothing`: known: shop.order, shop.raw_order"),
    ("run raw_order --input events", "`raw_order` is a raw event: name an event that is derived from it: shop.order"),
    ("run order --input events --engine duckdb", "`duckdb` is none of embedded"),
    ("run order --input events --framing csv", "`csv` is none of lines, file"),
    ("run order --input events --shard 1", "--shard and --input: it is for a service"),
    ("run order --input events --restarts 2", "--restarts and --input: it is for a service"),
    ("run order --input events --strict", "--strict and --input: it is for a service"),
    ("run order --input events --accept-loss", "--accept-loss and --input: it is for a service"),
    ("run order --island here.yaml --workers 4", "--workers and --island: a service has `pace` and shards"),
    ("run order --island here.yaml --commit-messages 5", "--commit-messages and --island"),
    ("run order --input events --workers 0", "--workers"),
    ("run order --input events --workers two", "--workers"),
    ("run order --input events --block-bytes 0", "--block-bytes"),
    ("run order --input events --warehouse a --warehouse b", "`--warehouse` is given twice"),
    ("run order --inptu events", "no option `--inptu`: did you mean `--input`?"),
    ("sample order --out x", "'--events'"),
    ("sample order --events 10", "'--out'"),
    ("sample order --events 0 --out x", "--events"),
    ("sample order --events 1 --seed x --out x", "--seed"),
    ("sample order --events 1 --scenario chaos --out x", "`chaos` is none of mixed, clean"),
    ("verify", "'job'"),
    ("verify raw_order", "`raw_order` is a raw event"),
    ("backfill order --from 2026-11-01", "'--to'"),
    ("backfill order", "'--from' and '--to', those without event time with '--no-event-time'"),
    ("relabel order --field customer_id --no-event-time --to 2026-11-01", "which messages?"),
    ("backfill order --from soon --to later", "--from `soon` is no ISO 8601"),
    ("backfill order --from 2026-11-02 --to 2026-11-01", "--to `2026-11-01` is not after --from `2026-11-02`"),
    ("backfill order --from 2026-11-01 --to 2026-11-02 --lookups old", "--lookups"),
    ("backfill order --from 0001-01-01T00:00+23:00 --to 2026-11-02", "is no ISO 8601"),
    ("replay-rejects", "'job'"),
    ("verify order --warehouse a --island here.yaml", "--warehouse and --island"),
    ("run order --warehouse a --island here.yaml", "--warehouse and --island"),
    ("maintain order --keep forever", "--keep `forever` is no duration"),
    ("relabel order --from 2026-11-01 --to 2026-11-02", "'--field'"),
    (
        "relabel order --field customer --from 2026-11-01 --to 2026-11-02",
        "no field `customer`: did you mean `customer_id`?",
    ),
    (
        "relabel order --field amount --from 2026-11-01 --to 2026-11-02",
        "`amount` is derived: name a field of shop.raw_order",
    ),
]
DRILLS = [
    ("S8:before", "kill", 2, "TACET_FAIL_AT `S8:before` is none of S1:after, "),
    ("S3:after:0", "kill", 2, "what follows `S3:after` is which time, from 1"),
    ("S3:after", "burn", 2, "TACET_FAIL_HOW `burn` is none of kill, raise"),
    ("S3:after:2", "kill", 0, "did not come by S3:after:2, so the drill proved nothing"),
]
"""A drill, how it ends, and what is said."""
FAILED = [
    ("explain order nowhere.json", "cannot read nowhere.json: No such file"),
    ("explain order events", "events is a folder: name the file of one message"),
    ("run order --input nowhere.ndjson", "cannot read nowhere.ndjson: No such file"),
    ("run order --input events /dev/null", "/dev/null is no file and no folder"),
    ("run order --input events --warehouse README.md", "README.md is no folder: `--warehouse` names the folder"),
    ("run order --input events --warehouse /proc/here", "/proc/here"),
    ("sample order --events 1 --out nowhere/x", "cannot write nowhere/x: No such file"),
    ("sample order --events 1 --out events", "cannot write events: Is a directory"),
    ("sample order --events 1 --out x --profile nowhere", "nowhere"),
    ("verify order", "there is no warehouse in warehouse"),
    ("verify order --warehouse README.md", "there is no warehouse in README.md"),
    ("backfill order --from 2026-11-01 --to 2026-11-02", "there is no warehouse"),
    ("relabel order --field customer_id --from 2026-11-01 --to 2026-11-02", "there is no warehouse"),
    ("replay-rejects order", "there is no warehouse"),
]


@pytest.mark.parametrize(("typed", "said"), WRONG)
def test_wrong_usage_ends_with_2_and_an_example(typed, said, begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    ended = here(capsys, *typed.split())
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err.splitlines()[0]
    assert re.fullmatch(r"tacet: .+\n  example: tacet .+\n  help:    tacet .*--help\n", ended.err)


@pytest.mark.parametrize(
    ("inputs", "warehouse", "said"),
    [
        ("events", "events/wh", "the warehouse events/wh is in input events, and the job would read its own files"),
        (".", "warehouse", "the warehouse warehouse is in input ."),
        ("events ../mine", "events/../warehouse", "is in input ../mine"),
        ("events", "events", "input events is in the warehouse events"),
        ("linked", "events/wh", "the warehouse events/wh is in input linked"),
        ("around", "events/wh", "the warehouse events/wh is in input around/back"),
        ("events", "linked/wh", "the warehouse linked/wh is in input events"),
        ("events/orders.ndjson", "events", "input events/orders.ndjson is in the warehouse events"),
    ],
)
def test_a_job_does_not_read_its_own_warehouse(inputs, warehouse, said, mine, capsys):
    (mine / "linked").symlink_to("events")
    (mine / "around").mkdir()
    (mine / "around" / "back").symlink_to("../events")
    before = sorted(path for path in mine.rglob("*"))
    ended = here(capsys, "run", "order", "--input", *inputs.split(), "--warehouse", warehouse)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert sorted(path for path in mine.rglob("*")) == before


def test_a_warehouse_beside_an_input_is_none_of_it(mine, capsys):
    assert here(capsys, "run", "order", "--input", "events", "--warehouse", "events-warehouse").status == 0


@pytest.mark.parametrize(("at", "how", "status", "said"), DRILLS)
def test_a_drill_that_proves_nothing_says_so(at, how, status, said, begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    monkeypatch.setenv("TACET_FAIL_AT", at)
    monkeypatch.setenv("TACET_FAIL_HOW", how)
    ended = here(capsys, "check")
    assert (ended.status, said in ended.err) == (status, True)


@pytest.mark.parametrize(("typed", "said"), FAILED)
def test_what_fails_outside_ends_with_3_and_its_name(typed, said, mine, capsys):
    ended = here(capsys, *typed.split())
    assert (ended.status, ended.out) == (3, "")
    assert said in ended.err
    assert ended.err.startswith("tacet: ")
    assert ended.err.count("\n") == 1


def test_strict_refuses_plain_text_to_another_host(mine, capsys):
    (mine / "here.yaml").write_text("island: here\nkafka: {bootstrap: 'broker.example:9092'}\n")
    ended = here(capsys, "run", "order", "--island", "here.yaml", "--strict")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "Kafka at broker.example:9092 is spoken to in plain text: choose a protocol with TLS\n"


def test_a_name_in_two_namespaces_has_to_be_written_whole(mine, capsys):
    shutil.copytree("contracts/shop", "contracts/depot")
    for path in (mine / "contracts/depot").rglob("*.yaml"):
        path.write_text(path.read_text().replace("shop.", "depot.").replace("depot.events", "shop.events"))
    ended = here(capsys, "explain", "order", "examples/kiosk.json")
    assert (ended.status, "`order` could be depot.order or shop.order: write the namespace" in ended.err) == (2, True)
    assert here(capsys, "explain", "depot.order", "examples/kiosk.json").status == 0


def test_broken_contracts_end_every_verb_with_1_and_all_problems(mine, capsys):
    path = mine / "contracts/shop/order/1.0.0.yaml"
    path.write_text(path.read_text().replace("doc: Lines", "dok: Lines").replace("from: sku", "from: skuu"))
    for verb in (
        "check",
        "build",
        "explain",
        "sample",
        "run",
        "verify",
        "backfill",
        "replay-rejects",
        "relabel",
        "maintain",
    ):
        words = shlex.split(EXAMPLES[verb].removesuffix(" --format github"))[1:]
        ended = here(capsys, *words, "--format", "json")
        assert ended.status == 1, (verb, ended)
        codes = {d["code"] for d in json.loads(ended.out)["diagnostics"]}
        assert codes >= {"E201"}, verb
    assert not (mine / "generated").exists()
    assert not (mine / "warehouse").exists()


@pytest.mark.parametrize("verb", NAMES)
def test_help_shows_an_example(verb, capsys):
    for option in ("--help", "-h"):
        ended = here(capsys, verb, option)
        assert (ended.status, ended.err) == (0, "")
        assert EXAMPLES[verb] in " ".join(ended.out.split())


@pytest.mark.slow
def test_the_examples_of_the_help_work_one_after_the_other_and_answer_with_one_document(
    begun, tmp_path, monkeypatch, capsys
):
    assert list(EXAMPLES) == NAMES
    monkeypatch.chdir(tmp_path)
    for verb, example in EXAMPLES.items():
        words = shlex.split(example)[1:]
        ended = here(capsys, *words, *([] if "--format" in words else ["--format", "json"]))
        if verb == "build":
            assert ended.status == 1  # nothing is built yet: that is what the example is for
            assert here(capsys, "build", "--quiet").err == ""
            ended = here(capsys, *words, "--format", "json")
        assert ended.status == 0, (example, ended.err)
        if verb == "init":
            monkeypatch.chdir(tmp_path / words[-1])
        if "github" not in words:
            json.loads(ended.out)


def test_quiet_says_nothing_but_the_result_and_what_is_wrong(mine, capsys):
    ended = here(capsys, "run", "order", "--input", "events", "--quiet")
    assert (ended.status, ended.err, json.loads(ended.out)["in"]) == (0, "", 11)
    assert here(capsys, "verify", "order", "--quiet").err == ""
    assert here(capsys, "check", "--quiet") == here(capsys, "check", "--quiet")
    assert here(capsys, "run", "ordre", "--input", "events", "--quiet").err != ""


def test_the_version_is_one_line(capsys):
    from tacet import __version__

    assert here(capsys, "--version").out == f"tacet {__version__}\n"


def test_a_fault_of_our_own_says_so_and_is_no_finding(mine, monkeypatch, capsys):
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("tacet.verbs.check.diagnose", broken)
    ended = here(capsys, "check")
    assert (ended.status, "this is a fault of tacet" in ended.err, "Traceback" in ended.err) == (70, True, False)
    monkeypatch.setenv("TACET_TRACEBACK", "1")
    assert "Traceback" in here(capsys, "check").err

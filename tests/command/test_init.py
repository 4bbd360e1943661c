"""`tacet init`: what it writes works at once, and nothing that was there is touched."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
import yaml

from tests.support.command import ROOT, environment, here


def listing(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_new_repository_checks_builds_runs_verifies_and_explains(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert here(capsys, "init", "mine").status == 0
    monkeypatch.chdir(tmp_path / "mine")
    checked = here(capsys, "check", "--strict")
    assert (checked.status, checked.err) == (0, "2 events, 1 tables, 2 producers: all good\n")
    assert here(capsys, "build").status == 0
    assert here(capsys, "build", "--check").status == 0
    run = here(capsys, "run", "order", "--input", "events/")
    assert run.status == 0, run.err
    counts = json.loads(run.out)
    assert [counts[k] for k in ("in", "skipped", "rejected", "filtered", "emitted_parents")] == [11, 1, 1, 1, 8]
    assert here(capsys, "verify", "order").status == 0
    explained = here(capsys, "explain", "order", "examples/kiosk.json", "examples/broken.json")
    kiosk, broken = map(json.loads, explained.out.splitlines())
    assert kiosk["rows"][0]["verdicts"]["customer_id"] == "declared_omission:kiosk-anonymous"
    assert (broken["outcome"], broken["rows"][0]["reject"]["field"]) == ("rejected", "sku")


def test_the_next_steps_can_be_pasted_whatever_the_folder_is_called(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "\n  cd 'a b/ü'\n" in here(capsys, "init", "a b/ü").err


def test_samples_are_written_to_files_and_a_dash_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    here(capsys, "init")
    done = here(capsys, "sample", "order", "--events", "1", "--out", "-")
    assert (done.status, (tmp_path / "-").exists()) == (2, False)
    assert "--out /dev/stdout" in done.err


def test_the_events_of_a_new_repository_show_every_outcome_and_most_verdicts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    here(capsys, "init")
    for number, line in enumerate((tmp_path / "events/orders.ndjson").read_text().splitlines()):
        (tmp_path / f"{number}.json").write_text(line)
    told = here(capsys, "explain", "order", *(f"{n}.json" for n in range(11)))
    messages = [json.loads(line) for line in told.out.splitlines()]
    assert {m["outcome"] for m in messages} == {"emitted", "rejected", "filtered", "skipped"}
    verdicts = {str(v).partition(":")[0] for m in messages for row in m["rows"] for v in row["verdicts"].values()}
    assert verdicts >= {
        "present", "invalid", "not_applicable", "declared_omission", "optional", "unknown_producer", "logging_bug",
    }  # fmt: skip
    assert any(row["corrections"] == ["clock_ahead"] for m in messages for row in m["rows"])


def test_it_works_in_this_folder_beside_what_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    ended = here(capsys, "init", ".")
    assert ended.status == 0
    assert set(ended.out.splitlines()) | {"notes.txt"} == listing(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("there", ["README.md", "contracts/own/thing/1.0.0.yaml", ".gitignore", "data/countries.csv"])
def test_nothing_is_overwritten_and_nothing_else_is_written(there, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / there
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("mine")
    ended = here(capsys, "init")
    assert (ended.status, ended.out) == (2, "")
    assert "would be overwritten" in ended.err
    assert "tacet init my-events" in ended.err
    assert listing(tmp_path) == {there}
    assert own.read_text() == "mine"


@pytest.mark.parametrize("name", ["run#7", "run?7/mine"])
def test_a_folder_below_which_no_tables_can_be_is_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ended = here(capsys, "init", name)
    assert ended.status == 2
    assert "in it, and no tables can be below it: choose a folder" in ended.err
    assert listing(tmp_path) == set()


def test_a_link_to_nowhere_is_not_written_through(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").symlink_to(tmp_path.parent / "elsewhere.md")
    assert here(capsys, "init").status == 2
    assert not (tmp_path.parent / "elsewhere.md").exists()


def test_twice_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert here(capsys, "init", "mine").status == 0
    before = listing(tmp_path)
    assert here(capsys, "init", "mine").status == 2
    assert listing(tmp_path) == before


def test_a_file_in_the_way_and_a_folder_that_cannot_be_made_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    ended = here(capsys, "init", "file")
    assert (ended.status, "file is there and is no folder" in ended.err) == (2, True)
    ended = here(capsys, "init", "file/below")
    assert (ended.status, "cannot write" in ended.err) == (3, True)


def test_json_names_what_was_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    document = json.loads(here(capsys, "init", "mine", "--format", "json").out)
    assert document["folder"] == "mine"
    assert set(document["files"]) == listing(tmp_path / "mine")


def test_settings_for_ci_and_for_commits_are_yaml_and_call_verbs_that_exist(tmp_path, monkeypatch, capsys):
    from tacet.cli import VERBS

    monkeypatch.chdir(tmp_path)
    here(capsys, "init")
    workflow = yaml.safe_load((tmp_path / ".github/workflows/contracts.yml").read_text())
    hooks = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())
    said = [step["run"] for step in workflow["jobs"]["contracts"]["steps"] if "run" in step]
    said += [hook["entry"] for hook in hooks["repos"][0]["hooks"]]
    called = {verb for text in said for verb in re.findall(r"tacet ([a-z-]+)", text)}
    assert called == {"check", "build"}
    assert called <= set(dict(VERBS))


@pytest.mark.slow
def test_the_wheel_holds_the_templates_and_the_command_works_from_it(tmp_path):
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else [ROOT / ".venv/bin/pip"]
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True, env=environment()
    )
    wheel = tmp_path / done.stdout.splitlines()[-1]
    target = tmp_path / "site"
    subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--target", target, wheel], check=True
    )
    env = environment() | {"PYTHONPATH": str(target)}

    def installed(*arguments, cwd):
        return subprocess.run(
            [sys.executable, "-P", "-c", "import sys; from tacet.cli import main; main()", *arguments],
            cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    where = [
        sys.executable,
        "-P",
        "-c",
        "import tacet, tacet_codegen, tacet_runtime as r; print(tacet.__file__, r.__file__)",
    ]
    found = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert all(path.startswith(str(target)) for path in found.split())
    assert installed("init", "mine", cwd=tmp_path).returncode == 0
    for arguments in (["check"], ["build"], ["run", "order", "--input", "events/"], ["verify", "order"]):
        ended = installed(*arguments, cwd=tmp_path / "mine")
        assert ended.returncode == 0, ended.stderr

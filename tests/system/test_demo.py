"""`make demo`, smaller: it ends clean, shows what it promises, finds a difference, and writes nowhere else."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system
DEMO = ROOT / "examples/impressions/demo.py"


def demo(out: Path, events: int = 3_000) -> subprocess.CompletedProcess:
    command = [sys.executable, str(DEMO), "--events", str(events), "--workers", "1", "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=600)


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("demo")
    (out / "from-last-time").write_text("gone when it runs again")
    before = changes()
    done = demo(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert changes() == before
    assert sorted(p.name for p in out.iterdir()) == ["impressions.ndjson", "labels.ndjson", "message.json", "warehouse"]
    return done.stdout


def changes() -> str:
    return subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_account_is_closed_and_proved(shown):
    assert re.search(r"= 3,000 of 3,000 in: closed", shown)
    assert "all accounted for, each once" in shown


def test_every_number_is_the_one_that_was_planted(shown):
    assert "DIFFERS" not in shown
    assert len(re.findall(r"  same$", shown, re.MULTILINE)) >= 20


def test_bugs_and_omissions_are_told_apart(shown):
    assert re.search(r"^android 9\.5\.1 +account_country +logging_bug +\d", shown, re.MULTILINE)
    assert re.search(
        r"^android 9\.5\.1 +view_ms +declared_omission:android-no-view-timer +100\.0 %", shown, re.MULTILINE
    )
    assert re.search(r"^tvos 4\.9\.0 +row_index +declared_omission:tvos-hero-rail", shown, re.MULTILINE)


def test_three_questions_are_answered_and_a_row_is_explained(shown):
    assert re.search(r"^1 +[\d,]+ +[\d,]+$", shown, re.MULTILINE)
    assert re.search(r"^home +0 to 2 +[\d,]+ +[\d,]+ +\d+\.\d$", shown, re.MULTILINE)
    assert re.search(r"^top-picks +[\d,]+ +\d+\.\d +[\d,]+ +\d+\.\d$", shown, re.MULTILINE)
    assert "country = NULL (logging_bug)" in shown


def test_what_the_readme_shows_is_what_the_demo_prints(shown):
    excerpt = (ROOT / "README.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    builds = [line.split()[:4] for line in excerpt.splitlines() if re.match(r"(ios|android|tvos|web) \d", line)]
    printed = [line.split()[:4] for line in shown.splitlines()]
    assert len(builds) >= 6
    assert [build for build in builds if build not in printed] == []


def test_a_label_that_is_not_found_ends_the_demo_with_1(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["demo.py", "--events", "400", "--workers", "1", "--out", str(tmp_path / "demo")])
    spec = importlib.util.spec_from_file_location("impressions_demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "impressions_demo", module)
    spec.loader.exec_module(module)
    run = module.run

    def with_one_label_more(files, events, workers):
        counts = run(files, events, workers)
        lines = files.labels.read_text(encoding="utf-8").splitlines()
        bug = next(line for line in lines if '"expected":"logging_bug"' in line)
        files.labels.write_text("\n".join([*lines, bug]) + "\n", encoding="utf-8")
        return counts

    monkeypatch.setattr(module, "run", with_one_label_more)
    assert module.main() == 1

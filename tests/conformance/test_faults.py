"""The suite is proved: each fault of faults.yaml, put into a copy of the tree, is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FAULTS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("faults.yaml").read_text(encoding="utf-8"))
PARTS = ("codegen", "runtime", "tacet", "tests/conformance")


def found(root: Path, cases: str = "", seeds: str = "") -> subprocess.CompletedProcess[str]:
    """Run the small suite over a tree."""
    path = os.pathsep.join(str(root / part) for part in ("", "codegen", "runtime"))
    command = [sys.executable, "-m", "tests.conformance.quick", cases, seeds]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for part in PARTS:  # with what is compiled to machine code
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path


def test_there_are_at_least_25_faults_and_each_can_still_be_made() -> None:
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS) >= 25
    assert [f["name"] for f in FAULTS if (ROOT / f["file"]).read_text(encoding="utf-8").count(f["old"]) != 1] == []


@pytest.mark.slow
def test_a_tree_without_a_fault_is_clean(tree: Path) -> None:
    cases, seeds = (
        ";".join(dict.fromkeys(c for f in FAULTS for c in f.get(k, "").split(sep) if c))
        for k, sep in (("cases", ";"), ("seeds", ","))
    )
    result = found(tree, cases, seeds.replace(";", ","))
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["name"].replace(" ", "-"))
def test_a_fault_is_found(fault: dict[str, Any], tree: Path) -> None:
    file = tree / fault["file"]
    file.write_text(file.read_text(encoding="utf-8").replace(fault["old"], fault["new"]), encoding="utf-8")
    result = found(tree, fault.get("cases", ""), fault.get("seeds", ""))
    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stdout.strip() != ""

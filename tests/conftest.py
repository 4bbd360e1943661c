"""Shared fixtures: golden files, and the option that rewrites them; and what a run leaves out is said at its end."""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite golden files with what the code says now")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and why, whatever the verbosity: a green run is to mean what it seems to."""
    left_out = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    reasons = Counter(str(why[2] if isinstance(why, tuple) else why).removeprefix("Skipped: ") for why in left_out)
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"not run: {reason} ({number} {'place' if number == 1 else 'places'})", yellow=True)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Path], None]:
    """Compare a text with a committed file; with --accept, write it."""
    accept = request.config.getoption("--accept")

    def compare(text: str, path: Path) -> None:
        if accept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        if not path.exists():
            pytest.fail(f"no golden file {path}: run `make accept` and read the diff")
        old = path.read_bytes().decode()
        if old != text:
            diff = difflib.unified_diff(old.splitlines(), text.splitlines(), "golden", "now", lineterm="")
            pytest.fail("differs from the golden file (`make accept` rewrites it):\n" + "\n".join(diff))

    return compare

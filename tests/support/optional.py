"""Optional parts of a machine: a test of one is skipped where it is missing, and fails where everything is mandatory."""

from __future__ import annotations

import os

import pytest


def require(missing: str | None) -> None:
    """Skip the test when something is missing; fail it where `TACET_REQUIRE_ALL=1` is set, as in CI."""
    if missing is None:
        return
    if os.environ.get("TACET_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)

"""tacet: event contracts, compiled. The small public Python API (`tacet/api.py`); the command is `tacet.cli`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacet.api import (
        Compiled,
        ContractError,
        Diagnostic,
        Job,
        Outside,
        Ran,
        Usage,
        Verified,
        compile,  # noqa: A004  (the API's word)
        explain,
    )

__version__ = "0.1.0"

__all__ = [
    "Compiled",
    "ContractError",
    "Diagnostic",
    "Job",
    "Outside",
    "Ran",
    "Usage",
    "Verified",
    "compile",
    "explain",
]


def __getattr__(name: str) -> object:
    """Import the API when it is used: `tacet --help` must not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module `tacet` has no attribute `{name}`")
    return getattr(importlib.import_module("tacet.api"), name)

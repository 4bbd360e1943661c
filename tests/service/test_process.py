"""What a process asks of its allocators, in a process of its own; what the environment says holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ASKED = """
import ctypes, gc, json, os
from tacet_runtime import process
asked = []
class Library:
    def __init__(self, name): pass
    def __getattr__(self, name):
        if name != "mallopt" or {missing}: raise AttributeError(name)
        return lambda option, value: asked.append(option) or 1
process.ctypes.CDLL = Library
process.steady()
print(json.dumps([sorted(asked), os.environ["MIMALLOC_PURGE_DELAY"], gc.get_threshold()[0]]))
"""


def asked(missing=False, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "MIMALLOC_"))}
    command = [sys.executable, "-c", ASKED.replace("{missing}", str(missing))]
    done = subprocess.run(command, env={**known, **environment}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_memory_is_kept_and_garbage_looked_for_rarely():
    options, purge, threshold = asked()
    assert options == [-3, -2, -1, 1]
    assert int(purge) >= 1_000
    assert threshold >= 100_000


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_"])
def test_what_the_environment_says_of_an_allocator_holds(name):
    assert len(asked(**{name: "131072"})[0]) == 3
    assert asked(MIMALLOC_PURGE_DELAY="5")[1] == "5"


def test_a_library_without_such_options_is_no_fault():
    assert asked(missing=True)[0] == []

"""A process that has imported everything and used nothing: it forks `tacet ...`, so that a restart takes a fraction of a second.

`python -m tests.kafka.zygote` reads requests, one JSON document a line, and answers each with one. A process that has used
Arrow or librdkafka has threads, and a fork of it may hang; this one never does.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Zygote:
    """The other end: starts it, asks it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.zygote"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def start(self, words: list[str], out: Path, fault: str, environment: dict[str, str]) -> int:
        """Fork the command; return its process id."""
        return self._ask(words=words, out=str(out), fault=fault, environment=environment)

    def poll(self, pid: int) -> int | None:
        """Return a process's exit status, negative for a signal, or None while it runs."""
        return self._ask(poll=pid)

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(10)

    def _ask(self, **request: Any) -> Any:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _preload() -> None:
    for name in (
        "duckdb", "pyarrow.compute", "pyarrow.parquet", "sqlalchemy.dialects.sqlite", "pyiceberg.catalog.sql", "pyiceberg.table.maintenance", "tacet.cli",
        "tacet.service", "tacet.verbs.maintain", "tacet.verbs.registry", "tacet.verbs.run", "tacet.verbs.verify", "tacet_runtime.engines.embedded",
        "tacet_runtime.engines.reference", "tacet_runtime.engines.run", "tacet_runtime.service.start", "tests.kafka.faults",
    ):  # fmt: skip
        importlib.import_module(name)


def _command(request: dict[str, Any]) -> None:
    """Be the command; never returns."""
    status = 70
    try:
        handle = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(handle, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "rw"[n > 0], buffering=1) for n in (0, 1, 2))
        os.setsid()
        os.environ.update(request["environment"])
        from tacet.cli import main

        if request["fault"]:
            module, _, name = request["fault"].rpartition(".")
            getattr(importlib.import_module(f"tests.kafka.{module or 'faults'}"), name)()
        main(request["words"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    _preload()
    ended: dict[int, int] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid = request["poll"]
            found, status = (pid, 0) if pid in ended else os.waitpid(pid, os.WNOHANG)
            if found and pid not in ended:
                ended[pid] = os.waitstatus_to_exitcode(status)
            answer: int | None = ended.get(pid)
        else:
            answer = os.fork()
            if answer == 0:
                _command(request)
            ended.pop(answer, None)  # of an earlier process with the same number: there are only 32,768
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()

"""The job as a service, from the command line: island file in, signals, one process or a supervised one, exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from tacet.console import OPTIONS, Outside, finish, message, show
from tacet.repository import compiled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from tacet_runtime.batch import Counts
    from tacet_runtime.plan.island import Island
    from tacet_runtime.service.observe import Committed
    from tacet_runtime.service.refusal import Accept

SUPERVISED = "TACET_SUPERVISED"
"""Set for a process that a supervisor started."""


class Told:
    """Says on stderr what the service tells, and adds up what it committed."""

    def __init__(self) -> None:
        self._counts: Counts | None = None
        self.commits = 0

    def total(self) -> Counts:
        """Return the account of everything that was committed."""
        from tacet_runtime.batch import Counts

        return self._counts or Counts()

    def started(self, name: str, seq: int) -> None:
        """See `Observer`."""
        message(f"{name}: started after commit {seq}")

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        from tacet_runtime.ledger import added

        self._counts = added([self.total(), what.counts])
        self.commits += 1
        lag = sum(what.lag.values())
        seconds = sum(time for step, time in what.seconds.items() if step != "S1")
        message(f"commit {what.seq}: {what.counts.messages} messages in {seconds:.2f} s, lag {lag}")

    def applied(self, seq: int, seconds: float) -> None:
        """See `Observer`."""
        message(f"tables at commit {seq} in {seconds:.2f} s")

    def alarm(self, what: str) -> None:
        """See `Observer`."""
        message(f"alarm: {what}")


def read_island(path: Path) -> Island:
    """Return the island of a file, or show what is wrong with it and end with 1."""
    from tacet_codegen.frontend.island import load_island

    island, diagnostics = load_island(path)
    if island is None:
        show(diagnostics)
        finish(1)
    return island


def serve(job: str, island: Island, shard: int, engine: Literal["embedded", "reference"], accept: Accept) -> Told:
    """Run one shard in this process until SIGTERM or Ctrl-C. Raises Outside; ends with FINAL what no restart mends."""
    try:
        from tacet_runtime.connectors.kafka import BrokerError, Gone, TakenOver, Unsettled
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        raise Outside(str(error)) from error
    from tacet_runtime.connectors.iceberg import TableError
    from tacet_runtime.connectors.lookups import LookupError_
    from tacet_runtime.connectors.registry import NotRegistered, RegistryError
    from tacet_runtime.ledger import LedgerError
    from tacet_runtime.plan.island import SettingError
    from tacet_runtime.service.refusal import Refused
    from tacet_runtime.service.start import serve as run

    found = compiled(job)
    told = Told()
    asked = stopper()
    try:
        run(found.plan, found.root, island, shard, engine, accept, told, asked.is_set, expired=_expired)
    except (Refused, TakenOver, NotRegistered, SettingError, LedgerError) as error:
        _final(error)
    except (BrokerError, Gone, Unsettled, RegistryError, LookupError_, TableError) as error:
        raise Outside(str(error)) from error
    except OSError as error:
        raise Outside(f"{error.strerror or error}: {error.filename or ''}; nothing half-done is visible") from error
    return told


def _final(error: Exception) -> None:
    from tacet_runtime.service.supervisor import FINAL

    if SUPERVISED not in os.environ:
        raise Outside(str(error)) from error
    message(f"tacet: {error}")
    finish(FINAL)


def _expired(step: str) -> None:
    """End the process from the watchdog's thread: the call that hangs cannot be interrupted."""
    sys.stderr.write(f"tacet: {step} took longer than its limit: ended, a restart goes on from what is committed\n")
    sys.stderr.flush()
    os._exit(3)


def stopper() -> threading.Event:
    """Let SIGTERM and Ctrl-C ask for a clean stop; a second one ends at once."""
    asked = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return asked


def supervised(restarts: int) -> int:
    """Run this same command as a child, again and again; return the exit status."""
    from tacet_runtime.service.supervisor import supervise

    asked = threading.Event()
    child: list[subprocess.Popen[bytes]] = []

    def ask(number: int, _frame: object) -> None:
        asked.set()
        if child and child[-1].poll() is None:
            child[-1].send_signal(number)

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tacet.cli", *sys.argv[1:]]
        environment = {**os.environ, SUPERVISED: "1"}
        child[:] = [subprocess.Popen(command, env=environment, start_new_session=True)]  # noqa: S603  (this command)
        if asked.is_set():
            child[-1].terminate()
        return child[-1]

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return supervise(start, restarts, asked.is_set, _say())


def _say() -> Callable[[str], None]:
    quiet = OPTIONS.quiet

    def say(text: str) -> None:
        if not quiet or "gave up" in text:
            sys.stderr.write(f"tacet: supervisor: {text}\n")
            sys.stderr.flush()

    return say

"""The job as a service, from the command line: island file in, signals, one process or a supervised one, exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tacet.console import OPTIONS, Outside, failure, finish, log_to_stderr, message, show
from tacet.repository import compiled
from tacet.stopping import STOPS, SUPERVISED, ended_at_once
from tacet_runtime.batch import Counts
from tacet_runtime.ledger import added
from tacet_runtime.service.observe import Quiet, Several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Literal

    from tacet_runtime.plan.island import Island
    from tacet_runtime.plan.model import Plan
    from tacet_runtime.service.log import Log
    from tacet_runtime.service.observe import Committed, Observer
    from tacet_runtime.service.refusal import Accept

COMMITTED = "TACET_COMMITTED"
"""Set beside SUPERVISED: the descriptor on which the supervisor is told of the first commit."""


class Sum(Quiet):
    """Adds up what was committed."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.commits = 0

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        self.counts = added([self.counts, what.counts])
        self.commits += 1


class FirstCommit(Quiet):
    """Tells the supervisor, where there is one, that something was committed: what was accepted counts no more."""

    def __init__(self) -> None:
        self._told = os.environ.get(COMMITTED)

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        del what
        if self._told is not None:
            with suppress(OSError):  # the supervisor is gone
                os.write(int(self._told), b".")
            self._told = None


class Words:
    """Says on stderr what the service tells."""

    def started(self, name: str, seq: int) -> None:
        """See `Observer`."""
        message(f"{name}: started after commit {seq}")

    def committed(self, what: Committed) -> None:
        """See `Observer`."""
        lag = sum(what.lag.values())
        seconds = sum(time for step, time in what.seconds.items() if step != "S1")
        message(f"commit {what.seq}: {what.counts.messages} messages in {seconds:.2f} s, lag {lag}")

    def applied(self, seq: int, seconds: float) -> None:
        """See `Observer`."""
        message(f"tables at commit {seq} in {seconds:.2f} s")

    def lookup(self, name: str, snapshot: str) -> None:
        """See `Observer`."""
        message(f"lookup {name}: {snapshot}")

    def idle(self, lag: Mapping[int, int]) -> None:
        """See `Observer`."""

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


def log(island: Island, job: str) -> Log | None:
    """Make every line on stderr a JSON object, when the island wants it so; return what writes them."""
    if island.status.log == "json":
        log_to_stderr(job=job, island=island.name)
    return OPTIONS.log


def serve(
    job: str,
    island: Island,
    shard: int,
    engine: Literal["embedded", "reference"],
    accept: Accept,
    asked: threading.Event,
) -> Sum:
    """Run one shard in this process until it is `asked` to stop. Raises Outside; ends with FINAL what no restart mends."""
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
    from tacet_runtime.plan.island import SettingError, exposed
    from tacet_runtime.service.refusal import Refused
    from tacet_runtime.service.start import serve as run

    found = compiled(job)
    total = Sum()
    words = log(island, found.plan.job) or Words()
    _stop_with_supervisor(asked)
    if asked.is_set():
        return total
    try:
        with watched(found.plan, island, Several(total, words, FirstCommit())) as observer:
            for what in exposed(island):
                observer.alarm(f"{what}: choose a protocol with TLS")
            run(found.plan, found.root, island, shard, engine, accept, observer, asked.is_set, expired=ended_at_once)
    except (Refused, TakenOver, NotRegistered, SettingError, LedgerError) as error:
        _final(error)
    except (BrokerError, Gone, Unsettled, RegistryError, LookupError_, TableError) as error:
        raise Outside(str(error)) from error
    except OSError as error:
        raise Outside(f"{error.strerror or error}: {error.filename or ''}; nothing half-done is visible") from error
    return total


@contextmanager
def watched(plan: Plan, island: Island, told: Observer) -> Iterator[Observer]:
    """Yield what is told everything; metrics and health are served meanwhile, where the island says so.

    Raises Outside when the address is taken or the library is not installed.
    """
    if island.status.listen is None:
        yield told
        return
    try:
        from tacet_runtime.service.exposition import Exposition
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise Outside("metrics need prometheus-client: pip install 'tacet-contracts[kafka]'") from error
    from tacet_runtime.service.status import Server, Status

    host, _, port = island.status.listen.rpartition(":")
    exposition, status = Exposition(plan), Status()
    try:
        server = Server((host.strip("[]"), int(port)), status, exposition)
    except OSError as error:
        raise Outside(f"cannot listen on {island.status.listen}: {error.strerror or error}") from error
    message(f"metrics and health: http://{host}:{server.address[1]}/", "listening")
    try:
        yield Several(told, exposition, status)
    finally:
        server.close()


def _final(error: Exception) -> None:
    from tacet_runtime.service.supervisor import FINAL

    if SUPERVISED not in os.environ:
        raise Outside(str(error)) from error
    failure(str(error))
    finish(FINAL)


def _stop_with_supervisor(asked: threading.Event) -> None:
    """Stop when the supervisor is gone, however it ended: nobody else would stop or restart this process."""
    supervisor = os.environ.get(SUPERVISED)
    if supervisor is None:
        return

    def watch() -> None:
        while str(os.getppid()) == supervisor:
            time.sleep(0.5)
        message("the supervisor is gone: stopping")
        asked.set()

    threading.Thread(target=watch, daemon=True).start()


def supervised(restarts: int, asked: threading.Event) -> int:
    """Run this same command as a child, again and again, until `asked` to stop; return the exit status."""
    from tacet_runtime.service.supervisor import supervise

    child: list[subprocess.Popen[bytes]] = []
    heard, told = os.pipe()
    os.set_blocking(heard, False)
    words = sys.argv[1:]

    def ask(number: int, _frame: object) -> None:
        asked.set()
        if child and child[-1].poll() is None:
            child[-1].send_signal(number)

    def start() -> subprocess.Popen[bytes]:
        if _hears(heard):  # what was accepted is no leave for what came after the first commit
            words[:] = [word for word in words if not word.startswith("--accept-")]
        command = [sys.executable, "-m", "tacet.cli", *words]
        environment = {**os.environ, SUPERVISED: str(os.getpid()), COMMITTED: str(told)}
        child[:] = [
            subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=[told])  # noqa: S603  (this command)
        ]
        if asked.is_set():
            child[-1].terminate()
        return child[-1]

    for number in STOPS:
        signal.signal(number, ask)
    return supervise(start, restarts, asked.is_set, _say())


def _hears(pipe: int) -> bool:
    try:
        return bool(os.read(pipe, 1))
    except BlockingIOError:
        return False


def _say() -> Callable[[str], None]:
    def say(text: str) -> None:
        if not OPTIONS.quiet or "gave up" in text:
            failure(text, "supervisor")

    return say

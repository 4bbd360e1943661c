"""Faults that are built into a process before it runs the command: answers that are lost, requests that land late."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path


def _planned(what: str) -> None:
    sys.stderr.write(f"planned: {what}\n")
    sys.stderr.flush()


def commit_answer_lost() -> None:
    """The second commit of a transaction is done, and its answer never comes."""
    from tacet_runtime.connectors.kafka import Transactions, Unsettled

    real, calls = Transactions.commit, []

    def commit(self) -> None:
        calls.append(1)
        real(self)
        if len(calls) == 2:
            _planned("the answer of the commit is lost")
            raise Unsettled("no answer")

    Transactions.commit = commit


def commit_never_sent() -> None:
    """The second commit never arrives."""
    from tacet_runtime.connectors.kafka import Transactions, Unsettled

    real, calls = Transactions.commit, []

    def commit(self) -> None:
        calls.append(1)
        if len(calls) == 2:
            _planned("the commit is not sent")
            raise Unsettled("no answer")
        real(self)

    Transactions.commit = commit


def _catalog(fault) -> None:
    """Let `fault(number, real)` stand in the place of the catalog's commits of files."""
    from pyiceberg.catalog.sql import SqlCatalog

    real, calls = SqlCatalog.commit_table, []

    def commit_table(self, table, requirements, updates):
        if not any(type(update).__name__ == "AddSnapshotUpdate" for update in updates):
            return real(self, table, requirements, updates)
        calls.append(1)
        return fault(len(calls), lambda: real(self, table, requirements, updates))

    SqlCatalog.commit_table = commit_table


def catalog_answer_lost() -> None:
    """Some commits to tables are done, and their answers never come."""

    def fault(number, real):
        done = real()
        if number in (3, 8):
            _planned("the answer of the catalog is lost")
            raise OSError("no answer")
        return done

    _catalog(fault)


def catalog_request_late() -> None:
    """Some commits to tables arrive only after the table was looked at again."""

    def fault(number, real):
        if number not in (3, 8):
            return real()
        _planned("a request to the catalog is late")
        threading.Timer(0.5, lambda: _late(real)).start()
        raise OSError("timed out")

    _catalog(fault)


def _late(real) -> None:
    try:
        real()
        _planned("the late request was taken")
    except Exception as error:  # noqa: BLE001
        _planned(f"the late request was refused: {type(error).__name__}")


def slow_disk() -> None:
    """A row takes 20 ms to write, and files may take a second."""
    from tacet_runtime.connectors import parquet
    from tacet_runtime.service import protocol

    write, pacing = parquet._write, protocol.Pacing

    def slowly(rows, path, table):
        time.sleep(0.02 * rows.num_rows)
        return write(rows, path, table)

    parquet._write = slowly
    protocol.Pacing = lambda most, limits: pacing(most, {**limits, "S3": 1.0})


def slow_topics() -> None:
    """A message takes 10 ms to hand over."""
    from tacet_runtime.connectors.kafka import Transactions

    real = Transactions.send

    def send(self, messages) -> None:
        real(self, ((time.sleep(0.01), message)[1] for message in messages))

    Transactions.send = send


def stop_before_commit() -> None:
    """The process is paused within its second transaction, as by a long pause of its machine."""
    from tacet_runtime.connectors.kafka import Transactions

    real, calls = Transactions.commit, []

    def commit(self) -> None:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.1)
        real(self)

    Transactions.commit = commit


def broker_hangs() -> None:
    """The broker `TACET_BROKER` is paused when the process comes to a point, `TACET_HANGS_AT=POINT:n`."""
    from tacet_runtime.service import protocol

    name, _, count = os.environ["TACET_HANGS_AT"].rpartition(":")
    calls = []

    def point(passed: str) -> None:
        calls.append(passed)
        if passed == name and calls.count(name) == int(count):
            os.kill(int(os.environ["TACET_BROKER"]), signal.SIGSTOP)
            _planned("the broker hangs")

    protocol.point = point


def stopped(pid: int) -> bool:
    """Tell whether a process is paused."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

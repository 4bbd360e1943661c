"""Signals that ask a service to stop, heard from its first moments on: imports and contracts take longer than a pause."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

from tacet.console import failure

STOPS = (signal.SIGINT, signal.SIGTERM)
SUPERVISED = "TACET_SUPERVISED"
"""Set for a process that a supervisor started: the supervisor's process id."""
_AT_ONCE = 1.0
"""Seconds that the main thread may take to end by itself when it is stopped a second time."""


def ended_at_once(why: str) -> None:
    """End the process from a thread that watches it: the call that hangs cannot be interrupted."""
    failure(why)
    os._exit(3)


def supervisor() -> threading.Event:
    """Return what SIGTERM and Ctrl-C set, for a process that has no child yet."""
    asked = threading.Event()
    for number in STOPS:
        signal.signal(number, lambda _number, _frame: asked.set())
    return asked


def stopper() -> threading.Event:
    """Let SIGTERM and Ctrl-C ask for a clean stop; a second one ends at once.

    Python runs a handler only when the main thread comes back from where it is, and a call that hangs does not: so a thread
    hears of each signal, too.
    """
    asked = threading.Event()
    heard: list[int] = []

    def ask(number: int, _frame: object) -> None:
        heard.append(number)
        asked.set()
        if len(heard) > 1:
            raise KeyboardInterrupt

    reader, writer = socket.socketpair()
    writer.setblocking(False)
    threading.Thread(target=_hear, args=(reader, asked), name="signals", daemon=True).start()
    for number in STOPS:
        signal.signal(number, ask)
    signal.set_wakeup_fd(writer.detach())
    return asked


def _hear(signals: socket.socket, asked: threading.Event) -> None:
    heard = 0
    while True:
        for number in signals.recv(16):
            heard += number in STOPS
            if heard:
                asked.set()
        if heard > 1:
            time.sleep(_AT_ONCE)
            ended_at_once("stopped a second time: ended, and the next start goes on from what is committed")

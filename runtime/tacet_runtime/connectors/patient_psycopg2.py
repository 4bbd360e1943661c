"""A limit for each statement to PostgreSQL that counts here: a server that hangs keeps no limit of its own, and its machine still acknowledges.

psycopg2 asks a function of ours to wait (`set_wait_callback`, its support of coroutines:
https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries), and closes a connection whose wait was broken off.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import extensions

if TYPE_CHECKING:
    from collections.abc import Callable


def limit(seconds: float) -> None:
    """Let every statement and every new connection of this process take so long, then raise OperationalError."""
    extensions.set_wait_callback(_waiting(seconds))


def _waiting(seconds: float) -> Callable[[Any], None]:
    def wait(connection: Any) -> None:
        until = time.monotonic() + seconds
        while (state := connection.poll()) != extensions.POLL_OK:
            poller = select.poll()
            poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
            left = until - time.monotonic()
            if left <= 0 or not poller.poll(left * 1_000):
                raise psycopg2.OperationalError(f"no answer within {seconds:g} s")

    return wait

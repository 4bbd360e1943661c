"""The service over HTTP, for Prometheus and an orchestrator: `/metrics`, `/health/live`, `/health/ready`, `/status`.

Live means that the process answers and its loop turns; ready, that it has started and its last commit is not older than it may
be. Both are told with a reason, as JSON, and 503 when it is not so.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tacet_runtime.service.exposition import Exposition
    from tacet_runtime.service.observe import Committed

STALLED_SECONDS = 120.0
"""Behind, and without a commit for so long: not ready."""


@dataclass(slots=True)
class Status:
    """An `Observer` that remembers where the service is. Times are of the monotonic clock, seconds."""

    name: str = ""
    started_at: float | None = None
    committed_seq: int = 0
    committed_at: float | None = None
    applied_seq: int = 0
    applied_at: float | None = None
    messages: int = 0
    lag: dict[int, int] = field(default_factory=dict)
    lookups: dict[str, str] = field(default_factory=dict)
    last_alarm: str | None = None
    well_at: float | None = None
    """When it was last seen that there was nothing to do."""
    clock: Callable[[], float] = time.monotonic

    def started(self, name: str, seq: int) -> None:
        """Remember a start: the tables are at `seq`. To start over, after a transaction that failed, mends nothing yet."""
        if self.started_at is None:
            self.name, self.started_at, self.last_alarm = name, self.clock(), None
        self.committed_seq = self.applied_seq = seq

    def committed(self, what: Committed) -> None:
        """Remember a transaction."""
        self.committed_seq, self.committed_at = what.seq, self.clock()
        self.messages += what.counts.messages
        self.lag = dict(what.lag)
        self.last_alarm = None

    def applied(self, seq: int, seconds: float) -> None:
        """Remember a commit of the tables."""
        del seconds
        self.applied_seq, self.applied_at = seq, self.clock()

    def lookup(self, name: str, snapshot: str) -> None:
        """Remember the snapshot of a lookup."""
        self.lookups = {**self.lookups, name: snapshot}

    def idle(self, lag: Mapping[int, int]) -> None:
        """Remember that there is nothing to do, or how much."""
        self.lag = dict(lag)
        if not any(lag.values()):
            self.well_at, self.last_alarm = self.clock(), None

    def alarm(self, what: str) -> None:
        """Remember what hinders."""
        self.last_alarm = what[:256]

    def not_ready(self) -> str | None:
        """Return why the service is not ready, or None when it is."""
        if self.started_at is None:
            return self.last_alarm or "starting"
        since = self.clock() - max(self.started_at, self.committed_at or 0.0, self.well_at or 0.0)
        if since > STALLED_SECONDS and (self.last_alarm is not None or any(self.lag.values())):
            return self.last_alarm or f"no commit for {since:.0f} s, and {sum(self.lag.values())} messages behind"
        return None

    def document(self) -> dict[str, Any]:
        """Return everything, for a person or a script; ages in seconds."""
        now = self.clock()

        def age(moment: float | None) -> float | None:
            return None if moment is None else round(now - moment, 3)

        return {
            "name": self.name,
            "ready": self.not_ready() is None,
            "why": self.not_ready(),
            "messages": self.messages,
            "topic": {"commit": self.committed_seq, "age_seconds": age(self.committed_at)},
            "tables": {"commit": self.applied_seq, "age_seconds": age(self.applied_at)},
            "lag": {str(partition): behind for partition, behind in sorted(self.lag.items())},
            "lookups": self.lookups,
            "up_seconds": age(self.started_at),
        }


class _Version4(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away: the service's log is its own."""


class _Version6(_Version4):
    address_family = socket.AF_INET6


class Server:
    """Serves in a thread of its own until it is closed. `address`: host and port; port 0 takes a free one."""

    def __init__(self, address: tuple[str, int], status: Status, exposition: Exposition) -> None:
        """Listen. Raises OSError when the address is taken."""
        handler = type("Handler", (_Handler,), {"status": status, "exposition": exposition})
        self._server = (_Version6 if ":" in address[0] else _Version4)(address, handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="tacet-status", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are listened on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    status: Status
    exposition: Exposition
    timeout = 10
    server_version = "tacet"
    sys_version = ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(200, *self.exposition.text(self.headers.get("Accept", "")))
            case "/health/live":
                self._json(200, {"live": True})
            case "/health/ready":
                why = self.status.not_ready()
                self._json(200 if why is None else 503, {"ready": why is None, "why": why})
            case "/status":
                self._json(200, self.status.document())
            case _:
                self._json(404, {"known": ["/metrics", "/health/live", "/health/ready", "/status"]})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _json(self, code: int, document: dict[str, Any]) -> None:
        self._answer(code, "application/json", json.dumps(document).encode() + b"\n")

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name that http.server calls)
        """Say nothing: the service's log is its own."""

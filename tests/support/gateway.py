"""A gateway before an HTTP server, on loopback, which does what gateways and caches do at times."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOP = {"connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding", "host"}


class Gateway:
    """What is done to the requests that come through."""

    def __init__(self, upstream: str) -> None:
        self.uri = ""
        self.twice = False
        """Send a commit again, as if its first answer had been lost: the second answer is what the client gets."""
        self.old = False
        """Answer a question for a table with what was said before the last change."""
        self.hangs = False
        """Answer no commit."""
        self.drips = False
        """Answer with a byte now and then."""
        self.fails_after = -1
        """Answer with 500 after so many questions for a table."""
        self.strange = b""
        """What is said to a question for a table, if anything."""
        self.sent_again = self.old_answers = 0
        self._upstream = urlsplit(upstream)
        self._lock = threading.Lock()
        self._said: dict[str, list[bytes]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return status and body for a request."""
        commit = method == "POST" and path.rpartition("/")[0].endswith("/tables")
        while commit and self.hangs:
            time.sleep(0.1)
        status, data = self._ask(method, path, headers, body)
        if commit and self.twice:
            self.sent_again += 1
            return self._ask(method, path, headers, body)
        if method == "GET" and "/tables/" in path and self.strange:
            return 200, self.strange
        if method == "GET" and "/tables/" in path and self.fails_after >= 0:
            self.fails_after = max(0, self.fails_after - 1)
            if self.fails_after == 0:
                return 500, b'{"error": {"message": "down", "type": "Down", "code": 500}}'
        if method == "GET" and "/tables/" in path and status == 200:
            with self._lock:
                said = self._said.setdefault(path.partition("?")[0], [data])
                if self.old and data != said[0]:
                    self.old_answers += 1
                    return status, said[0]
                said[:] = [*said[-1:], data] if data != said[-1] else said
        return status, data

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            return found.status, found.read()
        finally:
            connection.close()


@contextmanager
def gateway(upstream: str) -> Iterator[Gateway]:
    """Run a gateway before the server of a URL."""
    middle = Gateway(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            status, data = middle.answer(self.command, self.path, headers, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with suppress(OSError):  # the client does not wait any more
                while middle.drips and len(data) > 1:
                    self.wfile.write(data[:1])
                    data = data[1:]
                    time.sleep(0.2)
                if self.command != "HEAD":
                    self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_DELETE = pass_on

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    middle.uri = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield middle
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

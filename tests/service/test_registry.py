"""What a registry, or a proxy before it, may answer: an id, or an error within the time limit that names the registry."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tacet_runtime.connectors.registry import RegistryError, SchemaRegistry
from tacet_runtime.plan.island import Registry, Text

SECONDS = 1.0


class _Answering(BaseHTTPRequestHandler):
    def log_message(self, *_words):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for part in self.server.parts:
            self.wfile.write(part)
            if self.server.over.wait(self.server.pause):
                break


@pytest.fixture
def answering():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    server.over, server.pause, server.handle_error = threading.Event(), 0.0, lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def found(server):
    registry = SchemaRegistry(Registry(Text(f"http://127.0.0.1:{server.server_port}")), SECONDS)
    return registry.find("clicks-value", "{}")


def body(content: bytes) -> list[bytes]:
    return [b"Content-Length: %d\r\n\r\n" % len(content), content]


def test_an_id_is_found(answering):
    answering.parts = body(b'{"id": 7, "version": 2}')
    assert (found(answering).id, found(answering).version) == (7, 2)


@pytest.mark.parametrize(
    "content",
    [b'{"id": true, "version": 1}', b'{"id": 1, "version": false}', b'{"id": 1.0, "version": 1}', b'{"id": 2147483648, "version": 1}'],
)  # fmt: skip
def test_what_is_no_id_is_taken_for_none(answering, content):
    answering.parts = body(content)
    with pytest.raises(RegistryError, match="the registry answers 200 to clicks-value"):
        found(answering)


@pytest.mark.parametrize("content", [b"[" * 200_000, b"[" * 900 + b"]" * 900, b"\xff", b'{"id": 1,', b" " * 20_000_000])
def test_an_answer_that_is_no_answer_is_an_error(answering, content):
    answering.parts = body(content)
    with pytest.raises(RegistryError):
        found(answering)


@pytest.mark.parametrize("headers", [b"Content-Length: 1000\r\n\r\n", b"X-Long: "])
def test_an_answer_that_comes_byte_by_byte_has_the_limit_of_any_other(answering, headers):
    answering.parts, answering.pause = [headers, *[b" "] * 900], 0.2
    began = time.monotonic()
    with pytest.raises(RegistryError, match="no answer in time"):
        found(answering)
    assert time.monotonic() - began < 2 * SECONDS + 1

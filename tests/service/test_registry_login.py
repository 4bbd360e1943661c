"""The login at a registry: sent whatever letters it has, and said to nobody, even when the registry says it back."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tacet_runtime.connectors.registry import RegistryError, SchemaRegistry
from tacet_runtime.plan.island import Registry, Secret, Text

USER, PASSWORD = "clerk-7", 'c\u00e4n\u2603"ary-7'


@pytest.fixture(params=[200, 401, 403, 409, 500])
def echo(request):
    """Serve a registry that answers with what it was asked, and with this status."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self):
            login = self.headers["Authorization"]
            plain = b64decode(login.removeprefix("Basic ")).decode()
            self.server.logins.append(plain)
            body = json.dumps({"message": f"no {login}, {plain}", "plain": plain}).encode()
            self.send_response(request.param)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.logins = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_login_reaches_the_registry_and_is_not_said_when_it_is_said_back(echo, monkeypatch):
    monkeypatch.setenv("CLERK", USER)
    monkeypatch.setenv("CLERKS", PASSWORD)
    url = f"http://127.0.0.1:{echo.server_address[1]}"
    settings = Registry(Text(url), Secret("${env:CLERK}"), Secret("${env:CLERKS}"))
    with pytest.raises(RegistryError) as caught:
        SchemaRegistry(settings, 5).find("sales-value", "{}")
    assert echo.logins == [f"{USER}:{PASSWORD}"]
    assert not any(part in str(caught.value) for part in (USER, "ary-7", "Basic Y2xl"))

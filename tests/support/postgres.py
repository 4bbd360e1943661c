"""A real PostgreSQL on loopback for tests, from the system's packages, as a user who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.servers import free_port, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "tacet"


def _binary(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def missing() -> str | None:
    """Return what a machine lacks to start the server, or None."""
    if _binary("initdb") is None or _binary("postgres") is None:
        return "there is no PostgreSQL: install Debian's `postgresql`"
    try:
        import psycopg2  # noqa: F401
    except ModuleNotFoundError:
        return "there is no psycopg2"
    return None


def _someone() -> dict[str, object]:
    """Return how to become a user who is not root, which PostgreSQL refuses to be."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@dataclass
class Postgres:
    """A server that can go away and come back."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    database: str = "postgres"

    @property
    def uri(self) -> str:
        return f"postgresql+psycopg2://127.0.0.1:{self.port}/{self.database}"

    def start(self) -> None:
        command = [
            _binary("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1",
            "-k", str(self.folder), "-c", "fsync=off",
        ]  # fmt: skip
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **_someone())
        deadline = time.monotonic() + 60
        while "ready to accept" not in (self.folder / "postgres.log").read_text().rpartition("starting PostgreSQL")[2]:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.folder / "postgres.log").read_text())
            time.sleep(0.1)

    def use(self, database: str, password: str) -> None:
        """Make a database, which `uri` names from now on."""
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, dbname="postgres", user=USER, password=password)
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{database}"')
        connection.close()
        self.database = database

    def pause(self) -> None:
        """Hang, with all its processes: the machine still answers for it."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        pid = self.process.pid
        for one in [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]:
            os.kill(int(one), number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # at once, without waiting for who is connected
            stop(self.process)
            self.process = None


@contextmanager
def postgres(folder: Path, password: str) -> Iterator[Postgres]:
    """Run a server that asks everybody for a password."""
    folder.mkdir()
    secret = folder / "password"
    secret.write_text(password)
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, secret):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    command = [_binary("initdb"), "-D", folder / "data", "-U", USER, "--pwfile", secret, "-A", "scram-sha-256", "-N"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd=folder, **_someone())
    server = Postgres(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()

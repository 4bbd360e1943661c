"""An island: one region's endpoints and pace, as data. The compiler reads the file, the service is run with it.

Secrets stand in it by reference only, `${env:NAME}` or `${file:PATH}`, and are read when they are used; the repr of one is `***`.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

REFERENCE = re.compile(r"\$\{(env|file):([^${}]{1,1024})\}")


_ENDPOINT = re.compile(r"(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def is_endpoint(text: str) -> bool:
    """Tell whether a text is `host:port`."""
    found = _ENDPOINT.fullmatch(text)
    return found is not None and int(found[1]) <= 65_535


SECRET_WORDS = ("password", "secret", "token", "credential", "access-key", "sas", "authorization")
"""A name with one of them in it is a secret's."""
_USER = re.compile(r"[^:/@]*(?::[^@]*)?@")
"""A password may have slashes in it."""


def has_credentials(address: str) -> bool:
    """Tell whether an address has a user or password in it, or a query with a secret's name."""
    place, _, query = address.partition("://")[2].partition("?")
    names = [name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)]
    return _USER.match(place) is not None or any(word in name for name in names for word in SECRET_WORDS)


class SettingError(Exception):
    """A reference of an island file leads nowhere; the message names the reference, never a value."""


class Text(msgspec.Struct, frozen=True):
    """A setting as written: `${env:NAME}` and `${file:PATH}` within it are read when it is used."""

    written: str

    def value(self) -> str:
        """Return the text with its references read. Raises SettingError."""
        return REFERENCE.sub(lambda found: _read(found[1], found[2]), self.written)


class Secret(msgspec.Struct, frozen=True):
    """A reference to a secret; nothing that shows it shows its value."""

    reference: str

    def reveal(self) -> str:
        """Return the secret. Raises SettingError, for an empty one too: a client would take it for none."""
        value = REFERENCE.sub(lambda found: _read(found[1], found[2]), self.reference)
        if not value:
            raise SettingError(f"the island file names {self.reference}, which is empty")
        return value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def _read(kind: str, name: str) -> str:
    if kind == "env":
        if name not in os.environ:
            raise SettingError(f"the island file names ${{env:{name}}}, and there is no such variable: set it")
        return os.environ[name]
    try:
        return Path(name).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"the island file names ${{file:{name}}}, which cannot be read") from error


def _plain(url: str, whose: str) -> str:
    if has_credentials(url) or "?" in url or "#" in url:
        raise SettingError(
            f"the {whose}'s address has credentials or a query in it: write username and password by reference"
        )
    return url


class Security(msgspec.Struct, frozen=True):
    """How a broker is spoken to; certificates are always checked."""

    protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: Secret | None = None
    password: Secret | None = None
    ca: Text | None = None
    """Path of the certificates that are trusted; None: the system's."""
    certificate: Text | None = None
    key: Text | None = None
    key_password: Secret | None = None


class Broker(msgspec.Struct, frozen=True):
    """The island's Kafka."""

    bootstrap: Text
    """host:port, several with commas."""
    security: Security = Security()

    def endpoints(self) -> list[str]:
        """Return host:port of each broker. Raises SettingError, which does not say it, for what is none."""
        found = [one.strip() for one in self.bootstrap.value().split(",")]
        if not all(is_endpoint(one) for one in found):
            raise SettingError(
                "`bootstrap` is not `host:port`, several with commas: username and password belong to `security`"
            )
        return found


class Registry(msgspec.Struct, frozen=True):
    """The island's schema registry (Confluent-compatible)."""

    url: Text
    username: Secret | None = None
    password: Secret | None = None
    ca: Text | None = None

    def address(self) -> str:
        """Return the URL without a slash at its end. Raises SettingError when there are credentials or a query in it."""
        return _plain(self.url.value(), "registry").rstrip("/")


class Catalog(msgspec.Struct, frozen=True):
    """The catalog of the tables, in pyiceberg's words."""

    type: Literal["sql", "rest"]
    uri: Text
    username: Secret | None = None
    password: Secret | None = None
    properties: dict[str, Text] = {}
    secrets: dict[str, Secret] = {}
    """Properties by reference."""

    def address(self) -> str:
        """Return the URI. Raises SettingError when there are credentials in it, and in one of REST for any query."""
        uri = self.uri.value()
        if self.type == "rest":
            return _plain(uri, "catalog")
        if has_credentials(uri):
            raise SettingError("the catalog's address has credentials in it: write username and password by reference")
        return uri


class Pace(msgspec.Struct, frozen=True):
    """How much at once. A batch ends at the first of its three bounds; tables are committed every so often."""

    rows: int = 50_000
    bytes: int = 33_554_432
    seconds: float = 1.0
    table_seconds: float = 60.0
    pending: int = 300
    """Batches that may wait for their tables before consuming stops: what a catalog that is away costs at most."""


class Status(msgspec.Struct, frozen=True):
    """How the service is watched."""

    listen: str | None = None
    """host:port of `/metrics`, `/health/live`, `/health/ready` and `/status`; None: nothing listens."""
    log: Literal["text", "json"] = "text"


class Patience(msgspec.Struct, frozen=True):
    """How long is waited. A call that exceeds its limit ends the process: a restart is cheap and safe."""

    call_seconds: float = 30.0
    transaction_seconds: float = 60.0
    session_seconds: float = 30.0
    stop_seconds: float = 8.0


def exposed(island: Island) -> list[str]:
    """Return what is spoken in plain text to a host that is not this one, in words. Raises SettingError."""
    found = []
    if island.kafka.security.protocol in {"plaintext", "sasl_plaintext"}:
        hosts = [host for host in island.kafka.endpoints() if not _is_here(f"//{host}")]
        found += [f"Kafka at {host} is spoken to in plain text" for host in hosts]
    if island.registry is not None:
        url = island.registry.address()
        if url.startswith("http://") and not _is_here(url):
            found.append(f"the registry at {url} is spoken to in plain text")
    if island.catalog is not None and island.catalog.type == "rest":
        uri = island.catalog.address()
        if uri.startswith("http://") and not _is_here(uri):
            found.append(f"the catalog at {uri} is spoken to in plain text")
    return found


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Island(msgspec.Struct, frozen=True):
    """One region's deployment of any job."""

    name: str
    kafka: Broker
    registry: Registry | None = None
    warehouse: str = "warehouse"
    """The folder of the tables, relative to the repository."""
    catalog: Catalog | None = None
    """None: a SQLite file in the warehouse."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a partition begins that nothing was consumed of yet."""
    pace: Pace = Pace()
    patience: Patience = Patience()
    status: Status = Status()

"""What every client of an island's broker is made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacet_runtime.plan.island import Broker

SECRET = ("sasl.username", "sasl.password", "ssl.key.password")
"""Settings that are never shown."""


def settings(broker: Broker) -> dict[str, Any]:
    """Return what every client is made with. Raises SettingError for a reference that leads nowhere, or to no address."""
    security = broker.security
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(broker.endpoints()),
        "security.protocol": security.protocol,
        "log_level": 0,  # what it says comes as errors, too; its lines would be none of the log's
        "socket.timeout.ms": 20_000,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
    }
    secrets = dict(zip(SECRET, (security.username, security.password, security.key_password), strict=True))
    found |= {name: secret.reveal() for name, secret in secrets.items() if secret is not None}
    paths = {
        "ssl.ca.location": security.ca,
        "ssl.certificate.location": security.certificate,
        "ssl.key.location": security.key,
    }
    found |= {name: path.value() for name, path in paths.items() if path is not None}
    if security.mechanism is not None:
        found["sasl.mechanism"] = security.mechanism
    return found

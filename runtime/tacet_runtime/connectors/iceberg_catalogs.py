"""An island's catalog, when it is not the warehouse's own file: PostgreSQL (or what SQLAlchemy speaks), or REST.

pyiceberg waits for ever for a peer that does not answer: here every request has a limit. What fails is said without the
address's credentials.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pyiceberg.catalog.rest import RestCatalog
from requests.adapters import HTTPAdapter
from requests.exceptions import ReadTimeout
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tacet_runtime.connectors.iceberg import CATALOG, TableError, location_of, open_catalog, sql_catalog
from tacet_runtime.connectors.patience import within
from tacet_runtime.plan.island import SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.catalog import Catalog
    from requests import PreparedRequest, Response, Session

    from tacet_runtime.plan import island as p

SHARE = 3
"""A request to the catalog may take this part of a call's limit: a commit is several of them."""


def open_of_island(island: p.Island, warehouse: Path) -> Catalog:
    """Open the island's catalog; its own file in the warehouse by default. Raises SettingError, TableError."""
    settings, place = island.catalog, location_of(warehouse)
    if settings is None:
        try:
            return open_catalog(warehouse)
        except SQLAlchemyError as error:
            raise _unusable(f"in {warehouse}", error) from error
    properties = {name: value.value() for name, value in settings.properties.items()}
    properties |= {name: secret.reveal() for name, secret in settings.secrets.items()}
    seconds = max(1, int(island.patience.call_seconds / SHARE))
    if settings.type == "rest":
        return _rest({**properties, "uri": settings.address()}, seconds)
    return _sql(settings, {"warehouse": place, **properties}, seconds)


def _sql(settings: p.Catalog, properties: dict[str, str], seconds: int) -> Catalog:
    try:
        url = make_url(settings.address())
    except ArgumentError as error:
        raise SettingError(
            "the catalog's `uri` is no address of a database: postgresql+psycopg2://HOST/NAME"
        ) from error
    if url.password is not None:
        raise SettingError("the catalog's address has credentials in it: write username and password by reference")
    if settings.username is not None and settings.password is not None:
        url = url.set(username=settings.username.reveal(), password=settings.password.reveal())
    if url.get_backend_name() == "postgresql":
        limits = {"connect_timeout": str(max(2, seconds)), "tcp_user_timeout": str(seconds * 1_000)}
        limits["options"] = f"-c statement_timeout={seconds * 1_000} -c lock_timeout={seconds * 1_000}"
        url = url.update_query_dict({name: value for name, value in limits.items() if name not in url.query})
    try:
        if url.get_backend_name() == "postgresql" and url.get_driver_name() == "psycopg2":
            from tacet_runtime.connectors.patient_psycopg2 import limit  # noqa: PLC0415  (an extra)

            limit(seconds)
        return sql_catalog(
            **{"pool_pre_ping": "true", **properties, "uri": url.render_as_string(hide_password=False)},
        )
    except ModuleNotFoundError as error:
        if error.name == "psycopg2":
            raise TableError(
                "a catalog in PostgreSQL needs the extra: pip install 'tacet-contracts[postgres]'"
            ) from error
        package = f"{url.drivername} needs the Python package {error.name}"
        raise TableError(f"the catalog's {package}: install it, or name another driver in `uri`") from error
    except SQLAlchemyError as error:
        raise _unusable(f"at {url.host or url.database}", error) from error


def _unusable(where: str, error: SQLAlchemyError) -> TableError:
    return TableError(f"the catalog {where} cannot be used: {cause(error)}")


def cause(error: Exception) -> str:
    """Return why a catalog failed, in one line: without the statement or the address, which may hold what was sent."""
    if isinstance(error, ValidationError):
        return "what it answers is no table"
    driver = getattr(error, "orig", None)
    if driver is None and type(error).__module__.partition(".")[0] in {"requests", "sqlalchemy"}:
        return type(error).__name__
    said = str(driver or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _rest(properties: dict[str, str], seconds: int) -> Catalog:
    class Limited(RestCatalog):
        """Each request has a limit: from the first, which asks for the configuration and a token."""

        def _config_headers(self, session: Session) -> None:
            super()._config_headers(session)
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Limit(seconds))

    where = properties["uri"]
    try:
        return Limited(CATALOG, **properties)
    except Exception as error:  # requests', pyiceberg's and pydantic's: all say that it is no catalog, or not now
        raise TableError(f"the catalog at {where} cannot be used: {type(error).__name__}") from error


class _Limit(HTTPAdapter):
    """Gives each request a time limit, its whole answer included."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """See HTTPAdapter."""
        if options.get("timeout") is None:
            options["timeout"] = self._seconds
        send = partial(super().send, request, *args, **options)

        def ask() -> Response:
            response = send()
            response.content  # noqa: B018  (it is read here, and kept)
            return response

        try:
            return within(self._seconds, ask)
        except TimeoutError as error:
            raise ReadTimeout(error, request=request) from error

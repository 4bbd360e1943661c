"""What can fail outside, as one exception: the command ends with 3 and its message, a program catches `Outside`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacet.console import Outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def outside(warehouse: Path, catalog: str = "") -> Iterator[None]:
    """Turn failures of files, tables, lookups, locks and disks into Outside, which names the thing.

    `warehouse` is named where the system does not say which file it was, `catalog` where it is not the warehouse's own.
    Whatever fails, nothing half-done is in a table; what fails in a run says up to which position everything is.
    """
    import duckdb
    from pydantic import ValidationError
    from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, RESTError
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    from tacet_runtime.connectors.files import SourceError
    from tacet_runtime.connectors.iceberg import TableError
    from tacet_runtime.connectors.iceberg_catalogs import cause
    from tacet_runtime.connectors.lookups import LookupError_
    from tacet_runtime.engines.workers import WorkerDied
    from tacet_runtime.exactly_once import Gap
    from tacet_runtime.history import NotKept
    from tacet_runtime.ledger import LedgerError
    from tacet_runtime.locking import Busy
    from tacet_runtime.plan.island import SettingError

    where = catalog or f"the catalog in {warehouse}"
    if warehouse.exists() and not warehouse.is_dir():
        raise Outside(
            f"{warehouse} is no folder: `--warehouse` names the folder that holds the tables, or is to hold them"
        )
    try:
        yield
    except NoSuchTableError as error:
        raise Outside(f"the job has never run in {warehouse}: {error}") from error
    except SQLAlchemyError as error:
        raise Outside(_told(f"{where} cannot be used: {cause(error)}", error)) from error
    except (RESTError, RequestException) as error:  # their texts may hold what was sent
        raise Outside(f"{where} cannot be used: {type(error).__name__}") from error
    except ValidationError as error:
        raise Outside(
            f"{where} cannot be used: {cause(error)}; does something else answer for it (a login page, a gateway)?"
        ) from error
    except CommitFailedException as error:
        raise Outside(f"another writer was quicker: run the same command again ({error})") from error
    except (
        SourceError, LookupError_, TableError, SettingError, Busy, Gap, WorkerDied, LedgerError, NotKept, duckdb.Error,
    ) as error:  # fmt: skip
        raise Outside(_told(str(error), error)) from error
    except OSError as error:
        raise Outside(_told(f"{error.strerror or error}: {error.filename or warehouse}", error)) from error


def _told(what: str, error: Exception) -> str:
    """Return what failed, and what its notes say: how far a run had come."""
    return "; ".join([what, *getattr(error, "__notes__", ())])


def existing(warehouse: Path) -> None:
    """Raise Outside when there is no warehouse."""
    if not (warehouse / "catalog.db").exists():
        raise Outside(f"there is no warehouse in {warehouse}: `tacet run` makes one, `--warehouse` names another")

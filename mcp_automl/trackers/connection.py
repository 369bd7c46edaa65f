"""A client of MLflow: its import, its settings, and its database's first minutes."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import without_passwords

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"

LOCK_SECONDS = 60.0
"""How long to wait while another process makes the database's schema, which takes about 4 s."""

OPEN_SECONDS = 5.0
"""How long to wait for a database that another process writes to."""

REFUSALS = {"INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}
"""What MLflow says to a request that it will never grant."""

ENVIRONMENT = {
    # MLflow's own: seven retries of 120 s each, which is an hour for a server that is not there.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
"""What holds where the user has set nothing else; MLflow reads some of it on import."""


def connect(uri: str) -> "MlflowClient":
    """Returns a client whose database, if it is a file, exists and has its schema.

    Raises:
        TrackerUnavailable: the database cannot be opened, or its schema is another version's.
    """
    _prepare_import()
    from mlflow import MlflowClient

    path = sqlite_path(uri)
    try:
        if path is None:
            return MlflowClient(uri, registry_uri=uri)
        return _connect_to_file(f"{SQLITE}{path}", path)
    # A boundary: there is no telling what SQLAlchemy, Alembic and the file system raise for a
    # database that is locked, broken, newer, or not there. It is tried again later in any case.
    except Exception as error:
        raise unavailable(uri, error) from error


def sqlite_path(uri: str) -> Path | None:
    """Where the database is, absolute, or None if it is no SQLite file."""
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()


def unavailable(uri: str, error: Exception) -> TrackerUnavailable:
    """The error to raise: it names the place, without a password, and the cause's last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = lines[-1] if lines else type(error).__name__
    message = f"MLflow at {uri} cannot be reached: {cause}; entries wait on disk and are sent later"
    return TrackerUnavailable(without_passwords(message))


def _prepare_import() -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Migrations announce themselves one by one.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _connect_to_file(uri: str, path: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that make the schema of one new file at once: one of them fails.
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=LOCK_SECONDS):
        # MLflow tries for 100 s to open what cannot be opened, so this looks first.
        with closing(sqlite3.connect(path, timeout=OPEN_SECONDS)) as database:
            database.execute("PRAGMA schema_version")
        return MlflowClient(uri, registry_uri=uri)

"""Our tables in the study database: made, versioned and opened with the standard library alone.

Three processes that open a new Optuna file at once crash on its schema, so whatever changes a
schema (ours here, Optuna's in `engine.py`) happens under one lock file beside the database. Our
version is one number in `automl_schema`, and not Alembic's, whose table belongs to Optuna.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mcp_automl.domain.errors import NewerDatabase
from mcp_automl.stores.filesystem import is_remote

BUSY_SECONDS = 30.0
"""How long a connection waits for another one's write; ours take milliseconds."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE automl_studies (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            name_key TEXT NOT NULL UNIQUE,
            model TEXT NOT NULL,
            spec TEXT NOT NULL,
            n_trials INTEGER NOT NULL,
            cost_budget_usd REAL,
            owner TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            data TEXT NOT NULL DEFAULT '',
            arguments TEXT NOT NULL DEFAULT '{}',
            created_at REAL NOT NULL,
            started_at REAL,
            ended_at REAL,
            revision INTEGER NOT NULL DEFAULT 1
        )
        """,
        """
        CREATE TABLE automl_attempts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            study_id INTEGER NOT NULL REFERENCES automl_studies(id),
            trial INTEGER NOT NULL,
            slot TEXT NOT NULL,
            device TEXT NOT NULL,
            shared INTEGER NOT NULL,
            usd_per_hour REAL NOT NULL,
            pid INTEGER NOT NULL,
            process_started REAL NOT NULL,
            started_at REAL NOT NULL,
            alive_at REAL NOT NULL,
            new_epochs INTEGER NOT NULL DEFAULT 0,
            ended_at REAL,
            cost_usd REAL,
            outcome TEXT,
            state TEXT,
            value REAL,
            reason TEXT
        )
        """,
        "CREATE INDEX automl_attempts_trial ON automl_attempts (study_id, trial)",
        """
        CREATE UNIQUE INDEX automl_attempts_open ON automl_attempts (study_id, trial)
        WHERE ended_at IS NULL
        """,
        """
        CREATE TABLE automl_measurements (
            study_id INTEGER NOT NULL REFERENCES automl_studies(id),
            trial INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            metrics TEXT NOT NULL,
            seconds REAL NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (study_id, trial, epoch)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE automl_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL)",
        """
        CREATE TABLE automl_orchestrator (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            version TEXT NOT NULL,
            started_at REAL NOT NULL,
            alive_at REAL NOT NULL,
            settings TEXT NOT NULL
        )
        """,
    ),
    (
        "ALTER TABLE automl_studies ADD COLUMN stop_requested INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE automl_orchestrator ADD COLUMN tracking TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE automl_orchestrator ADD COLUMN leave_for TEXT NOT NULL DEFAULT ''",
    ),
    ("ALTER TABLE automl_studies ADD COLUMN max_cost_per_trial_usd REAL",),
    (
        "ALTER TABLE automl_studies ADD COLUMN deleted_at REAL",
        "ALTER TABLE automl_studies ADD COLUMN namesakes INTEGER NOT NULL DEFAULT 0",
    ),
    ("ALTER TABLE automl_studies ADD COLUMN kind TEXT NOT NULL DEFAULT 'study'",),
    (
        "ALTER TABLE automl_studies ADD COLUMN sampler TEXT NOT NULL DEFAULT 'tpe'",
        "ALTER TABLE automl_studies ADD COLUMN pruner TEXT NOT NULL DEFAULT 'median'",
    ),
    # What a status asks of all attempts is answered by this index alone.
    (
        """
        CREATE INDEX automl_attempts_course
        ON automl_attempts (study_id, id, state, trial, cost_usd, ended_at)
        """,
    ),
)
"""Step n leads from version n to n + 1. Never change one that was released: add another.

A newer server takes them while an older orchestrator still writes, so a step only adds, and what is
added has a default; every INSERT names its columns.
"""


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Opens the database, which must exist, in autocommit mode.

    Read-only means that writes are refused, not that the file is opened so: a reader must be able
    to roll back what a killed writer left behind.
    """
    connection = open_file(path, create=False)
    connection.isolation_level = None
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    if readonly:
        connection.execute("PRAGMA query_only = ON")
    return connection


def open_file(path: Path, *, create: bool) -> sqlite3.Connection:
    """A bare connection that any one thread at a time may use, as Optuna's engine wants them."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    # In WAL mode this loses no committed transaction to a crash of a process, only to one of the
    # machine, and then no consistency.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def prepare(path: Path) -> None:
    """Makes the workspace folder, the database and our tables, or brings them up to date.

    Raises:
        NewerDatabase: a newer mcp-automl has written it.
        OSError, sqlite3.Error: the folder or the file cannot be used.
    """
    if path.exists() and _version_of(path) == len(STEPS):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with schema_lock(path), closing(open_file(path, create=True)) as connection:
        os.chmod(path, 0o600)
        journal = "DELETE" if is_remote(path.parent) else "WAL"
        connection.execute(f"PRAGMA journal_mode = {journal}")
        _migrate(connection)


@contextmanager
def schema_lock(path: Path) -> Iterator[None]:
    """Held by the one process that may change a schema in the database."""
    # Not needed once the tables exist, and then not worth its import.
    from filelock import FileLock

    with FileLock(path.parent / ".schema.lock"):
        yield


def _version_of(path: Path) -> int:
    with closing(open_file(path, create=False)) as connection:
        return _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    """Our tables' version; 0 where there are none."""
    if not has_table(connection, "automl_schema"):
        return 0
    (version,) = connection.execute("SELECT version FROM automl_schema").fetchone()
    if version > len(STEPS):
        raise NewerDatabase
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    for step in STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("CREATE TABLE IF NOT EXISTS automl_schema (version INTEGER NOT NULL)")
    connection.execute("DELETE FROM automl_schema")
    connection.execute("INSERT INTO automl_schema VALUES (?)", (len(STEPS),))
    connection.execute("COMMIT")


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a table exists; Optuna's do not until the first study was started."""
    found = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(found, (name,)).fetchone() is not None

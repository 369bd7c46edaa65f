"""The study database as one thing to read from and write to; failures become sentences."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcp_automl.domain.errors import WorkspaceUnusable
from mcp_automl.stores import schema

_TROUBLE = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CORRUPT: "it is corrupt",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_READONLY: "it cannot be written",
}
"""What is the workspace's trouble and not a mistake of ours."""


@dataclass(slots=True)
class Database:
    """Opens one connection per use: they are cheap, and a replaced file is noticed.

    Nothing happens before the first use, so that a server starts in an unusable workspace and says
    what is wrong with it when it is asked something.
    """

    path: Path
    _prepared: bool = field(default=False, init=False)
    _held: threading.local = field(default_factory=threading.local, init=False, repr=False)
    """A thread's `connection`, while it has a view."""

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write, with one consistent view of the database.

        Raises:
            WorkspaceUnusable, NewerDatabase: and the message says what to do.
        """
        held: sqlite3.Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._connection(readonly=True) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def view(self) -> Iterator[None]:
        """Within it, all reads of this thread share one connection and see one state.

        For who reads very often: a connection costs half a millisecond. Without WAL, whoever writes
        waits for its end, so that nothing may be written within it.
        """
        with self.read() as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, or, if anything is raised, not at all.

        Raises:
            WorkspaceUnusable, NewerDatabase: and the message says what to do.
        """
        with self._connection(readonly=False) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def prepare(self) -> None:
        """Makes sure that the database exists and has our tables.

        Raises:
            WorkspaceUnusable, NewerDatabase: and the message says what to do.
        """
        with self._explained():
            self._prepare()

    def _prepare(self) -> None:
        if not (self._prepared and self.path.exists()):
            schema.prepare(self.path)
            self._prepared = True

    @contextmanager
    def _connection(self, *, readonly: bool) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._prepare()
            with closing(schema.connect(self.path, readonly=readonly)) as connection:
                yield connection

    def explain(self, error: BaseException | None) -> WorkspaceUnusable | None:
        """The error as a sentence, if it or what it was raised from is the workspace's trouble."""
        while error is not None and not isinstance(error, sqlite3.Error):
            error = error.__cause__
        trouble = None if error is None else _trouble(error)
        return None if trouble is None else self._unusable(f"{trouble} ({error})")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            explained = self.explain(error)
            if explained is None:
                raise
            raise explained from error
        except WorkspaceUnusable:
            raise
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _unusable(self, trouble: str) -> WorkspaceUnusable:
        return WorkspaceUnusable(
            f"The study database {self.path} cannot be used: {trouble}. Mend that, or use another "
            "folder that you can write to by setting MCP_AUTOML_HOME=/path/to/folder"
        )


def _trouble(error: sqlite3.Error) -> str | None:
    # Errors that the `sqlite3` module raises itself carry no code; extended codes hide in the
    # upper bytes.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _TROUBLE.get(code & 0xFF)

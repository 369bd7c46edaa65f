"""Noticing that the database has changed: SQLite tells nobody, so it is asked, at one place.

`PRAGMA data_version` on a connection that stays open changes whenever another connection has
committed, and costs 50 microseconds.
"""

import sqlite3
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_automl.stores import schema
from mcp_automl.stores.database import Database

POLL_SECONDS = 0.1

ANYTHING = "SELECT 0"
"""Watches every write."""

INTENTIONS = "SELECT COUNT(*), TOTAL(revision) FROM automl_studies"
"""Watches what is asked for; an orchestrator that noticed its own writes would never be idle."""


class SqliteChanges:
    """A `Changes` over the database; one task at a time may await it.

    The first call returns at once: whatever was written before counts as a change.

    Args:
        path: the database; made where there is none.
        watch: a query with one row; while that stays the same, nothing has changed. `ANYTHING` for
            every write.
    """

    def __init__(self, path: Path, *, watch: str = ANYTHING) -> None:
        self._database = Database(path)
        self._watch = watch
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._row: tuple[object, ...] | None = None

    async def changed(self) -> None:
        while not await to_thread.run_sync(self._has_changed):  # noqa: ASYNC110 (see the top)
            await anyio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Gives the connection back; a later `changed` opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = self._row = None

    def _has_changed(self) -> bool:
        try:
            return self._look()
        except sqlite3.Error:
            # Locked or gone: whoever reads next will say so. Look again with a new connection.
            self.close()
            return False

    def _look(self) -> bool:
        if self._connection is None:
            self._database.prepare()
            self._connection = schema.connect(self._database.path, readonly=True)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return False
        self._version = version
        row = tuple(self._connection.execute(self._watch).fetchone())
        is_new = self._watch == ANYTHING or row != self._row
        self._row = row
        return is_new

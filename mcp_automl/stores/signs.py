"""The row of `automl_orchestrator`: who runs this workspace, and whether it is asked to leave."""

import json
import sqlite3

from mcp_automl.domain.workspace import OrchestratorSign


def write(connection: sqlite3.Connection, sign: OrchestratorSign) -> str:
    """Signs; returns the version for which the signer is asked to leave, or nothing."""
    connection.execute(
        """
        INSERT INTO automl_orchestrator
            (id, host, pid, version, started_at, alive_at, settings, tracking)
        VALUES (1, :host, :pid, :version, :started_at, :alive_at, :settings, :tracking)
        ON CONFLICT (id) DO UPDATE SET
            leave_for = CASE WHEN (host, pid) = (:host, :pid)
                THEN leave_for ELSE '' END,
            host = :host, pid = :pid, version = :version, started_at = :started_at,
            alive_at = :alive_at, settings = :settings, tracking = :tracking
        """,
        {
            "host": sign.host,
            "pid": sign.pid,
            "version": sign.version,
            "started_at": sign.started_at,
            "alive_at": sign.alive_at,
            "settings": json.dumps(dict(sign.settings)),
            "tracking": sign.tracking,
        },
    )
    (leave_for,) = connection.execute("SELECT leave_for FROM automl_orchestrator").fetchone()
    return str(leave_for)


def read(connection: sqlite3.Connection) -> OrchestratorSign | None:
    row = connection.execute("SELECT * FROM automl_orchestrator").fetchone()
    if row is None:
        return None
    return OrchestratorSign(
        host=row["host"],
        pid=row["pid"],
        version=row["version"],
        started_at=row["started_at"],
        alive_at=row["alive_at"],
        settings=json.loads(row["settings"]),
        tracking=row["tracking"],
    )


def ask_to_leave(connection: sqlite3.Connection, sign: OrchestratorSign, version: str) -> bool:
    """Asks that orchestrator and no other one; False if it is asked already, or was followed."""
    cursor = connection.execute(
        """
        UPDATE automl_orchestrator SET leave_for = ?
        WHERE leave_for = '' AND (host, pid) = (?, ?)
        """,
        (version, sign.host, sign.pid),
    )
    return cursor.rowcount == 1

"""When trials held their slots, for who draws it."""

import sqlite3

from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.stores import trials


def latest(connection: sqlite3.Connection, study: Study, most: int) -> tuple[list[Occupation], int]:
    """The latest attempts, oldest first, and how many there are; one that runs lasts until now."""
    total = "SELECT COUNT(*) FROM automl_attempts WHERE study_id = ? AND slot != ''"
    query = """
        SELECT trial, slot, started_at, COALESCE(ended_at, alive_at) AS until,
               COALESCE(state, 'RUNNING') AS state
        FROM automl_attempts WHERE study_id = ? AND slot != '' ORDER BY id DESC LIMIT ?
    """
    rows = connection.execute(query, (study.id, most)).fetchall()
    found = [
        Occupation(
            trial=row["trial"],
            slot=row["slot"],
            started_at=row["started_at"],
            ended_at=max(row["started_at"], row["until"]),
            state=TrialState(row["state"]),
        )
        for row in reversed(rows)
    ]
    return found, int(connection.execute(total, (study.id,)).fetchone()[0])


def of_plain_optuna(
    connection: sqlite3.Connection, study: Study, most: int
) -> tuple[list[Occupation], int]:
    """The same of a study that knows when its finished trials began and ended, and no slots."""
    finished = [state for state in TrialState if state.is_finished]
    found = [
        Occupation(
            trial=trial.number,
            slot="",
            started_at=trial.started_at,
            ended_at=max(trial.started_at, trial.ended_at),
            state=trial.state,
        )
        for trial in trials.in_states(connection, study, finished)
        if trial.started_at is not None and trial.ended_at is not None
    ]
    return found[-most:], len(found)

"""Why trials have failed, read from their attempts."""

import sqlite3
from collections.abc import Iterator

from mcp_automl.domain.study import Study, TrialState


def latest(connection: sqlite3.Connection, study: Study) -> tuple[str, ...]:
    """Reasons of the latest FAILs without a COMPLETE or PRUNED between them, oldest first.

    Of a training job those of all: none of its trainings is made up for by another.
    """
    in_a_row = study.config.job is None
    return tuple(reversed(list(_failures_newest_first(connection, study.id, in_a_row=in_a_row))))


def _failures_newest_first(
    connection: sqlite3.Connection, study_id: int, *, in_a_row: bool
) -> Iterator[str]:
    query = """
        SELECT state, reason FROM automl_attempts
        WHERE study_id = ? AND state IN ('COMPLETE', 'PRUNED', 'FAIL')
        ORDER BY ended_at DESC, id DESC
    """
    for state, reason in connection.execute(query, (study_id,)):
        if state == TrialState.FAIL.value:
            yield reason
        elif in_a_row:
            return

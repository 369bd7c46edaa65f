"""Deleting a study by SQL: what it cost stays, everything else leaves both halves of the database.

Theory of operation
-------------------
A server deletes, without Optuna, and an orchestrator may live that knows the study. It is one
transaction, and only of a study that has ended, so that nobody trains or stores anything of it.

Ours: the study's row stays under another name, which no study can have, and frees its own. Its
attempts keep when and where they ran and what they cost: the sums of `accounts.py` are made of
these. Measurements go. Entries for the tracker stay and are delivered: its runs stay, too, and one
that never heard of its end would seem to run for ever.

Optuna's: its study is known by its name and by the attribute that `engine.py` gives it. One of that
name alone may be somebody else's, and one with that attribute alone a copy. SQLite gives the ids of
what is deleted to what is made next; Optuna's cache in a living orchestrator bears that, as it
begins anew with every study and trial it makes.

An orchestrator may have read the study as QUEUED, before it was stopped and deleted, and open it
only then, which makes Optuna's study once more. It finds that out in the transaction in which it
would start the study, and takes it away again; recovery does so after a kill between the two. (A
kill in the few milliseconds before Optuna's study says whose it is leaves an empty one of nobody.)
"""

import sqlite3

from mcp_automl.domain.costs import MARK
from mcp_automl.domain.study import Study
from mcp_automl.stores.schema import has_table

OF_TRIALS = (
    "trial_heartbeats",
    "trial_intermediate_values",
    "trial_params",
    "trial_system_attributes",
    "trial_user_attributes",
    "trial_values",
)
OF_STUDIES = (
    "trials",
    "study_directions",
    "study_system_attributes",
    "study_user_attributes",
    "studies",
)
"""Optuna's tables that refer to its trials, and those that name a study, in the order to delete."""

_DELETED = f"""
    SELECT o.study_id FROM studies o
    JOIN study_user_attributes a ON a.study_id = o.study_id AND a.key = 'automl_study'
    JOIN automl_studies s ON CAST(s.id AS TEXT) = a.value_json
    WHERE s.deleted_at IS NOT NULL AND s.name = o.study_name || '{MARK}'
"""
_UNDESCRIBED = """
    SELECT s.study_id FROM studies s
    WHERE s.study_name = ? AND NOT EXISTS (SELECT 1 FROM trials WHERE study_id = s.study_id)
        AND NOT EXISTS (SELECT 1 FROM study_user_attributes WHERE study_id = s.study_id)
"""


def is_at_rest(connection: sqlite3.Connection, study: Study) -> bool:
    """Whether it has ended, and no attempt is open whose end somebody will store."""
    query = "SELECT 1 FROM automl_attempts WHERE study_id = ? AND ended_at IS NULL LIMIT 1"
    is_open = connection.execute(query, (study.id,)).fetchone() is not None
    return not (study.state.should_run or is_open)


def delete(connection: sqlite3.Connection, study: Study, at: float) -> int:
    """Deletes a study of ours that is at rest; returns how many trials it had."""
    # What others may have left shall not be counted.
    clear_optuna(connection)
    _delete_ours(connection, study, at)
    return clear_optuna(connection, named=study.config.name)


def _delete_ours(connection: sqlite3.Connection, study: Study, at: float) -> None:
    connection.execute("DELETE FROM automl_measurements WHERE study_id = ?", (study.id,))
    connection.execute(
        """
        UPDATE automl_attempts SET outcome = NULL, state = NULL, value = NULL, reason = NULL
        WHERE study_id = ?
        """,
        (study.id,),
    )
    connection.execute(
        """
        UPDATE automl_studies
        SET name = name || :mark, name_key = name_key || :mark || ' ' || id, deleted_at = :at,
            data = '', arguments = '{}', reason = '', revision = revision + 1
        WHERE id = :id
        """,
        {"id": study.id, "mark": MARK, "at": at},
    )


def clear_optuna(connection: sqlite3.Connection, named: str | None = None) -> int:
    """Deletes Optuna's half of all studies whose own half is deleted; returns how many trials.

    Args:
        named: also what an orchestrator made under that name, killed before it said whose it is.
    """
    if not has_table(connection, "studies"):
        return 0
    found = connection.execute(f"{_DELETED} UNION {_UNDESCRIBED}", (named,)).fetchall()
    return sum(_delete_optuna(connection, optuna_study) for (optuna_study,) in found)


def _delete_optuna(connection: sqlite3.Connection, optuna_study: int) -> int:
    for table in OF_TRIALS:
        of_study = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)"
        connection.execute(f"DELETE FROM {table} WHERE {of_study}", (optuna_study,))
    trials, *others = (f"DELETE FROM {table} WHERE study_id = ?" for table in OF_STUDIES)
    n_trials = connection.execute(trials, (optuna_study,)).rowcount
    for statement in others:
        connection.execute(statement, (optuna_study,))
    return n_trials


def namesakes(connection: sqlite3.Connection, name: str) -> int:
    """How many studies of that name were deleted, upper and lower case ignored."""
    query = "SELECT COUNT(*) FROM automl_studies WHERE deleted_at IS NOT NULL AND lower(name) = ?"
    return int(connection.execute(query, (f"{name}{MARK}".lower(),)).fetchone()[0])


def all_deleted(connection: sqlite3.Connection) -> list[int]:
    """Ids of deleted studies."""
    query = "SELECT id FROM automl_studies WHERE deleted_at IS NOT NULL"
    return [int(study_id) for (study_id,) in connection.execute(query)]

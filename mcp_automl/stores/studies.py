"""Rows of `automl_studies` as studies, and the changes that are made to them.

A training job is a study of another kind: its trials are given, and it is named by us.
"""

import sqlite3
from collections.abc import Sequence

from mcp_automl.domain.errors import StudyNotFound
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.study import STOPPED_BY_USER, Study, StudyConfig, StudyState, Target
from mcp_automl.stores import codec, deletion

_FROM = "FROM automl_studies WHERE deleted_at IS NULL"
"""Studies that there are: of a deleted one a row is left, for its costs; see `deletion.py`."""

_RUNNABLE = tuple(state.value for state in StudyState if state.should_run)


def of_all_kinds(connection: sqlite3.Connection) -> list[Study]:
    """Studies and training jobs, oldest first."""
    return [_study(row) for row in connection.execute(f"SELECT * {_FROM} ORDER BY id")]


def latest_jobs(connection: sqlite3.Connection, limit: int) -> list[Study]:
    """Training jobs, newest first."""
    query = "SELECT * FROM automl_studies WHERE kind = 'job' ORDER BY id DESC LIMIT ?"
    return [_study(row) for row in connection.execute(query, (limit,))]


def runnable(connection: sqlite3.Connection) -> list[Study]:
    """Those that an orchestrator should be running, oldest first."""
    query = f"SELECT * {_FROM} AND state IN (?, ?) ORDER BY id"
    return [_study(row) for row in connection.execute(query, _RUNNABLE)]


def any_runnable(connection: sqlite3.Connection) -> bool:
    query = f"SELECT 1 {_FROM} AND state IN (?, ?) LIMIT 1"
    return connection.execute(query, _RUNNABLE).fetchone() is not None


def with_trainer(connection: sqlite3.Connection, model: str) -> list[Study]:
    """Studies with that trainer, newest first; of jobs nothing is learned."""
    query = f"SELECT * {_FROM} AND model = ? AND kind = 'study' ORDER BY id DESC"
    return [_study(row) for row in connection.execute(query, (model,))]


def named(connection: sqlite3.Connection, name: str) -> Study | None:
    """The study or job of that name, upper and lower case ignored."""
    query = f"SELECT * {_FROM} AND name_key = ?"
    row = connection.execute(query, (name.lower(),)).fetchone()
    return None if row is None else _study(row)


def by_id(connection: sqlite3.Connection, study_id: int) -> Study:
    """The study of that id.

    Raises:
        StudyNotFound: there is none, or not any more.
    """
    query = f"SELECT * {_FROM} AND id = ?"
    row = connection.execute(query, (study_id,)).fetchone()
    if row is None:
        raise StudyNotFound
    return _study(row)


def marks(connection: sqlite3.Connection) -> dict[str, object]:
    """By name, what changes with every intention, attempt and epoch of a study or job."""
    query = """
        SELECT s.name, s.state, s.revision, s.data, COUNT(a.id), TOTAL(a.new_epochs),
               COUNT(a.ended_at)
        FROM automl_studies s LEFT JOIN automl_attempts a ON a.study_id = s.id
        WHERE s.deleted_at IS NULL GROUP BY s.id
    """
    return {name: tuple(mark) for name, *mark in connection.execute(query)}


def insert(connection: sqlite3.Connection, config: StudyConfig, at: float) -> int:
    """Adds a QUEUED study and returns its id."""
    cursor = connection.execute(
        """
        INSERT INTO automl_studies
            (name, name_key, model, spec, n_trials, cost_budget_usd, max_cost_per_trial_usd,
             owner, state, created_at, kind, namesakes, sampler, pruner)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            config.name,
            config.name.lower(),
            config.model,
            codec.dump_spec(config),
            config.n_trials,
            config.cost_budget_usd,
            config.max_cost_per_trial_usd,
            config.owner,
            StudyState.QUEUED.value,
            at,
            "study" if config.job is None else "job",
            deletion.namesakes(connection, config.name),
            config.sampler.value,
            config.pruner.value,
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def retarget(connection: sqlite3.Connection, study_id: int, target: Target) -> None:
    """A new intention; a study that had ended is queued again."""
    connection.execute(
        """
        UPDATE automl_studies
        SET n_trials = COALESCE(:n_trials, n_trials),
            cost_budget_usd = COALESCE(:budget, cost_budget_usd),
            max_cost_per_trial_usd = COALESCE(:per_trial, max_cost_per_trial_usd),
            sampler = COALESCE(:sampler, sampler), pruner = COALESCE(:pruner, pruner),
            revision = revision + 1, reason = '', stop_requested = 0, ended_at = NULL,
            state = CASE state WHEN 'RUNNING' THEN state ELSE 'QUEUED' END
        WHERE id = :id
        """,
        {
            "id": study_id,
            "n_trials": target.n_trials,
            "budget": target.cost_budget_usd,
            "per_trial": target.max_cost_per_trial_usd,
            "sampler": None if target.sampler is None else target.sampler.value,
            "pruner": None if target.pruner is None else target.pruner.value,
        },
    )


def stop(connection: sqlite3.Connection, study_id: int, at: float) -> None:
    """A QUEUED study ends here and now; a RUNNING one is asked to, by whoever runs it."""
    row = {"id": study_id, "reason": STOPPED_BY_USER, "at": at}
    queued = """
        UPDATE automl_studies
        SET state = 'STOPPED', reason = :reason, ended_at = :at, revision = revision + 1
        WHERE id = :id AND state = 'QUEUED'
    """
    running = """
        UPDATE automl_studies SET stop_requested = 1, revision = revision + 1
        WHERE id = :id AND state = 'RUNNING' AND stop_requested = 0
    """
    connection.execute(queued, row)
    connection.execute(running, row)


def start(connection: sqlite3.Connection, study_id: int, at: float) -> bool:
    """Marks a study as RUNNING if it should be; True if it never was before."""
    marks = ", ".join("?" * len(_RUNNABLE))
    mark = f"UPDATE automl_studies SET state = 'RUNNING' WHERE id = ? AND state IN ({marks})"
    connection.execute(mark, (study_id, *_RUNNABLE))
    first = "UPDATE automl_studies SET started_at = ? WHERE id = ? AND started_at IS NULL"
    return connection.execute(first, (at, study_id)).rowcount == 1


def finish(
    connection: sqlite3.Connection, study: Study, state: StudyState, reason: str, at: float
) -> bool:
    """Marks a study as ended unless its intention has changed since `study` was read."""
    cursor = connection.execute(
        """
        UPDATE automl_studies SET state = ?, reason = ?, ended_at = ?, stop_requested = 0
        WHERE id = ? AND revision = ?
        """,
        (state.value, reason, at, study.id, study.revision),
    )
    return cursor.rowcount == 1


def prepared(connection: sqlite3.Connection, study_id: int, data: str, arguments: str) -> None:
    update = "UPDATE automl_studies SET data = ?, arguments = ? WHERE id = ?"
    connection.execute(update, (data, arguments, study_id))


def names(studies: Sequence[Study]) -> set[str]:
    """Names as they are compared."""
    return {study.config.name.lower() for study in studies}


def _study(row: sqlite3.Row) -> Study:
    config = codec.load_config(
        row["spec"],
        name=row["name"],
        model=row["model"],
        n_trials=row["n_trials"],
        cost_budget_usd=row["cost_budget_usd"],
        max_cost_per_trial_usd=row["max_cost_per_trial_usd"],
        owner=row["owner"],
        sampler=Sampler(row["sampler"]),
        pruner=Pruner(row["pruner"]),
    )
    return Study(
        id=row["id"],
        config=config,
        state=StudyState(row["state"]),
        reason=row["reason"],
        data=row["data"],
        arguments=codec.load_params(row["arguments"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        revision=row["revision"],
        stop_requested=bool(row["stop_requested"]),
        namesakes=row["namesakes"],
    )

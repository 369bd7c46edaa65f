"""Training jobs and the queue, as tool calls see them."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from mcp_automl.domain.queue import Holding
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study, StudyConfig, StudyState, Trial
from mcp_automl.domain.training_job import job_name
from mcp_automl.stores import archive, codec, plain, studies, trials
from mcp_automl.stores.database import Database

VERIFICATIONS = 200
"""Among how many of the latest jobs a study's verification is looked for."""


class SqliteJobs:
    """A `JobStore`; any number of processes may have one on the same file.

    Every method may raise `WorkspaceUnusable` or `NewerDatabase`; making it does not.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path)
        self._clock = clock

    def create(self, config: StudyConfig, data_of: Study | None) -> Study:
        with self._database.write() as connection:
            named = replace(config, name=_free_name(connection))
            created = studies.insert(connection, named, self._clock())
            if data_of is not None and data_of.data:
                arguments = codec.dump_params(data_of.arguments)
                studies.prepared(connection, created, data_of.data, arguments)
            return studies.by_id(connection, created)

    def find(self, job: str) -> Study | None:
        with self._database.read() as connection:
            found = studies.named(connection, job)
        return found if found is not None and found.config.job is not None else None

    def latest(self, limit: int) -> Sequence[Study]:
        with self._database.read() as connection:
            return studies.latest_jobs(connection, limit)

    def unfinished(self) -> Sequence[Study]:
        with self._database.read() as connection:
            return studies.runnable(connection)

    def verifying(self, study: Study, params: Params) -> Study | None:
        latest = self.latest(VERIFICATIONS)
        return next((it for it in latest if _verifies(it, study, params)), None)

    def runs(self, job: Study) -> Sequence[Trial]:
        with self._database.read() as connection:
            return [archive.judged(connection, job, it) for it in trials.each(connection, job)]

    def holdings(self) -> Sequence[Holding]:
        query = "SELECT * FROM automl_attempts WHERE ended_at IS NULL ORDER BY id"
        with self._database.read() as connection:
            return [_holding(connection, row) for row in connection.execute(query).fetchall()]

    def served_at(self, study: Study) -> float:
        query = "SELECT MAX(started_at) FROM automl_attempts WHERE study_id = ?"
        with self._database.read() as connection:
            (last,) = connection.execute(query, (study.id,)).fetchone()
        return max(study.created_at, last or 0.0)


def _free_name(connection: sqlite3.Connection) -> str:
    (last,) = connection.execute("SELECT COALESCE(MAX(id), 0) FROM automl_studies").fetchone()
    free = (name for name in map(job_name, count(last + 1)) if not _is_taken(connection, name))
    return next(free)


def _is_taken(connection: sqlite3.Connection, name: str) -> bool:
    # By plain Optuna, perhaps, or by a study that is older than training jobs are.
    return studies.named(connection, name) is not None or plain.has_plain(connection, name)


def _verifies(job: Study, study: Study, params: Params) -> bool:
    it = job.config.job
    assert it is not None
    return job.state is StudyState.COMPLETE and it.verified(study.id, params)


def _holding(connection: sqlite3.Connection, row: sqlite3.Row) -> Holding:
    study = studies.by_id(connection, row["study_id"])
    params = trials.numbered(connection, study, row["trial"]).params
    last = trials.last_measurement(connection, study, row["trial"])
    epochs = params.get("epochs")
    epoch_s, measured_at = _pace(connection, study, row["trial"])
    return Holding(
        study=study,
        trial=row["trial"],
        slot=row["slot"],
        device=row["device"],
        usd_per_hour=row["usd_per_hour"],
        started_at=row["started_at"],
        epoch=0 if last is None else last.epoch,
        epochs=epochs if isinstance(epochs, int) else None,
        value=None if last is None else last.value(study.config.objective),
        epoch_s=epoch_s,
        # One that was resumed has not trained in between.
        measured_at=None if measured_at is None else max(measured_at, row["started_at"]),
    )


def _pace(
    connection: sqlite3.Connection, study: Study, trial: int
) -> tuple[float | None, float | None]:
    """How long its epochs have taken on average, and when the last one ended."""
    query = "SELECT AVG(seconds), MAX(at) FROM automl_measurements WHERE study_id = ? AND trial = ?"
    average, last = connection.execute(query, (study.id, trial)).fetchone()
    return average, last

"""What the tracker is still to be told, in order; written in the transaction that makes it true."""

import sqlite3
from collections.abc import Sequence

from mcp_automl.domain.events import Record
from mcp_automl.domain.jobs import AttemptStart
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement, Study, StudyState
from mcp_automl.domain.tracking import EntryKind, Publication, TrackingEntry, tracked_as
from mcp_automl.domain.workspace import Backlog
from mcp_automl.stores import codec


def put(connection: sqlite3.Connection, entry: TrackingEntry) -> None:
    query = "INSERT INTO automl_outbox (entry) VALUES (?)"
    connection.execute(query, (codec.dump_entry(entry),))


def oldest(connection: sqlite3.Connection, limit: int) -> list[tuple[int, TrackingEntry]]:
    rows = connection.execute("SELECT id, entry FROM automl_outbox ORDER BY id LIMIT ?", (limit,))
    return [(entry_id, codec.load_entry(entry)) for entry_id, entry in rows]


def backlog(connection: sqlite3.Connection) -> Backlog:
    (entries,) = connection.execute("SELECT COUNT(*) FROM automl_outbox").fetchone()
    return Backlog(entries=entries, since=next((e.at for _, e in oldest(connection, 1)), None))


def is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM automl_outbox LIMIT 1").fetchone() is None


def remove(connection: sqlite3.Connection, entry_ids: Sequence[int]) -> None:
    ids = [(entry_id,) for entry_id in entry_ids]
    connection.executemany("DELETE FROM automl_outbox WHERE id = ?", ids)


def has_one_run(study: Study) -> bool:
    """Whether it is a job that trains once, and so is that training's run."""
    return study.config.job is not None and not study.config.job.verifies


def study_started(study: Study, at: float) -> TrackingEntry:
    config = study.config
    return TrackingEntry(
        kind=EntryKind.STUDY_STARTED,
        study=tracked_as(study),
        model=config.model,
        at=at,
        tags={**_tags(study), "model": config.model, "objective": config.objective.name},
    )


def trial_started(study: Study, start: AttemptStart, params: Params) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.TRIAL_STARTED,
        study=tracked_as(study),
        model=study.config.model,
        at=start.at,
        trial=_trial(study, start.trial),
        params={**params, **study.arguments},
        tags={**_tags(study), "trial_number": str(start.trial), "data": study.data},
    )


def measured(study: Study, trial: int, measurement: Measurement, at: float) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.MEASURED,
        study=tracked_as(study),
        model=study.config.model,
        at=at,
        trial=_trial(study, trial),
        metrics={**measurement.metrics, "seconds": measurement.seconds},
        epoch=measurement.epoch,
    )


def trial_ended(study: Study, record: Record, cost_usd: float, at: float) -> TrackingEntry:
    """Also for an interrupted trial, as WAITING: its run must not look as if it were running."""
    value = {} if record.value is None else {study.config.objective.name: record.value}
    return TrackingEntry(
        kind=EntryKind.TRIAL_ENDED,
        study=tracked_as(study),
        model=study.config.model,
        at=at,
        trial=_trial(study, record.trial),
        tags={"reason": record.reason},
        metrics={**value, "cost_usd": cost_usd},
        state=record.state.value,
    )


def study_ended(study: Study, state: StudyState, reason: str, at: float) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.STUDY_ENDED,
        study=tracked_as(study),
        model=study.config.model,
        at=at,
        tags={"reason": reason},
        state=state.value,
    )


def model(study: Study, publication: Publication, at: float) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.MODEL,
        study=tracked_as(study),
        model=study.config.model,
        at=at,
        trial=_trial(study, publication.trial),
        publication=publication,
    )


def _trial(study: Study, number: int) -> int | None:
    return None if has_one_run(study) else number


def _tags(study: Study) -> dict[str, str]:
    job = study.config.job
    if job is None:
        return {"automl": "true", "study_name": study.config.name}
    named = {"mlflow.runName": job.run_name} if job.run_name and has_one_run(study) else {}
    return {"automl": "true", "job": study.config.name, "study_name": job.of_study, **named}

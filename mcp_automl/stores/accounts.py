"""What jobs have cost, summed by the database: 100,000 attempts take it a tenth of a second.

Sums are made from attempts and from the study that each belongs to, which has its name, model and
owner. They shall outlive a study's deletion, so whoever deletes one keeps these two rows.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

from mcp_automl.domain.costs import GroupBy, Spent
from mcp_automl.domain.prices import SECONDS_PER_HOUR
from mcp_automl.domain.quote import TrialCost
from mcp_automl.domain.savings import PrunedTrial
from mcp_automl.domain.study import Study, StudyConfig
from mcp_automl.stores import attempts, codec, studies, trials
from mcp_automl.stores.database import Database

_KEYS = {
    GroupBy.STUDY: "s.name",
    GroupBy.MODEL: "s.model",
    GroupBy.OWNER: "s.owner",
    GroupBy.DAY: "date(a.started_at, 'unixepoch', 'localtime')",
}

LATEST_STUDIES = 5
LATEST_TRIALS = 200
"""From how many studies and trials, at most, it is learned what a trial costs."""

_FROM = "FROM automl_attempts a JOIN automl_studies s ON s.id = a.study_id"


class SqliteAccounts:
    """`Accounts` over the study database; any number of processes may have one.

    Every method may raise `WorkspaceUnusable` or `NewerDatabase`.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def spent(self, group_by: GroupBy, since: float | None) -> Sequence[Spent]:
        with self._database.read() as connection:
            return [
                *_closed(connection, _KEYS[group_by], since or 0.0),
                *_running(connection, _KEYS[group_by], since or 0.0),
            ]

    def finished(self, config: StudyConfig) -> Sequence[TrialCost]:
        with self._database.read() as connection:
            known = studies.with_trainer(connection, config.model)
            # The study itself first, then those that searched the same, each newest first.
            known.sort(key=lambda it: (not _is_own(it, config), not _is_alike(it, config)))
            costs = (c for it in known[:LATEST_STUDIES] for c in _finished(connection, it, config))
            return list(islice(costs, LATEST_TRIALS))

    def pruned(self, study: Study) -> Sequence[PrunedTrial]:
        with self._database.read() as connection:
            optuna_study = trials.optuna_id(connection, study)
            return [] if optuna_study is None else list(_pruned(connection, study, optuna_study))


def _closed(connection: sqlite3.Connection, key: str, since: float) -> Iterator[Spent]:
    query = f"""
        SELECT {key}, TOTAL(a.cost_usd), TOTAL(MAX(0, a.ended_at - a.started_at)), COUNT(*) {_FROM}
        WHERE a.ended_at IS NOT NULL AND a.started_at >= ? GROUP BY 1
    """
    for name, cost_usd, slot_s, jobs in connection.execute(query, (since,)):
        yield Spent(key=name, cost_usd=cost_usd, slot_s=slot_s, jobs=jobs)


def _running(connection: sqlite3.Connection, key: str, since: float) -> Iterator[Spent]:
    query = f"SELECT {key} AS key, a.* {_FROM} WHERE a.ended_at IS NULL AND a.started_at >= ?"
    for row in connection.execute(query, (since,)):
        attempt = attempts.opened(row)
        slot_s = max(0.0, attempt.alive_at - attempt.started_at)
        cost_usd = attempt.cost(attempt.alive_at)
        yield Spent(key=row["key"], cost_usd=cost_usd, slot_s=slot_s, jobs=1, running=1)


def _is_own(study: Study, config: StudyConfig) -> bool:
    return study.config.name.lower() == config.name.lower()


def _is_alike(study: Study, config: StudyConfig) -> bool:
    return _searched(study.config) == _searched(config)


def _searched(config: StudyConfig) -> tuple[object, ...]:
    """What decides what an epoch costs; how many there are is reckoned with apart."""
    space, constants = dict(config.space.parameters), dict(config.constants)
    space.pop("epochs", None)
    constants.pop("epochs", None)
    return space, config.space.when, constants


def _finished(
    connection: sqlite3.Connection, study: Study, asked: StudyConfig
) -> Iterator[TrialCost]:
    # CROSS JOIN: SQLite keeps the order, and looks up these few instead of reading all attempts.
    query = f"""
        SELECT TOTAL(a.cost_usd), TOTAL(MAX(0, a.ended_at - a.started_at)) FROM (
            SELECT id, trial FROM automl_attempts
            WHERE study_id = ? AND state IN ('COMPLETE', 'PRUNED') AND NOT ({attempts.FOR_COST})
            ORDER BY id DESC LIMIT {LATEST_TRIALS}
        ) l CROSS JOIN automl_attempts a ON a.study_id = ? AND a.trial = l.trial
        GROUP BY l.id ORDER BY l.id DESC
    """
    for cost_usd, held_s in connection.execute(query, (study.id, study.id)):
        yield TrialCost(
            usd=cost_usd,
            seconds=held_s,
            epochs_max=study.config.epochs_max,
            own=_is_own(study, asked),
            alike=_is_alike(study, asked),
        )


def _pruned(
    connection: sqlite3.Connection, study: Study, optuna_study: int
) -> Iterator[PrunedTrial]:
    # CROSS JOIN keeps the order: Optuna's trials have no index by number, so they must come first.
    # Epochs are summed up trial by trial: most were trained by trials that nobody has pruned.
    query = f"""
        SELECT p.param_value, p.distribution_json, a.cost_usd / a.held_s,
               (SELECT MAX(epoch) FROM automl_measurements m
                WHERE m.study_id = :study AND m.trial = a.trial) AS trained,
               (SELECT AVG(seconds) FROM automl_measurements m
                WHERE m.study_id = :study AND m.trial = a.trial) AS epoch_s
        FROM trials t
        CROSS JOIN (
            SELECT trial, TOTAL(cost_usd) AS cost_usd,
                   TOTAL(MAX(0, ended_at - started_at)) AS held_s
            FROM automl_attempts WHERE study_id = :study GROUP BY trial
            HAVING held_s > 0 AND TOTAL(state = 'PRUNED' AND NOT ({attempts.FOR_COST})) > 0
        ) a ON a.trial = t.number
        LEFT JOIN trial_params p ON p.trial_id = t.trial_id AND p.param_name = 'epochs'
        WHERE t.study_id = :optuna_study AND trained IS NOT NULL
    """
    fixed = study.config.constants.get("epochs")
    planned = cache(codec.load_param)
    named = {"study": study.id, "optuna_study": optuna_study}
    for stored, distribution, usd_a_second, trained, epoch_s in connection.execute(query, named):
        epochs = fixed if distribution is None else planned(stored, distribution)
        if isinstance(epochs, int):
            yield PrunedTrial(
                planned=epochs,
                trained=trained,
                epoch_s=epoch_s,
                usd_per_hour=usd_a_second * SECONDS_PER_HOUR,
            )

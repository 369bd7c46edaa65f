"""Studies as wholes: read trial by trial, so that ten thousand need no more memory than one."""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mcp_automl.archive import Removed
from mcp_automl.domain.errors import StudyRuns
from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.study import Measurement, Study, Trial
from mcp_automl.stores import attempts, deletion, spans, studies, trials
from mcp_automl.stores.database import Database


class SqliteArchive:
    """An `Archive` over the study database; any number of processes may have one.

    Every method may raise `WorkspaceUnusable` or `NewerDatabase`.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path)
        self._clock = clock

    def parameters(self, study: Study) -> Sequence[str]:
        config = study.config
        with self._database.read() as connection:
            optuna_study = trials.optuna_id(connection, study)
            found = set() if optuna_study is None else trials.param_names(connection, optuna_study)
        first = [name for name in (*config.space.parameters, *config.constants) if name in found]
        fixed = [name for name in config.constants if name not in found]
        return [*first, *sorted(found - set(first)), *fixed]

    def measurements(self, study: Study, number: int) -> Sequence[Measurement]:
        with self._database.read() as connection:
            return trials.measurements(connection, study, number)

    def trials(self, study: Study) -> Iterator[Trial]:
        with self._database.read() as connection:
            for trial in trials.each(connection, study):
                yield judged(connection, study, trial)

    def chosen(self, study: Study, numbers: Sequence[int]) -> Sequence[Trial]:
        with self._database.read() as connection:
            found = trials.chosen(connection, study, numbers)
            return [judged(connection, study, trial) for trial in found]

    def costs(self, study: Study) -> Mapping[int, float]:
        with self._database.read() as connection:
            return attempts.costs(connection, study.id)

    def curves(self, study: Study, numbers: Sequence[int]) -> Mapping[int, Mapping[int, float]]:
        of_trial = trials.reported_values if study.id < 0 else trials.objective_values
        with self._database.read() as connection:
            return {number: of_trial(connection, study, number) for number in numbers}

    def attempts(self, study: Study, most: int) -> tuple[Sequence[Occupation], int]:
        of_study = spans.of_plain_optuna if study.id < 0 else spans.latest
        with self._database.read() as connection:
            return of_study(connection, study, most)

    def delete(self, study: Study) -> Removed:
        with self._database.write() as connection:
            stored = studies.by_id(connection, study.id)
            if not deletion.is_at_rest(connection, stored):
                raise StudyRuns
            cost_usd = attempts.cost(connection, stored.id)
            n_trials = deletion.delete(connection, stored, self._clock())
            return Removed(trials=n_trials, cost_usd=cost_usd)

    def deleted(self) -> Collection[int]:
        with self._database.read() as connection:
            return deletion.all_deleted(connection)


def judged(connection: sqlite3.Connection, study: Study, trial: Trial) -> Trial:
    """The trial with its cost, and why it is in its state."""
    if study.id < 0:
        return trial
    decision = attempts.decision(connection, study.id, trial.number)
    return replace(
        trial,
        cost_usd=attempts.cost(connection, study.id, trial.number),
        reason="" if decision is None else decision.reason,
    )

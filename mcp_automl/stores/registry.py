"""The study database as tool calls see it: SQL through the standard library, milliseconds a call.

Neither Optuna nor SQLAlchemy is imported here: a server answers before either would be loaded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mcp_automl.domain.errors import InvalidRequest, NameTaken
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.study import Measurement, Study, StudyConfig, Target, Trial, TrialState
from mcp_automl.domain.workspace import Backlog, OrchestratorSign
from mcp_automl.stores import attempts, outbox, plain, signs, stand_ins, studies, trials
from mcp_automl.stores.database import Database
from mcp_automl.stores.sqlite_changes import SqliteChanges


class SqliteRegistry:
    """A `StudyRegistry`; any number of processes may have one on the same file.

    Every method may raise `WorkspaceUnusable` or `NewerDatabase`; making the registry does not.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path)
        self._clock = clock

    def create(self, config: StudyConfig) -> Study:
        with self._database.write() as connection:
            taken = studies.named(connection, config.name)
            if taken is not None or plain.has_plain(connection, config.name):
                raise NameTaken(_taken(config.name, taken))
            return studies.by_id(connection, studies.insert(connection, config, self._clock()))

    def retarget(self, study_id: int, target: Target) -> Study:
        if study_id < 0:
            raise InvalidRequest(f"This study was {plain.REASON}; choose another name.")
        with self._database.write() as connection:
            studies.retarget(connection, study_id, target)
            return studies.by_id(connection, study_id)

    def stop(self, study_id: int) -> Study:
        if study_id < 0:
            raise InvalidRequest(f"This study was {plain.REASON}; there is nothing to stop.")
        with self._database.write() as connection:
            studies.stop(connection, study_id, self._clock())
            return studies.by_id(connection, study_id)

    def view(self) -> AbstractContextManager[None]:
        return self._database.view()

    def find(self, name: str) -> Study | None:
        with self._database.read() as connection:
            ours = studies.named(connection, name)
            if ours is not None:
                return ours if ours.config.job is None else None
            return plain.named_plain(connection, name, set())

    def studies(self) -> Sequence[Study]:
        with self._database.read() as connection:
            all_ours = studies.of_all_kinds(connection)
            others = plain.all_plain(connection, but=studies.names(all_ours))
            ours = [study for study in all_ours if study.config.job is None]
        newest_first = reversed(others + ours)
        return sorted(newest_first, key=lambda study: study.created_at, reverse=True)

    def progress(self, study: Study) -> Progress:
        with self._database.read() as connection:
            optuna_study = trials.optuna_id(connection, study)
            counts = trials.counts(connection, optuna_study) if optuna_study else {}
            # In a study that is not ours, the attribute is somebody else's.
            ours = optuna_study if study.id > 0 else None
            return Progress(
                counts=counts,
                cost_usd=attempts.cost(connection, study.id),
                finished_seconds=attempts.latest_durations(connection, study.id),
                pruned_for_cost=attempts.pruned_for_cost(connection, study.id),
                interrupted=attempts.interrupted(connection, study.id),
                stood_in=stand_ins.find(connection, ours) if ours else None,
            )

    def trials(self, study: Study, states: Sequence[TrialState]) -> Sequence[Trial]:
        with self._database.read() as connection:
            return trials.in_states(connection, study, states)

    def leading(self, study: Study, most: int) -> Sequence[Trial]:
        with self._database.read() as connection:
            return trials.leading(connection, study, most)

    def trial(self, study: Study, number: int) -> Trial:
        with self._database.read() as connection:
            trial = trials.numbered(connection, study, number)
            decision = attempts.decision(connection, study.id, number)
            return replace(
                trial,
                cost_usd=attempts.cost(connection, study.id, number),
                reason="" if decision is None else decision.reason,
            )

    def last_measurement(self, study: Study, number: int) -> Measurement | None:
        with self._database.read() as connection:
            if trials.optuna_id(connection, study) is None:
                return None
            return trials.last_measurement(connection, study, number)

    def orchestrator(self) -> OrchestratorSign | None:
        with self._database.read() as connection:
            return signs.read(connection)

    def ask_to_leave(self, sign: OrchestratorSign, version: str) -> bool:
        with self._database.write() as connection:
            return signs.ask_to_leave(connection, sign, version)

    def backlog(self) -> Backlog:
        with self._database.read() as connection:
            return outbox.backlog(connection)

    def marks(self) -> Mapping[str, object]:
        with self._database.read() as connection:
            return studies.marks(connection)

    def changes(self) -> SqliteChanges:
        return SqliteChanges(self._database.path)

    def work_waits(self) -> bool:
        with self._database.read() as connection:
            return studies.any_runnable(connection) or not outbox.is_empty(connection)


def _taken(name: str, study: Study | None) -> str:
    if study is None:
        return f"{name} is the name of a study {plain.REASON}; choose another name."
    return f"There is a study {study.config.name} already; choose another name."

"""The orchestrator's side of our tables: each method is one transaction.

What must be true together is written together; what the tracker is told of it lies in the outbox
from the same transaction on. Optuna's half of a step follows in `engine.py`.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_automl.domain.errors import StudyNotFound
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import (
    COUNTED,
    History,
    Measurement,
    Study,
    StudyState,
    Trial,
    TrialState,
    Waiting,
)
from mcp_automl.domain.tracking import Publication, TrackingEntry
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.stores import (
    attempts,
    codec,
    deletion,
    failures,
    outbox,
    paces,
    signs,
    studies,
    trials,
)
from mcp_automl.stores.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPast:
    """A trial as our tables know it."""

    n_attempts: int
    cost_usd: float
    decision: attempts.Decision | None
    """None while an attempt is open, or if there was none."""
    values: Mapping[int, float]
    """The objective by epoch, where it is finite."""

    @property
    def ending(self) -> attempts.Decision | None:
        """How the trial has ended, if it has."""
        decided = self.decision
        return decided if decided is not None and decided.state.is_finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Our tables, written to.

    Args:
        clock: wall clock seconds.
    """

    database: Database
    clock: Callable[[], float]

    def should_run(self) -> list[Study]:
        with self.database.read() as connection:
            return studies.runnable(connection)

    def start(self, study: Study) -> History:
        """Marks the study as running, if it shall be, and returns what came of it so far."""
        with self.database.write() as connection:
            try:
                stored = studies.by_id(connection, study.id)
            except StudyNotFound:
                # Deleted since it was read; opening it has made Optuna's study once more.
                deletion.clear_optuna(connection)
                return History(waiting={}, wanted=False)
            if stored.stop_requested or not stored.state.should_run:
                return replace(_history(connection, study), wanted=False)
            first = studies.start(connection, study.id, self.clock())
            if first and not outbox.has_one_run(study):
                outbox.put(connection, outbox.study_started(study, self.clock()))
            return _history(connection, study)

    def finished(self, study: Study) -> list[Trial]:
        with self.database.read() as connection:
            return trials.in_states(connection, study, COUNTED)

    def prepared(self, study: Study, data: str, arguments: Params) -> Study:
        with self.database.write() as connection:
            studies.prepared(connection, study.id, data, codec.dump_params(arguments))
            return studies.by_id(connection, study.id)

    def begin(self, study: Study, start: AttemptStart) -> None:
        """Opens an attempt; the tracker hears of the trial's first one."""
        with self.database.write() as connection:
            if not attempts.count(connection, study.id, start.trial):
                params = trials.numbered(connection, study, start.trial).params
                outbox.put(connection, outbox.trial_started(study, start, params))
            attempts.begin(connection, study.id, start)

    def measured(self, study: Study, trial: int, measurement: Measurement) -> bool:
        """Stores an epoch; False if it was stored before."""
        at = self.clock()
        metrics = codec.dump_metrics(measurement.metrics)
        row = (study.id, trial, measurement.epoch, metrics, measurement.seconds, at)
        with self.database.write() as connection:
            insert = (
                "INSERT OR IGNORE INTO automl_measurements "
                "(study_id, trial, epoch, metrics, seconds, at) VALUES (?, ?, ?, ?, ?, ?)"
            )
            if connection.execute(insert, row).rowcount == 0:
                return False
            attempts.progressed(connection, study.id, trial)
            outbox.put(connection, outbox.measured(study, trial, measurement, at))
            return True

    def decided(self, study: Study, record: Record, outcome: Outcome | None) -> attempts.Decision:
        """Closes the trial's attempt with the decision about it; the first final one stays."""
        at = self.clock()
        with self.database.write() as connection:
            known = attempts.decision(connection, study.id, record.trial)
            if known is not None and known.state.is_finished:
                return known
            if attempts.close(connection, study.id, record, outcome, at):
                cost = attempts.cost(connection, study.id, record.trial)
                outbox.put(connection, outbox.trial_ended(study, record, cost, at))
        return attempts.Decision(state=record.state, value=record.value, reason=record.reason)

    def trial(self, study: Study, number: int) -> TrialPast:
        """What the trial's attempts add up to."""
        with self.database.read() as connection:
            return TrialPast(
                n_attempts=attempts.count(connection, study.id, number),
                cost_usd=attempts.cost(connection, study.id, number),
                decision=attempts.decision(connection, study.id, number),
                values=trials.objective_values(connection, study, number),
            )

    def clear_deleted(self) -> None:
        """Takes away what was made of studies when they had been deleted."""
        with self.database.write() as connection:
            deletion.clear_optuna(connection)

    def open_attempts(self) -> list[attempts.OpenAttempt]:
        with self.database.read() as connection:
            return attempts.all_open(connection)

    def unsettled(self) -> list[tuple[Study, list[int]]]:
        """Our studies with trials of which Optuna was not told all, with these trials' numbers."""
        with self.database.read() as connection:
            ours = studies.of_all_kinds(connection)
            known = [(study, trials.optuna_id(connection, study)) for study in ours]
            numbers = [
                (study, _unsettled(connection, study, optuna_study))
                for study, optuna_study in known
                if optuna_study is not None
            ]
        return [(study, found) for study, found in numbers if found]

    def lost(self, attempt: attempts.OpenAttempt, until: float, reason: str) -> None:
        """Closes an attempt that its orchestrator did not live to close."""
        with self.database.write() as connection:
            study = studies.by_id(connection, attempt.study_id)
            cost = attempt.cost(until)
            record = Record(attempt.trial, TrialState.WAITING, None, cost, reason)
            attempts.lose(connection, attempt, until, record)
            cost = attempts.cost(connection, study.id, record.trial)
            outbox.put(connection, outbox.trial_ended(study, record, cost, until))

    def finish(
        self, study: Study, state: StudyState, reason: str, publication: Publication | None = None
    ) -> bool:
        at = self.clock()
        with self.database.write() as connection:
            if not studies.finish(connection, study, state, reason, at):
                return False
            if not outbox.has_one_run(study):
                outbox.put(connection, outbox.study_ended(study, state, reason, at))
            if publication is not None:
                outbox.put(connection, outbox.model(study, publication, at))
            return True

    def announce(self, sign: OrchestratorSign) -> None:
        """Says who holds the workspace; open attempts may still be a dead one's."""
        with self.database.write() as connection:
            signs.write(connection, sign)

    def sign(self, sign: OrchestratorSign) -> str:
        """Says that the holder and all open attempts are alive."""
        with self.database.write() as connection:
            attempts.alive(connection, sign.alive_at)
            return signs.write(connection, sign)

    def undelivered(self, limit: int) -> list[tuple[int, TrackingEntry]]:
        with self.database.read() as connection:
            return outbox.oldest(connection, limit)

    def delivered(self, entry_ids: Sequence[int]) -> None:
        with self.database.write() as connection:
            outbox.remove(connection, entry_ids)


def _unsettled(connection: sqlite3.Connection, study: Study, optuna_study: int) -> list[int]:
    """Trials left RUNNING, and WAITING ones that were given up."""
    running = trials.numbers(connection, optuna_study, TrialState.RUNNING)
    waiting = trials.numbers(connection, optuna_study, TrialState.WAITING)
    decided = {n: attempts.decision(connection, study.id, n) for n in waiting}
    return running + [n for n, it in decided.items() if it is not None and it.state.is_finished]


def _history(connection: sqlite3.Connection, study: Study) -> History:
    optuna_study = trials.optuna_id(connection, study)
    counts = trials.counts(connection, optuna_study) if optuna_study else {}
    return History(
        counted=sum(n for state, n in counts.items() if state.counts),
        waiting=_waiting(connection, study, optuna_study),
        spent_usd=attempts.cost(connection, study.id),
        epochs=paces.of_study(connection, study),
        earlier_epochs=paces.of_earlier(
            connection, study, studies.with_trainer(connection, study.config.model)
        ),
        failures=failures.latest(connection, study),
    )


def _waiting(
    connection: sqlite3.Connection, study: Study, optuna_study: int | None
) -> dict[int, Waiting]:
    if optuna_study is None:
        return {}
    numbers = trials.numbers(connection, optuna_study, TrialState.WAITING)
    known = {number: attempts.waiting(connection, study, number) for number in numbers}
    return {number: waiting for number, waiting in known.items() if waiting is not None}

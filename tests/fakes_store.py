"""The study database in memory: both of its sides, for tests of the service and the orchestrator.

`FakeDatabase` is what is stored; make a `FakeRegistry` and a `FakeStore` of it. They keep the same
contract as the real ones (`tests/contracts/test_registry.py`, `test_store.py`).
"""

import math
import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace

from mcp_automl.domain.budget import ORPHAN_SECONDS
from mcp_automl.domain.errors import NameTaken, StudyNotFound
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart
from mcp_automl.domain.leaderboard import top
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.space import Categorical, Params, Value
from mcp_automl.domain.study import (
    COUNTED,
    STOPPED_BY_USER,
    History,
    Measurement,
    Study,
    StudyConfig,
    StudyState,
    Target,
    Trial,
    TrialState,
)
from mcp_automl.domain.tracking import EntryKind, Publication, TrackingEntry
from mcp_automl.domain.workspace import Backlog, OrchestratorSign
from mcp_automl.ports import Suggestion
from tests.fakes_database import FakeAttempt, FakeDatabase, FakeTrial
from tests.fakes_history import history


@dataclass(slots=True)
class FakeRegistry:
    """A `StudyRegistry` in memory."""

    database: FakeDatabase = field(default_factory=FakeDatabase)

    def create(self, config: StudyConfig) -> Study:
        if self.find(config.name) is not None:
            raise NameTaken
        study = Study(
            id=len(self.database.all_studies) + 1,
            config=replace(config, default=dict(config.default)),
            state=StudyState.QUEUED,
            reason="",
            data="",
            arguments={},
            created_at=self.database.now,
            started_at=None,
            ended_at=None,
            revision=1,
        )
        self.database.all_studies[study.id] = study
        self.database.intend()
        return study

    def retarget(self, study_id: int, target: Target) -> Study:
        if study_id not in self.database.all_studies:
            raise StudyNotFound
        study = self.database.all_studies[study_id]
        running = study.state is StudyState.RUNNING
        changed = replace(
            study,
            config=target.applied_to(study.config),
            state=StudyState.RUNNING if running else StudyState.QUEUED,
            reason="",
            ended_at=None,
            revision=study.revision + 1,
            stop_requested=False,
        )
        self.database.all_studies[study_id] = changed
        self.database.intend()
        return changed

    def stop(self, study_id: int) -> Study:
        study = self.database.all_studies.get(study_id)
        if study is None:
            raise StudyNotFound
        changed = replace(study, revision=study.revision + 1)
        if study.state is StudyState.QUEUED:
            changed = replace(
                changed,
                state=StudyState.STOPPED,
                reason=STOPPED_BY_USER,
                ended_at=self.database.now,
            )
        elif study.state is StudyState.RUNNING and not study.stop_requested:
            changed = replace(changed, stop_requested=True)
        else:
            return study
        self.database.all_studies[study_id] = changed
        self.database.intend()
        return changed

    def find(self, name: str) -> Study | None:
        studies = self.database.all_studies.values()
        return next((s for s in studies if s.config.name.lower() == name.lower()), None)

    def studies(self) -> Sequence[Study]:
        return sorted(
            self.database.all_studies.values(), key=lambda s: (s.created_at, s.id), reverse=True
        )

    def progress(self, study: Study) -> Progress:
        trials = self.database.of(study)
        counts: dict[TrialState, int] = {}
        for trial in trials:
            counts[trial.trial.state] = counts.get(trial.trial.state, 0) + 1
        finished = [t for t in trials if t.trial.state.counts and t.attempts]
        finished.sort(key=lambda t: t.attempts[-1].ended_at or 0.0)
        return Progress(
            counts=counts,
            cost_usd=sum(a.spent for t in trials for a in t.attempts),
            finished_seconds=tuple(
                sum((a.ended_at or a.alive_at) - a.started_at for a in t.attempts)
                for t in finished[-20:]
            ),
            interrupted=sum(
                t.trial.state is TrialState.WAITING and bool(t.attempts) for t in trials
            ),
        )

    def view(self) -> AbstractContextManager[None]:
        return nullcontext()

    def leading(self, study: Study, most: int) -> Sequence[Trial]:
        return top(self.trials(study, COUNTED), study.config.objective, most)

    def trials(self, study: Study, states: Sequence[TrialState]) -> Sequence[Trial]:
        found = [t for t in self.database.of(study) if t.trial.state in states]
        return [replace(_seen(study, t), params={}, reason="", cost_usd=0.0) for t in found]

    def trial(self, study: Study, number: int) -> Trial:
        return _seen(study, self.database.trial(study, number), epoch_always=True)

    def last_measurement(self, study: Study, number: int) -> Measurement | None:
        trial = self.database.all_trials.get(study.id, {}).get(number)
        return None if trial is None else deepcopy(trial.last)

    def orchestrator(self) -> OrchestratorSign | None:
        return self.database.signed

    def marks(self) -> Mapping[str, object]:
        return {study.config.name: study for study in self.database.all_studies.values()}

    def changes(self) -> "FakeChanges":
        return FakeChanges(self.database)

    def ask_to_leave(self, sign: OrchestratorSign, version: str) -> bool:
        known = self.database.signed
        if self.database.leave_for or known is None or _who(known) != _who(sign):
            return False
        self.database.leave_for = version
        return True

    def backlog(self) -> Backlog:
        entries = list(self.database.outbox.values())
        return Backlog(entries=len(entries), since=entries[0].at if entries else None)

    def work_waits(self) -> bool:
        studies = self.database.all_studies.values()
        return bool(self.database.outbox) or any(study.state.should_run for study in studies)


def _seen(study: Study, stored: FakeTrial, *, epoch_always: bool = False) -> Trial:
    trial, last = stored.trial, stored.last
    closed = stored.attempts[-1].record if stored.attempts else None
    value = trial.value
    if last is not None and not trial.state.is_finished:
        value = last.value(study.config.objective)
    shows_epoch = last is not None and (epoch_always or not trial.state.is_finished)
    return replace(
        trial,
        params=dict(trial.params),
        value=value,
        epoch=last.epoch if last is not None and shows_epoch else 0,
        cost_usd=sum(a.spent for a in stored.attempts),
        reason="" if closed is None else closed.reason,
    )


@dataclass(slots=True)
class FakeStore:
    """A `StudyStore` in memory: the default configuration first, then random suggestions."""

    database: FakeDatabase = field(default_factory=FakeDatabase)

    async def should_run(self) -> Sequence[Study]:
        return [s for s in self.database.all_studies.values() if s.state.should_run]

    async def recover(self) -> None:
        for study in self.database.all_studies.values():
            for stored in self.database.of(study):
                self._recover(study, stored)

    def _recover(self, study: Study, stored: FakeTrial) -> None:
        attempt = stored.open_attempt
        if attempt is not None:
            assert attempt.start is not None
            self.database.killed.append(attempt.start.process)
            until = min(self.database.now, attempt.alive_at + ORPHAN_SECONDS)
            cost = attempt.cost(until)
            reason = "interrupted: its orchestrator vanished"
            record = Record(stored.trial.number, TrialState.WAITING, None, cost, reason)
            self._close(study, stored, attempt, record, until)
        if stored.trial.state is TrialState.RUNNING:
            stored.set(TrialState.WAITING)

    async def open(self, study: Study) -> History:
        known = self.database.all_studies[study.id]
        if known.stop_requested or not known.state.should_run:
            return replace(history(self.database, study), wanted=False)
        known = replace(known, state=StudyState.RUNNING)
        if known.started_at is None:
            known = replace(known, started_at=self.database.now)
            tags = {
                "automl": "true",
                "study_name": study.config.name,
                "model": study.config.model,
                "objective": study.config.objective.name,
            }
            self.database.put(EntryKind.STUDY_STARTED, study, tags=tags)
        self.database.all_studies[study.id] = known
        trials = self.database.all_trials.setdefault(study.id, {})
        if not trials:
            for number, point in enumerate(study.config.first):
                params = {**point, **study.config.constants}
                first = Trial(number=number, state=TrialState.WAITING, params=params)
                trials[number] = FakeTrial(first)
        return history(self.database, study)

    async def prepared(self, study: Study, *, data: str, arguments: Params) -> Study:
        known = self.database.all_studies[study.id]
        self.database.all_studies[study.id] = replace(known, data=data, arguments=dict(arguments))
        return self.database.all_studies[study.id]

    async def finished(self, study: Study) -> Sequence[Trial]:
        return FakeRegistry(self.database).trials(study, COUNTED)

    async def ask(self, study: Study) -> Suggestion:
        trials = self.database.all_trials[study.id]
        waiting = [t for t in trials.values() if t.trial.state is TrialState.WAITING]
        if waiting:
            stored = waiting[0]
        else:
            number = len(trials)
            params = {**_random_point(study, number), **study.config.constants}
            stored = FakeTrial(Trial(number=number, state=TrialState.RUNNING, params=params))
            trials[number] = stored
        stored.trial = replace(stored.trial, state=TrialState.RUNNING, started_at=self.database.now)
        return Suggestion(trial=stored.trial.number, params=dict(stored.trial.params))

    async def open_attempt(self, study: Study, start: AttemptStart) -> None:
        stored = self.database.trial(study, start.trial)
        if not stored.attempts:
            self.database.put(
                EntryKind.TRIAL_STARTED,
                study,
                trial=start.trial,
                params={**stored.trial.params, **study.arguments},
                tags={
                    "automl": "true",
                    "study_name": study.config.name,
                    "trial_number": str(start.trial),
                    "data": study.data,
                },
            )
        stored.attempts.append(FakeAttempt(study.id, start, start.at, start.at))

    async def report(self, study: Study, trial: int, measurement: Measurement) -> str | None:
        stored = self.database.trial(study, trial)
        if measurement.epoch in stored.measurements:
            return None
        stored.measurements[measurement.epoch] = deepcopy(measurement)
        if stored.open_attempt is not None:
            stored.open_attempt.new_epochs += 1
        metrics = {**measurement.metrics, "seconds": measurement.seconds}
        self.database.put(
            EntryKind.MEASURED, study, trial=trial, epoch=measurement.epoch, metrics=metrics
        )
        if measurement.value(study.config.objective) is None:
            return None
        return self.database.prunes.get((trial, measurement.epoch))

    async def record(self, study: Study, record: Record, outcome: Outcome | None) -> None:
        if record.state is TrialState.COMPLETE and record.value is None:
            raise ValueError(f"trial #{record.trial} cannot be COMPLETE without a value")
        stored = self.database.trial(study, record.trial)
        if stored.trial.state.is_finished:
            return
        attempt = stored.open_attempt
        unlaunched = outcome is None and not (record.state.is_finished and not stored.attempts)
        if attempt is None and not unlaunched:
            attempt = FakeAttempt(study.id, None, self.database.now, self.database.now)
            stored.attempts.append(attempt)
        if attempt is not None:
            attempt.outcome = outcome
            self._close(study, stored, attempt, record, self.database.now)
        elif record.state.is_finished and stored.attempts:
            last = stored.attempts[-1]
            judged = replace(record, cost_usd=last.cost_usd)
            self._close(study, stored, last, judged, last.ended_at or 0.0)
        at = self.database.now if record.state.is_finished else None
        value = record.value if record.state.counts else None
        stored.set(record.state, value, at)

    def _close(
        self, study: Study, stored: FakeTrial, attempt: FakeAttempt, record: Record, at: float
    ) -> None:
        attempt.ended_at, attempt.cost_usd, attempt.record = at, record.cost_usd, record
        value = {} if record.value is None else {study.config.objective.name: record.value}
        self.database.put(
            EntryKind.TRIAL_ENDED,
            study,
            trial=record.trial,
            state=record.state.value,
            tags={"reason": record.reason},
            metrics={**value, "cost_usd": sum(a.spent for a in stored.attempts)},
        )

    async def finish(
        self, study: Study, state: StudyState, reason: str, publication: Publication | None = None
    ) -> bool:
        known = self.database.all_studies[study.id]
        if known.revision != study.revision:
            return False
        ended = replace(
            known, state=state, reason=reason, ended_at=self.database.now, stop_requested=False
        )
        self.database.all_studies[study.id] = ended
        self.database.put(EntryKind.STUDY_ENDED, study, state=state.value, tags={"reason": reason})
        if publication is not None:
            self.database.put(EntryKind.MODEL, study, trial=publication.trial)
        return True

    async def sign(self, sign: OrchestratorSign) -> str:
        known = self.database.signed
        if known is None or _who(known) != _who(sign):
            self.database.leave_for = ""
        self.database.signed = sign
        for trials in self.database.all_trials.values():
            for attempt in (t.open_attempt for t in trials.values()):
                if attempt is not None:
                    attempt.alive_at = max(attempt.alive_at, sign.alive_at)
        return self.database.leave_for

    async def undelivered(self, limit: int) -> Sequence[tuple[int, TrackingEntry]]:
        return list(self.database.outbox.items())[:limit]

    async def delivered(self, entry_ids: Sequence[int]) -> None:
        for entry_id in entry_ids:
            self.database.outbox.pop(entry_id, None)


@dataclass(slots=True)
class FakeChanges:
    """A `Changes` over a `FakeDatabase`; only intentions count as changes."""

    database: FakeDatabase

    async def changed(self) -> None:
        await self.database.intention.wait()

    def close(self) -> None:
        """There is nothing to be given back."""


def _who(sign: OrchestratorSign) -> tuple[str, int]:
    return sign.host, sign.pid


def _random_point(study: Study, number: int) -> Mapping[str, Value]:
    rng = random.Random(f"{study.config.seed}:{number}")
    point: dict[str, Value] = {}
    for name, parameter in study.config.space.parameters.items():
        if not study.config.space.exists(name, point):
            continue
        if isinstance(parameter, Categorical):
            point[name] = rng.choice(parameter.choices)
        elif parameter.log:
            low, high = math.log(parameter.low), math.log(parameter.high)
            point[name] = parameter.clip(math.exp(rng.uniform(low, high)))
        else:
            point[name] = parameter.clip(rng.uniform(parameter.low, parameter.high))
    return point

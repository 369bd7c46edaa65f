"""A study's history from an in-memory study database; see `fakes_store.py`."""

from collections.abc import Iterator, Sequence

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.pace import EpochTime
from mcp_automl.domain.study import History, Study, TrialState, Waiting
from tests.fakes_database import FakeAttempt, FakeDatabase, FakeTrial


def history(database: FakeDatabase, study: Study) -> History:
    """What a run needs to know of the study's past."""
    trials = database.of(study)
    interrupted = [t for t in trials if t.trial.state is TrialState.WAITING and t.attempts]
    return History(
        counted=sum(t.trial.state.counts for t in trials),
        waiting={t.trial.number: _waiting(t, study) for t in interrupted},
        spent_usd=sum(a.spent for t in trials for a in t.attempts),
        epochs=_epochs(trials),
        earlier_epochs=tuple(
            epoch
            for other in database.all_studies.values()
            if other.id != study.id and other.config.model == study.config.model
            for epoch in _epochs(database.of(other))
        ),
        failures=tuple(reversed(list(_failures(trials)))),
    )


def _epochs(trials: Sequence[FakeTrial]) -> tuple[EpochTime, ...]:
    return tuple(
        EpochTime(
            seconds=measurement.seconds,
            batch_size=trial.trial.params.get("batch_size"),
            device=next((a.start.slot.label for a in reversed(trial.attempts) if a.start), ""),
        )
        for trial in trials
        for measurement in trial.measurements.values()
    )


def _waiting(stored: FakeTrial, study: Study) -> Waiting:
    barren = 0
    for attempt in reversed(stored.attempts):
        if attempt.new_epochs:
            break
        barren += attempt.outcome is not Outcome.STOPPED
    return Waiting(
        epoch=max(stored.measurements, default=0),
        value=None if stored.last is None else stored.last.value(study.config.objective),
        spent_usd=sum(attempt.spent for attempt in stored.attempts),
        barren=barren,
        alone=any(
            a.outcome is Outcome.OUT_OF_MEMORY and a.start is not None and a.start.slot.shared
            for a in stored.attempts
        ),
        trained_s=sum(_seconds(a) for a in stored.attempts),
        longest_s=max(
            (_seconds(a) for a in stored.attempts if a.outcome is Outcome.STOPPED), default=0.0
        ),
    )


def _seconds(attempt: FakeAttempt) -> float:
    if attempt.ended_at is None or attempt.start is None:
        return 0.0
    return attempt.ended_at - attempt.start.at


def _failures(trials: Sequence[FakeTrial]) -> Iterator[str]:
    closed = [(a.ended_at or 0.0, a.record) for t in trials for a in t.attempts if a.record]
    for _, record in sorted(closed, key=lambda pair: pair[0], reverse=True):
        if record.state.counts:
            return
        if record.state is TrialState.FAIL:
            yield record.reason

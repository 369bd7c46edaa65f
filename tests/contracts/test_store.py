"""What holds for every `StudyStore`."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.study import Measurement, StudyState, Target, TrialState
from mcp_automl.domain.tracking import EntryKind
from tests.stores_for_tests import (
    CONFIG,
    NOW,
    SPACE,
    Pair,
    fake_pair,
    measurement,
    real_pair,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["optuna-sqlite", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    return fake_pair() if request.param == "fake" else real_pair(tmp_path / "workspace" / "s.db")


# --- studies -----------------------------------------------------------------------------------


async def test_studies_that_should_run_come_oldest_first(pair: Pair) -> None:
    first, second, third = (
        pair.registry.create(replace(CONFIG, name=name)) for name in ("one", "two", "three")
    )
    await pair.store.open(second)
    await pair.store.finish(first, StudyState.STOPPED, "stopped by the user")

    assert [study.id for study in await pair.store.should_run()] == [second.id, third.id]


async def test_a_study_that_was_stopped_before_it_is_opened_is_not_wanted(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)
    pair.registry.stop(study.id)

    history = await pair.store.open(study)

    assert not history.wanted
    assert await pair.store.should_run() == []
    assert await pair.entries() == []


async def test_a_running_study_that_was_asked_to_stop_is_still_someones_to_end(pair: Pair) -> None:
    study = await pair.started()
    pair.registry.stop(study.id)

    assert [s.stop_requested for s in await pair.store.should_run()] == [True]
    assert not (await pair.store.open(study)).wanted


async def test_an_opened_study_runs_and_the_tracker_hears_of_it_once(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    await pair.store.open(study)
    pair.pass_time(5)
    await pair.store.open(study)

    (opened,) = await pair.store.should_run()
    assert (opened.state, opened.started_at) == (StudyState.RUNNING, NOW)
    (entry,) = await pair.entries()
    assert entry.kind is EntryKind.STUDY_STARTED
    assert entry.tags == {
        "automl": "true",
        "study_name": "Digits-1",
        "model": "mnist",
        "objective": "val_accuracy",
    }


async def test_a_study_that_ended_meanwhile_is_not_set_running_again(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)
    await pair.store.finish(study, StudyState.STOPPED, "stopped by the user")

    await pair.store.open(study)

    assert await pair.store.should_run() == []


async def test_the_prepared_data_is_stored(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    prepared = await pair.store.prepared(study, data="8x8 digits", arguments={"dataset": "digits"})

    assert (prepared.data, prepared.arguments) == ("8x8 digits", {"dataset": "digits"})
    assert pair.registry.find(CONFIG.name) == prepared


async def test_a_finished_study_says_why(pair: Pair) -> None:
    study = await pair.started()

    assert await pair.store.finish(study, StudyState.COMPLETE, "all 10 trials are done")

    found = pair.registry.find(CONFIG.name)
    assert found is not None
    assert (found.state, found.reason) == (StudyState.COMPLETE, "all 10 trials are done")
    assert found.ended_at == NOW
    last = (await pair.entries())[-1]
    assert (last.kind, last.state) == (EntryKind.STUDY_ENDED, "COMPLETE")


async def test_a_study_whose_intention_changed_is_not_finished(pair: Pair) -> None:
    study = await pair.started()
    pair.registry.retarget(study.id, Target(n_trials=30))

    assert not await pair.store.finish(study, StudyState.COMPLETE, "all 10 trials are done")

    found = pair.registry.find(CONFIG.name)
    assert found is not None
    assert found.state is StudyState.RUNNING
    assert [e.kind for e in await pair.entries()] == [EntryKind.STUDY_STARTED]


# --- asking ------------------------------------------------------------------------------------


async def test_the_default_configuration_is_the_first_trial(pair: Pair) -> None:
    study = await pair.started()

    suggestion = await pair.store.ask(study)

    assert suggestion.trial == 0
    assert dict(suggestion.params) == dict(CONFIG.default)


async def test_trials_are_numbered_in_order_and_lie_in_the_space(pair: Pair) -> None:
    study = await pair.started()

    suggestions = [await pair.store.ask(study) for _ in range(8)]

    assert [s.trial for s in suggestions] == list(range(8))
    for suggestion in suggestions:
        assert dict(suggestion.params) == pytest.approx(SPACE.clip(suggestion.params))


async def test_an_interrupted_trial_is_asked_again_with_its_parameters(pair: Pair) -> None:
    study = await pair.started()
    await pair.store.ask(study)
    first = await pair.attempted(study)
    second = await pair.attempted(study)
    for trial in (second.trial, first.trial):
        waiting = Record(trial, TrialState.WAITING, None, 0.0, "stopped by the user")
        await pair.store.record(study, waiting, Outcome.STOPPED)

    assert await pair.store.ask(study) == first
    assert await pair.store.ask(study) == second
    assert (await pair.store.ask(study)).trial == 3


# --- attempts and measurements -----------------------------------------------------------------


async def test_the_tracker_hears_of_a_trials_first_attempt_only(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED)
    await pair.attempted(study)

    entries = [e for e in await pair.entries() if e.kind is EntryKind.TRIAL_STARTED]

    (entry,) = entries
    assert (entry.trial, entry.study, entry.model) == (0, "Digits-1", "mnist")
    assert dict(entry.params) == {"dataset": "digits", **CONFIG.default}
    assert entry.tags == {
        "automl": "true",
        "study_name": "Digits-1",
        "trial_number": "0",
        "data": "digits",
    }


async def test_an_epoch_is_stored_and_tracked_once(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial

    await pair.measure(study, trial, {1: 0.3, 2: 0.4})
    await pair.store.report(study, trial, measurement(2, 0.9))

    last = pair.registry.last_measurement(study, trial)
    assert last == measurement(2, 0.4)
    measured = [e for e in await pair.entries() if e.kind is EntryKind.MEASURED]
    assert [(e.epoch, e.metrics["val_accuracy"]) for e in measured] == [(1, 0.3), (2, 0.4)]
    assert measured[0].metrics["seconds"] == 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_an_objective_that_is_not_finite_is_stored_and_not_judged(
    pair: Pair, value: float
) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial

    assert await pair.store.report(study, trial, measurement(1, value)) is None

    last = pair.registry.last_measurement(study, trial)
    assert last is not None
    assert last.metrics["val_loss"] == 0.1
    assert not math.isfinite(last.metrics["val_accuracy"])


async def test_a_missing_objective_is_stored_and_not_judged(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    without = Measurement(epoch=1, metrics={"val_loss": 0.2}, seconds=1.0)

    assert await pair.store.report(study, trial, without) is None

    assert pair.registry.last_measurement(study, trial) == without


# --- recording ---------------------------------------------------------------------------------


async def test_a_complete_trial_has_its_value_and_cost(pair: Pair) -> None:
    study = await pair.started()

    trial = await pair.completed(study, 0.3, 0.8, cost=0.02)

    stored = pair.registry.trial(study, trial)
    assert (stored.state, stored.value, stored.cost_usd) == (TrialState.COMPLETE, 0.8, 0.02)
    entry = (await pair.entries())[-1]
    assert (entry.kind, entry.state) == (EntryKind.TRIAL_ENDED, "COMPLETE")
    assert entry.metrics == {"val_accuracy": 0.8, "cost_usd": 0.02}


async def test_a_failed_trial_has_its_reason_and_no_value(pair: Pair) -> None:
    study = await pair.started()

    trial = await pair.failed(study, "ValueError: boom")

    stored = pair.registry.trial(study, trial)
    assert (stored.state, stored.value) == (TrialState.FAIL, None)
    assert stored.reason == "ValueError: boom"
    assert (await pair.entries())[-1].tags == {"reason": "ValueError: boom"}


async def test_a_trial_costs_what_all_its_attempts_cost(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1)

    trial = await pair.completed(study, 0.5, 0.6, cost=0.05)

    assert trial == 0
    assert pair.registry.trial(study, trial).cost_usd == pytest.approx(0.06)
    assert (await pair.entries())[-1].metrics["cost_usd"] == pytest.approx(0.06)


async def test_what_was_decided_about_a_trial_stays(pair: Pair) -> None:
    study = await pair.started()
    trial = await pair.completed(study, 0.5)
    before = pair.registry.trial(study, trial), await pair.entries()

    again = Record(trial, TrialState.FAIL, None, 5.0, "too late")
    await pair.store.record(study, again, Outcome.RAISED)

    assert (pair.registry.trial(study, trial), await pair.entries()) == before


async def test_an_interrupted_trial_is_tracked_as_waiting(pair: Pair) -> None:
    study = await pair.started()

    await pair.interrupted(study, Outcome.KILLED, 1)

    entry = (await pair.entries())[-1]
    assert (entry.kind, entry.state) == (EntryKind.TRIAL_ENDED, "WAITING")
    assert entry.tags == {"reason": "killed"}


async def test_a_trial_that_was_not_launched_leaves_no_trace(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.store.ask(study)).trial

    await pair.store.record(
        study, Record(trial, TrialState.WAITING, None, 0.0, "stopped before launch"), None
    )

    assert [e.kind for e in await pair.entries()] == [EntryKind.STUDY_STARTED]
    assert (await pair.store.open(study)).waiting == {}
    assert (await pair.store.ask(study)).trial == trial


async def test_a_launch_that_failed_is_remembered(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.store.ask(study)).trial
    failed = Record(trial, TrialState.FAIL, None, 0.0, "OSError: no such file")

    await pair.store.record(study, failed, Outcome.RAISED)

    assert (await pair.store.open(study)).failures == ("OSError: no such file",)
    assert pair.registry.trial(study, trial).reason == "OSError: no such file"


async def test_a_trial_without_a_value_cannot_be_complete(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial

    with pytest.raises(ValueError, match="value"):
        await pair.store.record(
            study, Record(trial, TrialState.COMPLETE, None, 0.0, ""), Outcome.COMPLETED
        )

    assert pair.registry.trial(study, trial).state is TrialState.RUNNING


# --- outbox ------------------------------------------------------------------------------------


async def test_entries_wait_in_order_until_they_are_delivered(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    await pair.measure(study, trial, {1: 0.1, 2: 0.2})

    oldest = await pair.store.undelivered(2)
    await pair.store.delivered([entry_id for entry_id, _ in oldest])

    assert [e.kind for _, e in oldest] == [EntryKind.STUDY_STARTED, EntryKind.TRIAL_STARTED]
    rest = await pair.store.undelivered(10)
    assert [(e.kind, e.epoch) for _, e in rest] == [
        (EntryKind.MEASURED, 1),
        (EntryKind.MEASURED, 2),
    ]
    assert rest[0][0] > oldest[-1][0]

"""What holds for every `StudyRegistry`."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.errors import NameTaken, StudyNotFound
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.study import Objective, StudyState, Target, TrialState
from mcp_automl.domain.workspace import Backlog
from tests.stores_for_tests import CONFIG, NOW, SIGN, Pair, fake_pair, real_pair

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    return real_pair(tmp_path / "workspace" / "s.db") if request.param == "sqlite" else fake_pair()


# --- studies -----------------------------------------------------------------------------------


def test_a_created_study_is_queued_and_has_no_past(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    assert (study.state, study.reason, study.data) == (StudyState.QUEUED, "", "")
    assert (study.created_at, study.started_at, study.ended_at) == (NOW, None, None)
    assert pair.registry.progress(study).counts == {}
    assert pair.registry.trials(study, list(TrialState)) == []
    assert pair.registry.last_measurement(study, 0) is None


def test_a_configuration_comes_back_as_it_went_in(pair: Pair) -> None:
    space = SearchSpace(
        {
            "x": Float(low=-1.5, high=2.0),
            "layers": Int(low=1, high=9, step=2),
            "width": Int(low=1, high=512, log=True),
            "norm": Categorical(choices=(None, True, "batch", 3, 0.5)),
        },
        {"width": {"norm": (None, "batch"), "layers": (3,)}},
    )
    objectives = (
        Objective(name="val_loss", maximize=False),
        Objective(name="cost_usd", maximize=False),
    )
    config = replace(
        CONFIG,
        space=space,
        default={"x": 0.1, "norm": None},
        constants={"epochs": 3, "optimizer": "sgd", "skip": False},
        objectives=objectives,
        cost_budget_usd=0.5,
    )

    pair.registry.create(config)

    found = pair.registry.find(CONFIG.name)
    assert found is not None
    assert found.config == config
    assert list(found.config.space.parameters) == ["x", "layers", "norm", "width"]


def test_a_name_is_taken_whatever_its_case(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    with pytest.raises(NameTaken):
        pair.registry.create(replace(CONFIG, name="dIGITS-1"))

    assert pair.registry.studies() == [study]


def test_a_study_is_found_whatever_its_case(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    assert pair.registry.find("DIGITS-1") == study
    assert pair.registry.find("digits") is None


def test_studies_are_listed_newest_first(pair: Pair) -> None:
    first = pair.registry.create(CONFIG)
    pair.pass_time(1)
    second = pair.registry.create(replace(CONFIG, name="second"))

    assert pair.registry.studies() == [second, first]


def test_a_new_target_is_a_new_intention(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)

    target = Target(n_trials=30, cost_budget_usd=0.25, max_cost_per_trial_usd=0.05)
    changed = pair.registry.retarget(study.id, target)

    assert changed.config == target.applied_to(CONFIG)
    assert changed.revision > study.revision
    assert pair.registry.find(CONFIG.name) == changed


def test_what_a_new_target_does_not_say_stays(pair: Pair) -> None:
    study = pair.registry.create(replace(CONFIG, max_cost_per_trial_usd=0.1))

    pair.registry.retarget(study.id, Target(cost_budget_usd=0.25))
    changed = pair.registry.retarget(study.id, Target(n_trials=30))

    config = changed.config
    assert (config.n_trials, config.cost_budget_usd) == (30, 0.25)
    assert config.max_cost_per_trial_usd == 0.1


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.STOPPED, StudyState.FAILED])
async def test_a_new_target_queues_an_ended_study_again(pair: Pair, state: StudyState) -> None:
    study = await pair.started()
    await pair.store.finish(study, state, "it ended")

    changed = pair.registry.retarget(study.id, Target(n_trials=30))

    assert (changed.state, changed.reason) == (StudyState.QUEUED, "")
    assert (changed.started_at, changed.ended_at) == (NOW, None)


async def test_a_new_target_leaves_a_running_study_running(pair: Pair) -> None:
    study = await pair.started()

    changed = pair.registry.retarget(study.id, Target(n_trials=30))

    assert changed.state is StudyState.RUNNING


def test_an_unknown_study_cannot_be_retargeted(pair: Pair) -> None:
    with pytest.raises(StudyNotFound):
        pair.registry.retarget(99, Target(n_trials=30))


# --- stops -------------------------------------------------------------------------------------


def test_a_queued_study_is_stopped_at_once(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)
    pair.pass_time(5)

    stopped = pair.registry.stop(study.id)

    assert (stopped.state, stopped.reason) == (StudyState.STOPPED, "stopped by the user")
    assert (stopped.ended_at, stopped.stop_requested) == (NOW + 5, False)
    assert stopped.revision > study.revision


async def test_a_running_study_is_asked_to_stop_once(pair: Pair) -> None:
    study = await pair.started()

    asked = pair.registry.stop(study.id)
    again = pair.registry.stop(study.id)

    assert (asked.state, asked.stop_requested) == (StudyState.RUNNING, True)
    assert asked.revision > study.revision
    assert again == asked


async def test_a_new_target_withdraws_the_request_to_stop(pair: Pair) -> None:
    study = await pair.started()
    pair.registry.stop(study.id)

    changed = pair.registry.retarget(study.id, Target(n_trials=10))

    assert (changed.state, changed.stop_requested) == (StudyState.RUNNING, False)


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.STOPPED, StudyState.FAILED])
async def test_a_study_that_has_ended_is_not_changed_by_a_stop(
    pair: Pair, state: StudyState
) -> None:
    study = await pair.started()
    await pair.store.finish(study, state, "it ended")
    before = pair.registry.find(CONFIG.name)

    assert pair.registry.stop(study.id) == before


async def test_a_study_that_has_stopped_is_asked_no_longer(pair: Pair) -> None:
    asked = pair.registry.stop((await pair.started()).id)

    assert await pair.store.finish(asked, StudyState.STOPPED, "stopped by the user")

    found = pair.registry.find(CONFIG.name)
    assert found is not None
    assert (found.state, found.stop_requested) == (StudyState.STOPPED, False)


def test_an_unknown_study_cannot_be_stopped(pair: Pair) -> None:
    with pytest.raises(StudyNotFound):
        pair.registry.stop(99)


# --- trials ------------------------------------------------------------------------------------


async def test_progress_counts_trials_by_state(pair: Pair) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5)
    await pair.completed(study, 0.6)
    await pair.failed(study, "boom")
    await pair.attempted(study)

    counts = pair.registry.progress(study).counts

    assert counts == {TrialState.COMPLETE: 2, TrialState.FAIL: 1, TrialState.RUNNING: 1}


async def test_running_attempts_cost_up_to_their_last_sign_of_life(pair: Pair) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5, cost=0.25)
    await pair.attempted(study)
    pair.pass_time(100)

    await pair.store.sign(replace(SIGN, alive_at=NOW + 10))

    assert pair.registry.progress(study).cost_usd == pytest.approx(0.25 + 0.01)


async def test_progress_counts_trials_that_were_begun_and_wait(pair: Pair) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED)
    await pair.completed(study, 0.5)
    assert pair.registry.progress(study).interrupted == 0
    await pair.interrupted(study, Outcome.KILLED)

    assert pair.registry.progress(study).interrupted == 1


async def test_progress_knows_how_long_finished_trials_trained(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    pair.pass_time(30)
    done = Record(trial, TrialState.COMPLETE, 0.5, 0.01, "")
    await pair.store.record(study, done, Outcome.COMPLETED)
    await pair.failed(study, "boom")

    assert pair.registry.progress(study).finished_seconds == (30.0,)


async def test_trials_are_listed_by_number_without_their_parameters(pair: Pair) -> None:
    study = await pair.started()
    for value in (0.5, 0.6, 0.7):
        await pair.completed(study, value)

    listed = pair.registry.trials(study, [TrialState.COMPLETE, TrialState.PRUNED])

    assert [(t.number, t.value, dict(t.params)) for t in listed] == [
        (0, 0.5, {}),
        (1, 0.6, {}),
        (2, 0.7, {}),
    ]
    assert pair.registry.trials(study, [TrialState.RUNNING]) == []


async def test_complete_trials_lead_and_pruned_ones_follow_where_they_are_too_few(
    pair: Pair,
) -> None:
    study = await pair.started()
    assert pair.registry.leading(study, 2) == []
    for value in (0.5, 0.7, 0.6, 0.7):
        await pair.completed(study, value)
    pruned = (await pair.attempted(study)).trial
    await pair.measure(study, pruned, {1: 0.9})
    record = Record(pruned, TrialState.PRUNED, 0.9, 0.01, "worse than the others")
    await pair.store.record(study, record, Outcome.STOPPED)

    leading = [pair.registry.leading(study, most) for most in (2, 5)]

    assert [{t.number for t in trials} for trials in leading] == [{1, 3}, {0, 1, 2, 3, pruned}]


async def test_a_running_trial_is_listed_with_its_last_epoch(pair: Pair) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    await pair.measure(study, trial, {1: 0.3, 2: 0.4})

    (listed,) = pair.registry.trials(study, [TrialState.RUNNING])

    assert (listed.epoch, listed.value, listed.ended_at) == (2, 0.4, None)
    last = pair.registry.last_measurement(study, trial)
    assert last is not None
    assert (last.epoch, last.metrics, last.seconds) == (
        2,
        {"val_accuracy": 0.4, "val_loss": 0.1},
        2.0,
    )


async def test_one_trial_is_shown_complete(pair: Pair) -> None:
    study = await pair.started()
    suggestion = await pair.attempted(study)
    await pair.measure(study, suggestion.trial, {1: 0.3, 2: 0.4})
    pruned = Record(suggestion.trial, TrialState.PRUNED, 0.4, 0.03, "too slow a learner")
    await pair.store.record(study, pruned, Outcome.STOPPED)

    trial = pair.registry.trial(study, suggestion.trial)

    assert (trial.state, trial.value, trial.epoch) == (TrialState.PRUNED, 0.4, 2)
    assert (trial.cost_usd, trial.reason) == (0.03, "too slow a learner")
    assert dict(trial.params) == dict(CONFIG.default)
    assert trial.started_at is not None
    assert trial.ended_at is not None


async def test_a_trial_that_does_not_exist_is_a_lookup_error(pair: Pair) -> None:
    study = pair.registry.create(CONFIG)
    with pytest.raises(LookupError, match="#0"):
        pair.registry.trial(study, 0)

    await pair.store.open(study)

    with pytest.raises(LookupError, match="#7"):
        pair.registry.trial(study, 7)


# --- who runs it -------------------------------------------------------------------------------


async def test_the_registry_says_who_last_signed(pair: Pair) -> None:
    assert pair.registry.orchestrator() is None

    await pair.store.sign(SIGN)
    await pair.store.sign(replace(SIGN, pid=43))

    assert pair.registry.orchestrator() == replace(SIGN, pid=43)


async def test_only_the_orchestrator_that_signed_can_be_asked_to_leave_and_only_once(
    pair: Pair,
) -> None:
    await pair.store.sign(SIGN)

    assert not pair.registry.ask_to_leave(replace(SIGN, pid=43), "2.0")
    assert pair.registry.ask_to_leave(SIGN, "2.0")
    assert not pair.registry.ask_to_leave(SIGN, "2.0")

    assert await pair.store.sign(replace(SIGN, alive_at=NOW + 2)) == "2.0"


async def test_who_signs_after_it_is_not_asked_to_leave(pair: Pair) -> None:
    assert await pair.store.sign(SIGN) == ""
    pair.registry.ask_to_leave(SIGN, "2.0")

    assert await pair.store.sign(replace(SIGN, started_at=NOW + 9)) == "2.0"
    assert await pair.store.sign(replace(SIGN, pid=43)) == ""


async def test_the_registry_knows_what_waits_for_the_tracker_and_why(pair: Pair) -> None:
    assert pair.registry.backlog() == Backlog(entries=0, since=None)
    await pair.started()
    pair.pass_time(5)
    await pair.started(name="second")

    await pair.store.sign(replace(SIGN, tracking="connection refused"))

    assert pair.registry.backlog() == Backlog(entries=2, since=NOW)
    sign = pair.registry.orchestrator()
    assert sign is not None
    assert sign.tracking == "connection refused"


async def test_work_waits_while_a_study_should_run_or_the_tracker_has_not_been_told_all(
    pair: Pair,
) -> None:
    assert not pair.registry.work_waits()
    study = pair.registry.create(CONFIG)
    assert pair.registry.work_waits()
    await pair.store.open(study)
    await pair.store.finish(study, StudyState.COMPLETE, "done")
    assert pair.registry.work_waits()

    await pair.store.delivered([entry_id for entry_id, _ in await pair.store.undelivered(10)])

    assert not pair.registry.work_waits()

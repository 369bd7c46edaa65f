"""What jobs have cost, as the database sums it up over real studies of Optuna."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from anyio import to_thread
from mlflow import MlflowClient

from mcp_automl.domain.costs import GroupBy, Spent
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.savings import PrunedTrial
from mcp_automl.domain.space import Float, SearchSpace
from mcp_automl.domain.study import Study, StudyConfig, TrialState
from mcp_automl.stores.accounts import SqliteAccounts
from mcp_automl.stores.schema import connect
from mcp_automl.trackers.runs import MlflowRuns
from tests.stores_for_tests import CONFIG, HOURLY, NOW, SIGN, Pair, start

BY_COST = "cost budget: $0.4999 of $0.5000 spent"
BY_MEDIAN = "pruned at epoch 2: its best val_accuracy 0.1 is below 0.5, the median of 5"


async def spent(path: Path, by: GroupBy, since: float | None = None) -> list[Spent]:
    parts = await to_thread.run_sync(lambda: SqliteAccounts(path).spent(by, since))
    return sorted(parts, key=lambda part: (part.key, part.running))


async def costs(path: Path, by: GroupBy, since: float | None = None) -> dict[str, float]:
    parts = await spent(path, by, since)
    assert len({part.key for part in parts}) == len(parts)
    return {part.key: round(part.cost_usd, 9) for part in parts}


async def pruned(path: Path, study: Study) -> list[PrunedTrial]:
    return list(await to_thread.run_sync(lambda: SqliteAccounts(path).pruned(study)))


async def attempted_at(pair: Pair, study: Study, at: float, *, seconds: float = 60.0) -> None:
    """A trial that began then, and completed."""
    trial = (await pair.store.ask(study)).trial
    await pair.store.open_attempt(study, start(trial, at=at))
    pair.pass_time(seconds)
    record = Record(trial, TrialState.COMPLETE, 0.5, seconds / 1000, "")
    await pair.store.record(study, record, Outcome.COMPLETED)


async def ended(
    pair: Pair,
    study: Study,
    state: TrialState,
    reason: str,
    *,
    trained: int = 2,
    seconds: float = 10.0,
    cost: float = 0.01,
) -> int:
    """A trial that trained some epochs of two seconds and ended so."""
    trial = (await pair.attempted(study)).trial
    await pair.measure(study, trial, dict.fromkeys(range(1, trained + 1), 0.5))
    pair.pass_time(seconds)
    await pair.store.record(study, Record(trial, state, 0.5, cost, reason), Outcome.STOPPED)
    return trial


# --- sums --------------------------------------------------------------------------------------


async def test_studies_are_summed_by_name_model_and_owner(pair: Pair, path: Path) -> None:
    one = await pair.started(name="one", owner="ada")
    two = await pair.started(name="two", owner="ada", model="llm")
    three = await pair.started(name="three", owner="grace")
    for study, cost in ((one, 0.1), (one, 0.2), (two, 0.4), (three, 0.8)):
        await pair.completed(study, 0.5, cost=cost)

    assert await costs(path, GroupBy.STUDY) == {"one": 0.3, "two": 0.4, "three": 0.8}
    assert await costs(path, GroupBy.MODEL) == {"mnist": 1.1, "llm": 0.4}
    assert await costs(path, GroupBy.OWNER) == {"ada": 0.7, "grace": 0.8}


async def test_failed_and_repeated_attempts_are_jobs_that_cost_too(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1)
    await pair.completed(study, 0.5, 0.5)
    await pair.failed(study, "boom")

    (sums,) = await spent(path, GroupBy.STUDY)

    assert (sums.jobs, round(sums.cost_usd, 9)) == (3, 0.03)


async def test_slots_are_held_from_the_start_of_a_job_to_its_end(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await attempted_at(pair, study, NOW, seconds=60.0)
    await attempted_at(pair, study, NOW + 60.0, seconds=30.0)

    (sums,) = await spent(path, GroupBy.STUDY)

    assert sums.slot_s == 90.0


async def test_what_runs_is_counted_up_to_its_last_sign_of_life(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5, cost=0.25)
    await pair.attempted(study)
    await pair.store.sign(replace(SIGN, alive_at=NOW + 10))

    has_ended, runs = await spent(path, GroupBy.OWNER)

    assert (has_ended.cost_usd, has_ended.jobs, has_ended.running) == (0.25, 1, 0)
    assert runs == Spent(key="ada", cost_usd=10 * HOURLY / 3600, slot_s=10.0, jobs=1, running=1)


async def test_a_study_that_spent_nothing_yet_has_no_line(pair: Pair, path: Path) -> None:
    await pair.started()

    assert await spent(path, GroupBy.STUDY) == []


async def test_a_job_counts_from_the_moment_on_at_which_it_began(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await attempted_at(pair, study, NOW, seconds=60.0)
    await attempted_at(pair, study, NOW + 60.0, seconds=30.0)

    assert await costs(path, GroupBy.STUDY, NOW + 60.0) == {CONFIG.name: 0.03}
    assert await costs(path, GroupBy.STUDY, NOW + 60.1) == {}


async def test_a_job_that_runs_counts_from_its_beginning_on_too(pair: Pair, path: Path) -> None:
    await pair.attempted(await pair.started())

    assert [part.running for part in await spent(path, GroupBy.STUDY, NOW)] == [1]
    assert await spent(path, GroupBy.STUDY, NOW + 0.1) == []


# --- days --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2027-01-15"), ("UTC-14", "2027-01-15"), ("UTC+9", "2027-01-14")]
)
async def test_days_are_those_of_the_clock_on_the_wall(
    pair: Pair, path: Path, living_in: Callable[[str], None], zone: str, day: str
) -> None:
    study = await pair.started()
    # 08:00 in UTC.
    await attempted_at(pair, study, NOW)

    living_in(zone)

    assert await costs(path, GroupBy.DAY) == {day: 0.06}


async def test_a_job_that_trains_past_midnight_counts_on_its_first_day(
    pair: Pair, path: Path, living_in: Callable[[str], None]
) -> None:
    living_in("UTC")
    study = await pair.started()
    midnight = NOW - 8 * 3600
    await attempted_at(pair, study, midnight - 1.0, seconds=3600.0)
    await attempted_at(pair, study, midnight, seconds=60.0)

    assert await costs(path, GroupBy.DAY) == {"2027-01-14": 3.6, "2027-01-15": 0.06}


# --- what others are told -----------------------------------------------------------------------


async def test_optuna_and_mlflow_are_told_what_all_attempts_at_a_trial_cost(
    pair: Pair, path: Path, mlflow_uri: str
) -> None:
    study = await pair.started()
    first = await pair.interrupted(study, Outcome.KILLED, 1)
    await pair.completed(study, 0.5, 0.6, cost=0.25)

    def told() -> tuple[object, object]:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        (trial,) = optuna.load_study(study_name=CONFIG.name, storage=storage).trials
        MlflowRuns(mlflow_uri).deliver(entries)
        client = MlflowClient(mlflow_uri)
        experiments = [it.experiment_id for it in client.search_experiments()]
        (run,) = client.search_runs(experiments, f"tags.trial_number = '{first}'")
        return trial.user_attrs["cost_usd"], run.data.metrics["cost_usd"]

    entries = await pair.entries()

    assert await to_thread.run_sync(told) == (0.26, 0.26)


# --- what must outlive a study -----------------------------------------------------------------


async def test_no_study_can_be_deleted_from_under_the_sums_that_it_is_part_of(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5)

    def delete() -> None:
        with closing(connect(path)) as connection:
            connection.execute("DELETE FROM automl_measurements")
            connection.execute("DELETE FROM automl_studies WHERE id = ?", (study.id,))

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await to_thread.run_sync(delete)

    assert await costs(path, GroupBy.STUDY) == {CONFIG.name: 0.01}


# --- what pruning saved ------------------------------------------------------------------------


async def test_a_pruned_trial_knows_its_plan_and_the_measured_cost_of_its_epochs(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    await ended(pair, study, TrialState.PRUNED, BY_MEDIAN, trained=2, seconds=10.0, cost=0.02)

    # Two epochs of two seconds each, in ten seconds that cost two cents.
    (trial,) = await pruned(path, study)

    assert (trial.planned, trial.trained, trial.epoch_s) == (CONFIG.default["epochs"], 2, 2.0)
    assert trial.usd_per_hour == pytest.approx(0.02 / 10.0 * 3600)


async def test_only_what_the_pruner_ended_is_its_saving(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await ended(pair, study, TrialState.COMPLETE, "")
    await ended(pair, study, TrialState.PRUNED, BY_COST)
    await ended(pair, study, TrialState.FAIL, "boom")
    await pair.attempted(study)

    assert await pruned(path, study) == []


async def test_a_trial_that_was_resumed_before_it_was_pruned_is_one_trial(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    first = (await pair.attempted(study)).trial
    await pair.measure(study, first, {1: 0.5})
    pair.pass_time(10.0)
    again = Record(first, TrialState.WAITING, None, 0.01, "killed")
    await pair.store.record(study, again, Outcome.KILLED)
    trial = (await pair.store.ask(study)).trial
    assert trial == first
    await pair.store.open_attempt(study, start(trial, at=NOW + 10.0))
    await pair.measure(study, trial, {1: 0.5, 2: 0.5})
    pair.pass_time(10.0)
    record = Record(trial, TrialState.PRUNED, 0.5, 0.03, BY_MEDIAN)
    await pair.store.record(study, record, Outcome.STOPPED)

    (one,) = await pruned(path, study)

    assert one.trained == 2
    assert one.usd_per_hour == pytest.approx(0.04 / 20.0 * 3600)


async def test_a_trainer_without_epochs_to_choose_has_no_savings_to_show(
    pair: Pair, path: Path
) -> None:
    space = SearchSpace({"lr": Float(low=1e-5, high=1e-2, log=True)})
    study = await pair.started(space=space, default={"lr": 1e-3})
    await ended(pair, study, TrialState.PRUNED, BY_MEDIAN)

    assert await pruned(path, study) == []


async def test_savings_are_each_studys_own(pair: Pair, path: Path) -> None:
    one, other = await pair.started(name="one"), await pair.started(name="other")
    await ended(pair, one, TrialState.PRUNED, BY_MEDIAN, trained=1, cost=0.01)
    await ended(pair, other, TrialState.PRUNED, BY_MEDIAN, trained=2, cost=0.05)

    told = [await pruned(path, study) for study in (one, other)]

    # Both began at the same time, and the other one ended ten seconds later.
    assert [(it.trained, round(it.usd_per_hour, 6)) for (it,) in told] == [(1, 3.6), (2, 9.0)]


async def test_a_study_that_was_never_opened_saved_nothing(pair: Pair, path: Path) -> None:
    assert await pruned(path, pair.registry.create(CONFIG)) == []


async def test_finished_trials_tell_what_one_costs_with_all_its_attempts(
    path: Path, pair: Pair
) -> None:
    earlier = await pair.started(name="earlier", epochs_max=2)
    await ended(pair, earlier, TrialState.COMPLETE, "", seconds=10, cost=0.02)
    await ended(pair, earlier, TrialState.PRUNED, BY_MEDIAN, seconds=4, cost=0.01)
    await ended(pair, earlier, TrialState.PRUNED, BY_COST, cost=9.0)
    await ended(pair, earlier, TrialState.FAIL, "it raised", cost=9.0)
    other = await pair.started(name="other", model="llm")
    await ended(pair, other, TrialState.COMPLETE, "", cost=9.0)
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED)
    await ended(pair, study, TrialState.COMPLETE, "", seconds=6, cost=0.03)

    def finished(asked: StudyConfig) -> list[tuple[float, int, bool, bool]]:
        costs = SqliteAccounts(path).finished(asked)
        return [(round(cost.usd, 9), cost.epochs_max, cost.own, cost.alike) for cost in costs]

    mine = await to_thread.run_sync(lambda: finished(study.config))
    assert mine == [(0.04, 5, True, True), (0.01, 2, False, True), (0.02, 2, False, True)]
    other_space = replace(study.config, name="new", constants={"weight_decay": 0.1})
    theirs = await to_thread.run_sync(lambda: finished(other_space))
    assert not any(own or alike for _, _, own, alike in theirs)


async def test_epochs_that_are_fixed_for_all_trials_are_planned_too(pair: Pair, path: Path) -> None:
    space = SearchSpace({"lr": Float(low=1e-5, high=1e-2, log=True)})
    study = await pair.started(space=space, default={"lr": 1e-3}, constants={"epochs": 7})
    await ended(pair, study, TrialState.PRUNED, BY_MEDIAN, trained=2)

    assert [it.planned for it in await pruned(path, study)] == [7]

"""What the file is to Optuna, and what Optuna's sampler and pruner are to us."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import optuna
import pytest
from anyio import to_thread

from mcp_automl.domain.errors import NameTaken, WorkspaceUnusable
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.study import Objective, Study, Target, TrialState
from mcp_automl.stores import pruning
from tests.stores_for_tests import CONFIG, Pair, real_pair

# A warning of Optuna's is a call of ours that it does not want.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("error")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work {x} 100% space" / "automl_studies.db"


async def plainly_loaded(path: Path, name: str = CONFIG.name) -> optuna.Study:
    """The study as anybody's script loads it."""

    def creator() -> sqlite3.Connection:
        return sqlite3.connect(path, check_same_thread=False)

    def load() -> optuna.Study:
        storage = optuna.storages.RDBStorage("sqlite:///x", {"creator": creator})
        return optuna.load_study(study_name=name, storage=storage)

    return await to_thread.run_sync(load)


async def pruned(pair: Pair, study: Study) -> str:
    """Five trials that do well, and then one that does not; the pruner's reason."""
    for at_second in (0.80, 0.82, 0.84, 0.86, 0.88):
        await pair.completed(study, 0.5, at_second)
    trial = (await pair.attempted(study)).trial
    assert await pair.measure(study, trial, {1: 0.1}) == []
    (reason,) = await pair.measure(study, trial, {2: 0.6})
    record = Record(trial, TrialState.PRUNED, 0.6, 0.01, reason)
    await pair.store.record(study, record, Outcome.STOPPED)
    return reason


# --- pruning -----------------------------------------------------------------------------------


async def test_a_hopeless_trial_is_pruned_with_the_median_it_fell_behind(pair: Pair) -> None:
    assert await pruned(pair, await pair.started()) == (
        "pruned at epoch 2: its best val_accuracy 0.6000 is below 0.8400, "
        "the median of 5 complete trials at that epoch"
    )


async def test_where_less_is_better_a_pruned_trial_lies_above_the_median(pair: Pair) -> None:
    study = await pair.started(objectives=(Objective(name="val_accuracy", maximize=False),))
    for at_second in (0.1, 0.2, 0.3, 0.4):
        await pair.completed(study, 0.5, at_second)
    await pair.completed(study, 0.5)
    trial = (await pair.attempted(study)).trial

    assert await pair.measure(study, trial, {1: 0.9, 2: 0.7}) == [
        (
            "pruned at epoch 2: its best val_accuracy 0.7000 is above 0.2500, "
            "the median of 4 complete trials at that epoch"
        )
    ]


async def test_a_trial_is_judged_by_its_best_epoch(pair: Pair) -> None:
    study = await pair.started()
    for _ in range(5):
        await pair.completed(study, 0.5, 0.8)
    trial = (await pair.attempted(study)).trial

    assert await pair.measure(study, trial, {1: 0.85, 2: 0.1}) == []


async def test_numbers_that_look_alike_are_shown_apart(pair: Pair) -> None:
    study = await pair.started()
    for _ in range(5):
        await pair.completed(study, 0.5, 0.98761)
    trial = (await pair.attempted(study)).trial

    (reason,) = await pair.measure(study, trial, {1: 0.1, 2: 0.98759})

    assert "0.98759 is below 0.98761" in reason


@pytest.mark.parametrize(("epochs_max", "first"), [(1, 2), (5, 2), (10, 2), (11, 3), (52, 7)])
def test_no_trial_is_pruned_in_the_first_tenth(epochs_max: int, first: int) -> None:
    assert pruning.warmup_epochs(epochs_max) == first


# --- an ordinary study -------------------------------------------------------------------------


async def test_plain_optuna_lists_every_epoch_and_why_a_trial_was_pruned(
    pair: Pair, path: Path
) -> None:
    reason = await pruned(pair, await pair.started())

    study = await plainly_loaded(path)

    assert study.direction.name == "MAXIMIZE"
    trials = study.get_trials()
    assert [t.state.name for t in trials] == ["COMPLETE"] * 5 + ["PRUNED"]
    assert trials[0].params == CONFIG.default
    assert trials[0].intermediate_values == {1: 0.5, 2: 0.8}
    assert trials[5].intermediate_values == {1: 0.1, 2: 0.6}
    assert trials[5].value == 0.6
    assert trials[5].user_attrs == {"cost_usd": 0.01, "attempts": 1, "reason": reason}


async def test_plain_optuna_sees_how_the_study_is_searched(pair: Pair, path: Path) -> None:
    study = await pair.started()

    attributes = (await plainly_loaded(path)).user_attrs

    assert attributes == {
        "automl_study": study.id,
        "model": "mnist",
        "objective": "val_accuracy",
        "sampler": "TPE, multivariate, constant liar, 5 start-up trials",
        "pruner": "median of at least 5 complete trials, from epoch 2",
    }


async def test_a_study_that_is_searched_otherwise_from_now_on_goes_on_with_its_trials(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    for _ in range(6):
        await pair.completed(study, 0.5, 0.6)
    running = await pair.attempted(study)
    target = Target(sampler=Sampler.CMAES, pruner=Pruner.ASHA)
    changed = await to_thread.run_sync(pair.registry.retarget, study.id, target)

    assert (await pair.attempted(changed)).trial == running.trial + 1

    (reason,) = await pair.measure(changed, running.trial, {1: 0.5, 2: 0.1})
    assert reason.endswith("0.1000 is number 7 of 7 trials that got there, and the best 2 go on")
    attributes = (await plainly_loaded(path)).user_attrs
    assert attributes["sampler"] == "CMA-ES, 5 start-up trials"
    assert attributes["pruner"] == "ASHA: the best of every 3 go on, from epoch 2"


async def test_a_trial_that_plain_optuna_enqueues_is_the_next_one(pair: Pair, path: Path) -> None:
    study = await pair.started()
    await pair.completed(study, 0.5)
    plain = await plainly_loaded(path)
    await to_thread.run_sync(plain.enqueue_trial, {"lr": 0.005, "batch_size": 32, "epochs": 2})

    suggestion = await pair.attempted(study)

    assert suggestion.params == {"lr": 0.005, "batch_size": 32, "epochs": 2}
    assert (await pair.attempted(study)).trial == suggestion.trial + 1


async def test_a_pruned_trial_that_a_gaussian_process_learns_from_is_stored_as_pruned(
    pair: Pair, path: Path
) -> None:
    study = await pair.started(sampler=Sampler.AUTO, pruner=Pruner.ASHA)
    for number in range(7):
        trial = (await pair.attempted(study)).trial
        (*_, reason) = [None, *await pair.measure(study, trial, {1: 0.1, 2: 0.5 - number / 20})]
        state = TrialState.COMPLETE if reason is None else TrialState.PRUNED
        record = Record(trial, state, 0.5 - number / 20, 0.01, reason or "")
        await pair.store.record(study, record, Outcome.COMPLETED)

    stored = await plainly_loaded(path)

    assert [t.state.name for t in stored.get_trials()] == ["COMPLETE"] + ["PRUNED"] * 6
    assert stored.best_trial.number == 0


async def test_an_infinite_objective_is_no_intermediate_value(pair: Pair, path: Path) -> None:
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    await pair.measure(study, trial, {1: 0.5, 2: float("inf"), 3: float("nan")})

    assert (await plainly_loaded(path)).get_trials()[0].intermediate_values == {1: 0.5}


async def test_a_resumed_trial_reports_its_checkpoint_again_without_harm(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    await pair.interrupted(study, Outcome.KILLED, 1, 2)

    await pair.completed(study, 0.7, 0.8, 0.9)

    (trial,) = (await plainly_loaded(path)).get_trials()
    assert trial.intermediate_values == {1: 0.5, 2: 0.5, 3: 0.9}
    assert trial.user_attrs["attempts"] == 2


async def test_steps_that_miss_the_upper_bound_do_not_bother_optuna(pair: Pair) -> None:
    space = SearchSpace({"width": Int(low=1, high=10, step=4)})
    study = await pair.started(space=space, default={"width": 9})

    widths = [(await pair.store.ask(study)).params["width"] for _ in range(6)]

    assert widths[0] == 9
    assert set(widths) <= {1, 5, 9}


async def test_the_sampler_learns_of_a_parameter_from_the_trials_that_had_it(pair: Pair) -> None:
    space = SearchSpace(
        {"kind": Categorical(choices=("a", "b")), "x": Float(low=0.0, high=1.0)},
        {"x": {"kind": ("b",)}},
    )
    study = await pair.started(space=space, default={"kind": "a"}, n_trials=60)
    points = []
    for _ in range(60):
        suggestion = await pair.attempted(study)
        points.append(dict(suggestion.params))
        x = suggestion.params.get("x")
        value = 0.1 if x is None else 1.0 - abs(float(str(x)) - 0.8)
        record = Record(suggestion.trial, TrialState.COMPLETE, value, 0.0, "")
        await pair.store.record(study, record, Outcome.COMPLETED)

    late = [point.get("x") for point in points[30:]]
    near = [x for x in late if isinstance(x, float) and abs(x - 0.8) < 0.2]
    assert len(near) > len(late) / 2, "a random search would have a fifth of them"


async def test_optunas_file_holds_what_is_searched_and_not_the_constants(
    pair: Pair, path: Path
) -> None:
    study = await pair.started(constants={"kernel": 5})
    suggestion = await pair.attempted(study)

    (trial,) = (await plainly_loaded(path)).trials
    assert trial.params == dict(CONFIG.default)
    assert suggestion.params == {"kernel": 5, **CONFIG.default}


async def test_a_study_that_optuna_made_meanwhile_is_not_taken_over(pair: Pair, path: Path) -> None:
    study = await to_thread.run_sync(pair.registry.create, CONFIG)

    def meddle() -> None:
        creator = partial(sqlite3.connect, path, check_same_thread=False)
        storage = optuna.storages.RDBStorage("sqlite:///x", {"creator": creator})
        optuna.create_study(study_name=CONFIG.name, storage=storage).enqueue_trial({"x": 1})

    await to_thread.run_sync(meddle)

    with pytest.raises(NameTaken):
        await pair.store.open(study)


# --- across processes --------------------------------------------------------------------------


async def test_a_resumed_study_does_not_replay_its_first_suggestions(
    pair: Pair, path: Path
) -> None:
    study = await pair.started()
    before = [(await pair.store.ask(study)).params for _ in range(4)]
    for trial in range(4):
        record = Record(trial, TrialState.FAIL, None, 0.0, "boom")
        await pair.store.record(study, record, Outcome.RAISED)
    resumed = real_pair(path)

    await resumed.store.open(study)

    after = [(await resumed.store.ask(study)).params for _ in range(4)]
    assert not [params for params in after if params in before]


async def test_nothing_is_printed(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    await pruned(pair, await pair.started())

    assert capfd.readouterr() == ("", "")


async def test_calls_from_several_tasks_take_turns(pair: Pair) -> None:
    study = await pair.started()
    asked: list[int] = []

    async def train() -> None:
        asked.extend([await pair.completed(study, 0.5, 0.6) for _ in range(3)])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(train)

    assert sorted(asked) == list(range(9))
    counts = pair.registry.progress(study).counts
    assert counts == {TrialState.COMPLETE: 9}


async def test_a_full_disk_is_said_and_the_study_goes_on_afterwards(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = await pair.started()
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    class FullDisk(sqlite3.Connection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            if args[0].startswith("BEGIN IMMEDIATE"):
                raise full
            return super().execute(*args)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=FullDisk))
        with pytest.raises(WorkspaceUnusable, match="the disk is full"):
            await pair.store.prepared(study, data="x", arguments={})

    assert await pair.completed(study, 0.5) == 0


async def test_optunas_own_trouble_with_the_disk_is_said_too(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    class FullDisk(sqlite3.Connection):
        def commit(self) -> None:
            raise full

    study = pair.registry.create(CONFIG)
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=FullDisk))

    with pytest.raises(WorkspaceUnusable, match="the disk is full"):
        await pair.store.open(study)

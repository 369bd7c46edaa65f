"""Deleting a study from the database: what goes, what stays, and who may be at work meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from anyio import to_thread
from mlflow import MlflowClient

from mcp_automl.archive import Removed
from mcp_automl.domain.costs import GroupBy
from mcp_automl.domain.errors import NameTaken, StudyNotFound, StudyRuns
from mcp_automl.domain.study import StudyState, Target, TrialState
from mcp_automl.stores import deletion
from mcp_automl.stores.accounts import SqliteAccounts
from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.registry import SqliteRegistry
from mcp_automl.trackers.runs import MlflowRuns
from tests.deletion_for_tests import OPTUNAS, delete, ended, rows
from tests.stores_for_tests import CONFIG, Pair, real_pair

pytestmark = pytest.mark.anyio


async def spent(path: Path, by: GroupBy) -> dict[str, float]:
    parts = await to_thread.run_sync(SqliteAccounts(path).spent, by, None)
    return {part.key: round(part.cost_usd, 9) for part in parts}


def optimize_plainly(path: Path, name: str) -> None:
    made = optuna.create_study(study_name=name, storage=f"sqlite:///{path}")
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)


def copy_plainly(path: Path, name: str, copy: str) -> None:
    storage = f"sqlite:///{path}"
    optuna.copy_study(
        from_study_name=name, from_storage=storage, to_storage=storage, to_study_name=copy
    )


# --- what goes and what stays ------------------------------------------------------------------


async def test_nothing_is_left_of_a_deleted_study_but_what_it_cost(pair: Pair, path: Path) -> None:
    study = await ended(pair, 0.5, 0.9)
    before = {by: await spent(path, by) for by in (GroupBy.MODEL, GroupBy.OWNER, GroupBy.DAY)}

    removed = await delete(path, study)

    assert removed == Removed(trials=4, cost_usd=0.04)
    assert pair.registry.studies() == [] and pair.registry.find(CONFIG.name) is None
    for table in (*OPTUNAS, "automl_measurements"):
        assert rows(path, f"SELECT COUNT(*) FROM {table}") == [(0,)], table
    assert "secret" not in repr(rows(path, "SELECT * FROM automl_attempts"))
    assert await spent(path, GroupBy.STUDY) == {"Digits-1 (deleted)": 0.04}
    assert {by: await spent(path, by) for by in before} == before


async def test_other_studies_and_those_of_plain_optuna_keep_everything(
    pair: Pair, path: Path
) -> None:
    other = await ended(pair, 0.5, name="other")
    await to_thread.run_sync(optimize_plainly, path, "plain")
    study = await ended(pair, 0.5, 0.9)
    # With all attributes, those among them by which Optuna's half of a study is known.
    await to_thread.run_sync(copy_plainly, path, CONFIG.name, "copy")

    def contents(but: str) -> list[set[tuple[Any, ...]]]:
        those = f"study_id NOT IN (SELECT study_id FROM studies WHERE study_name = '{but}')"
        of_trials = f"trial_id IN (SELECT trial_id FROM trials WHERE {those})"
        return [
            *(set(rows(path, f"SELECT * FROM {it} WHERE {those}")) for it in deletion.OF_STUDIES),
            *(
                set(rows(path, f"SELECT * FROM {it} WHERE {of_trials}"))
                for it in deletion.OF_TRIALS
            ),
        ]

    before = contents(but=CONFIG.name)
    assert contents(but="") != before

    await delete(path, study)

    assert contents(but="") == before
    assert {s.config.name for s in pair.registry.studies()} == {"other", "plain", "copy"}
    assert pair.registry.progress(other).cost_usd == pytest.approx(0.03)
    with pytest.raises(StudyNotFound):
        await delete(path, next(s for s in pair.registry.studies() if s.id < 0))


async def test_a_study_of_plain_optuna_with_the_same_name_is_not_taken_for_its_trials(
    pair: Pair, path: Path
) -> None:
    study = pair.registry.create(CONFIG)
    await to_thread.run_sync(optimize_plainly, path, CONFIG.name)
    with pytest.raises(NameTaken):
        await pair.store.open(study)
    await pair.store.finish(study, StudyState.FAILED, "Optuna made a study of that name too")

    assert (await delete(path, study)).trials == 0

    assert rows(path, "SELECT COUNT(*) FROM trials") == [(2,)]


async def test_a_study_that_never_ran_in_a_database_without_optunas_tables_is_deleted(
    path: Path,
) -> None:
    path.parent.mkdir()
    path.touch()
    pair = real_pair(path)
    study = pair.registry.stop(pair.registry.create(CONFIG).id)

    assert await delete(path, study) == Removed(trials=0, cost_usd=0.0)

    assert pair.registry.studies() == []
    assert rows(path, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'trials'") == [(0,)]


def test_no_table_of_optunas_that_refers_to_a_trial_or_a_study_is_forgotten(
    pair: Pair, path: Path
) -> None:
    query = """
        SELECT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
        WHERE f."table" NOT LIKE 'automl_%'
    """
    to_trials = {name for name, table in rows(path, query) if table == "trials"}
    to_studies = {name for name, table in rows(path, query) if table == "studies"}

    assert to_trials == set(deletion.OF_TRIALS)
    assert to_studies == set(deletion.OF_STUDIES) - {"studies"}


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_study_that_runs_or_is_stopping_is_not_deleted(
    pair: Pair, path: Path, stopped: bool
) -> None:
    study = await pair.started()
    await pair.attempted(study)
    if stopped:
        pair.registry.stop(study.id)

    with pytest.raises(StudyRuns, match="call stop_automl_study"):
        await delete(path, study)

    assert len(pair.registry.trials(study, [TrialState.RUNNING])) == 1


def test_a_queued_study_is_not_deleted(pair: Pair, path: Path) -> None:
    with pytest.raises(StudyRuns):
        SqliteArchive(path).delete(pair.registry.create(CONFIG))

    assert len(pair.registry.studies()) == 1


async def test_what_is_asked_of_a_study_that_another_has_just_deleted_is_refused(
    pair: Pair, path: Path
) -> None:
    study = await ended(pair, 0.5)
    await delete(path, study)

    calls: list[Callable[[], object]] = [
        lambda: pair.registry.retarget(study.id, Target(n_trials=30)),
        lambda: pair.registry.stop(study.id),
        lambda: SqliteArchive(path).delete(study),
    ]
    for call in calls:
        with pytest.raises(StudyNotFound):
            await to_thread.run_sync(call)

    assert not await pair.store.finish(study, StudyState.COMPLETE, "all trials are done")
    assert await pair.store.should_run() == []


async def test_of_deletions_and_resumptions_at_once_only_one_kind_comes_through(
    pair: Pair, path: Path
) -> None:
    study = await ended(pair, 0.5)
    done: list[str] = []

    def ask(n: int) -> None:
        with suppress(StudyRuns, StudyNotFound):
            if n % 2:
                SqliteArchive(path).delete(study)
                done.append("deleted")
            else:
                SqliteRegistry(path).retarget(study.id, Target(n_trials=30))
                done.append("resumed")

    def at_once() -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(8)))

    await to_thread.run_sync(at_once)

    is_left = pair.registry.find(CONFIG.name) is not None
    assert done == (["resumed"] * 4 if is_left else ["deleted"])


# --- the name again ----------------------------------------------------------------------------


async def test_a_new_study_of_that_name_is_new_to_an_orchestrator_that_knew_the_old_one(
    pair: Pair, path: Path
) -> None:
    other = await pair.started(name="other")
    await pair.completed(other, 0.3)
    old = await ended(pair, 0.5, 0.9, 0.7)
    optunas_ids = "SELECT study_id FROM studies WHERE study_name = 'Digits-1'"
    reused = rows(path, optunas_ids)
    await delete(path, old)

    # The same store, with all that it and Optuna have in memory of the old one.
    new = await pair.started(name="digits-1")

    assert rows(path, "SELECT study_id FROM studies WHERE study_name = 'digits-1'") == reused
    assert new.id > old.id and pair.registry.progress(new).counts == {TrialState.WAITING: 1}
    history = await pair.store.open(new)
    assert (history.counted, history.spent_usd, history.epochs) == (0, 0.0, ())
    # Both go on side by side, with trial ids that the old one had.
    assert [await pair.completed(other, value) for value in (0.4, 0.5)] == [1, 2]
    assert [await pair.completed(new, value) for value in (0.1, 0.2)] == [0, 1]
    found = {n: pair.registry.trials(s, list(TrialState)) for n, s in enumerate((other, new))}
    assert [trial.value for trial in found[0]] == [0.3, 0.4, 0.5]
    assert [trial.value for trial in found[1]] == [0.1, 0.2]
    assert pair.registry.trial(new, 0).params["lr"] == CONFIG.default["lr"]
    sums = {"Digits-1 (deleted)": 0.05, "digits-1": 0.02, "other": 0.03}
    assert await spent(path, GroupBy.STUDY) == sums


async def test_a_name_can_be_deleted_again_and_again(pair: Pair, path: Path) -> None:
    for _ in range(3):
        study = await ended(pair, 0.5)
        await delete(path, study)

    assert await spent(path, GroupBy.STUDY) == {"Digits-1 (deleted)": 0.09}
    assert pair.registry.create(replace(CONFIG, name="DIGITS-1")).namesakes == 3


async def test_runs_stay_in_mlflow_and_a_new_study_of_that_name_has_its_own(
    pair: Pair, path: Path, mlflow_uri: str
) -> None:
    study = await ended(pair, 0.5)
    await delete(path, study)
    await ended(pair, 0.9)

    entries = await pair.entries()

    def keys() -> list[tuple[str, str]]:
        # All in one delivery: what waited when the study was deleted still arrives.
        MlflowRuns(mlflow_uri).deliver(entries)
        client = MlflowClient(mlflow_uri)
        experiments = [it.experiment_id for it in client.search_experiments()]
        runs = client.search_runs(experiments)
        return sorted((run.data.tags["automl.key"], run.info.status) for run in runs)

    found = await to_thread.run_sync(keys)

    ends = {"": "FINISHED", "/0": "FINISHED", "/1": "KILLED", "/2": "FAILED"}
    names = ("Digits-1", "Digits-1~2")
    assert found == [(f"{name}{run}", end) for name in names for run, end in ends.items()]

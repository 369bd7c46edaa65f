"""What people find in MLflow."""

import logging
import math
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import TrackingEntry
from mcp_automl.trackers import connection
from mcp_automl.trackers.mlflow import MlflowTracker
from tests.entries_for_tests import (
    NEW_YEAR,
    a_whole_life,
    measured,
    study_ended,
    study_started,
    trial_ended,
    trial_started,
)

Everything: TypeAlias = list[tuple[object, ...]]


class Store:
    """Reads a store as people do."""

    def __init__(self, uri: str) -> None:
        self.client = MlflowClient(uri)

    def runs(self) -> list[Run]:
        experiments = [it.experiment_id for it in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, run_view_type=ViewType.ALL))

    def study(self) -> Run:
        return next(r for r in self.runs() if "mlflow.parentRunId" not in r.data.tags)

    def trial(self, number: int = 0) -> Run:
        tag = str(number)
        return next(r for r in self.runs() if r.data.tags.get("trial_number") == tag)

    def history(self, name: str, number: int = 0) -> list[tuple[int, float, float]]:
        run_id = self.trial(number).info.run_id
        points = self.client.get_metric_history(run_id, name)
        return [(p.step, p.value, p.timestamp / 1000) for p in points]

    def everything(self) -> Everything:
        return sorted(self._all_of(run) for run in self.runs())

    def _all_of(self, run: Run) -> tuple[object, ...]:
        info, data = run.info, run.data
        histories = {
            name: sorted(str(p) for p in self.client.get_metric_history(info.run_id, name))
            for name in sorted(data.metrics)
        }
        told = str([data.tags, data.params, histories])
        return (info.run_id, info.run_name, info.status, info.start_time, info.end_time, told)


async def tracked(uri: str, entries: Sequence[TrackingEntry]) -> Store:
    await MlflowTracker(uri).deliver(entries)
    return Store(uri)


async def test_a_study_has_a_run_and_its_trial_one_beneath_it(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, a_whole_life())
    study, trial = store.study(), store.trial()

    assert len(store.runs()) == 2
    assert study.info.run_name == "digits"
    assert trial.data.tags["mlflow.parentRunId"] == study.info.run_id
    assert re.fullmatch(r"automl-mnist-trial0-\d{8}-\d{6}", trial.info.run_name or "")
    experiment = store.client.get_experiment(trial.info.experiment_id)
    assert experiment.name == "mnist-training"


async def test_a_trial_can_be_found_by_its_tags(mlflow_uri: str) -> None:
    tags = (await tracked(mlflow_uri, a_whole_life())).trial().data.tags

    found = {name: tags[name] for name in ("automl", "study_name", "trial_number", "data")}
    assert found == {
        "automl": "true",
        "study_name": "digits",
        "trial_number": "0",
        "data": "digits",
    }


async def test_all_parameters_and_every_metric_of_every_epoch_are_there(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, a_whole_life()[:-2])

    assert store.trial().data.params == {"lr": "0.001", "batch_size": "64", "augment": "None"}
    assert store.history("val_accuracy") == [
        (1, 0.1, NEW_YEAR + 2),
        (2, 0.2, NEW_YEAR + 3),
        (3, 0.3, NEW_YEAR + 4),
    ]
    assert [step for step, _, _ in store.history("seconds")] == [1, 2, 3]


@pytest.mark.parametrize("delivered_apart", [False, True])
async def test_the_final_objective_and_the_cost_belong_to_the_last_epoch(
    mlflow_uri: str, delivered_apart: bool
) -> None:
    life = a_whole_life()
    if delivered_apart:
        await tracked(mlflow_uri, life[:-2])
        life = life[-2:]
    store = await tracked(mlflow_uri, life)

    assert store.history("val_accuracy")[-1] == (3, 0.3, NEW_YEAR + 100)
    assert store.trial().data.metrics == {"val_accuracy": 0.3, "seconds": 1.0, "cost_usd": 0.002}


@pytest.mark.parametrize(
    ("state", "status"),
    [("COMPLETE", "FINISHED"), ("PRUNED", "KILLED"), ("WAITING", "KILLED"), ("FAIL", "FAILED")],
)
async def test_a_trials_run_ends_as_the_trial_did(mlflow_uri: str, state: str, status: str) -> None:
    ended = trial_ended(state, reason="because")
    store = await tracked(mlflow_uri, [study_started(), trial_started(), ended])
    trial = store.trial()

    assert trial.info.status == status
    assert trial.info.end_time == (NEW_YEAR + 100) * 1000
    assert trial.data.tags["reason"] == "because"
    assert store.study().info.status == "RUNNING"


@pytest.mark.parametrize(
    ("state", "status"), [("COMPLETE", "FINISHED"), ("STOPPED", "KILLED"), ("FAILED", "FAILED")]
)
async def test_a_studys_run_ends_as_the_study_did(mlflow_uri: str, state: str, status: str) -> None:
    store = await tracked(mlflow_uri, [study_started(), study_ended(state)])

    assert store.study().info.status == status


async def test_what_is_delivered_twice_is_there_once(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, a_whole_life())
    before = store.everything()

    await tracked(mlflow_uri, a_whole_life())

    assert store.everything() == before


async def test_a_delivery_that_was_cut_off_anywhere_is_completed_by_the_next(
    mlflow_uri: str,
) -> None:
    life = a_whole_life()
    store = await tracked(mlflow_uri, life)
    complete = store.everything()
    for cut in range(1, len(life)):
        await tracked(mlflow_uri, life[:cut])
        await tracked(mlflow_uri, life)

    assert store.everything() == complete


async def test_a_resumed_trial_goes_on_in_its_run(mlflow_uri: str) -> None:
    first = [study_started(), trial_started(), measured(1), trial_ended("WAITING", reason="left")]
    store = await tracked(mlflow_uri, first)
    run_id = store.trial().info.run_id

    await tracked(mlflow_uri, [measured(2)])
    assert store.trial().info.status == "RUNNING"
    await tracked(mlflow_uri, [measured(3), trial_ended("COMPLETE")])

    assert store.trial().info.run_id == run_id
    assert store.trial().info.status == "FINISHED"
    assert store.trial().data.tags["reason"] == ""
    assert sorted({step for step, _, _ in store.history("val_accuracy")}) == [1, 2, 3]


async def test_a_study_that_is_started_again_goes_on_in_its_run(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, [study_started(), study_ended("STOPPED"), study_started()])

    assert len(store.runs()) == 1
    assert store.study().info.status == "RUNNING"


async def test_the_entries_of_trials_side_by_side_reach_each_its_own_run(mlflow_uri: str) -> None:
    both = [trial_started(0), trial_started(1), measured(1, 0), measured(1, 1), measured(2, 0)]
    store = await tracked(mlflow_uri, [study_started(), *both, trial_ended("PRUNED", 1)])

    assert [step for step, _, _ in store.history("val_accuracy", 0)] == [1, 2]
    assert store.trial(0).info.status == "RUNNING"
    assert store.trial(1).info.status == "KILLED"


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_metric_that_is_no_number_is_left_out(mlflow_uri: str, value: float) -> None:
    store = await tracked(mlflow_uri, [trial_started(), measured(1, value=value)])

    assert store.trial().data.metrics == {"seconds": 1.0}


async def test_more_metrics_than_mlflow_takes_at_once_are_all_there(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, [trial_started(), *map(measured, range(1, 502))])

    assert len(store.history("val_accuracy")) == 501


async def test_equal_names_from_two_workspaces_are_two_studies(mlflow_uri: str) -> None:
    for origin in ("one's", "two's"):
        await MlflowTracker(mlflow_uri, origin=origin).deliver([study_started()])
        await MlflowTracker(mlflow_uri, origin=origin).deliver([study_started()])

    assert len(Store(mlflow_uri).runs()) == 2


async def test_nothing_is_left_in_the_working_directory(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    store = await tracked(mlflow_uri, a_whole_life())

    assert list(elsewhere.iterdir()) == []
    artifacts = store.trial().info.artifact_uri or ""
    assert artifacts.startswith((tmp_path / "mlflow-artifacts" / "mnist-training").as_uri())


async def test_nothing_is_printed(mlflow_uri: str, capfd: pytest.CaptureFixture[str]) -> None:
    await tracked(mlflow_uri, a_whole_life())

    assert capfd.readouterr().out == ""


# --- what others do to the store ---------------------------------------------------------------


async def test_a_run_that_somebody_deleted_stays_deleted_and_holds_up_nothing(
    mlflow_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = MlflowTracker(mlflow_uri)
    await tracker.deliver([study_started(), trial_started(0)])
    store = Store(mlflow_uri)
    store.client.delete_run(store.trial(0).info.run_id)
    caplog.set_level(logging.ERROR, "mcp_automl.trackers")

    for it in (tracker, MlflowTracker(mlflow_uri)):
        await it.deliver([measured(1, 0), trial_started(1), measured(1, 1)])

    assert store.trial(0).data.metrics == {}
    assert store.trial(1).data.metrics == {"val_accuracy": 0.1, "seconds": 1.0}
    assert "MLflow refuses digits/0" in caplog.text


async def test_an_experiment_that_somebody_deleted_is_used_again(mlflow_uri: str) -> None:
    store = await tracked(mlflow_uri, [study_started("old")])
    store.client.delete_experiment(store.study().info.experiment_id)

    await tracked(mlflow_uri, [study_started("new")])

    assert {run.info.run_name for run in store.runs()} == {"old", "new"}


async def test_a_server_that_is_not_there_is_unavailable_and_says_so_soon() -> None:
    tracker = MlflowTracker("http://user:secret@127.0.0.1:9")

    with anyio.fail_after(20), pytest.raises(TrackerUnavailable) as raised:
        await tracker.deliver([study_started()])

    assert "MLflow at http://127.0.0.1:9 cannot be reached" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(TrackerUnavailable, match="unable to open database file"):
        await MlflowTracker(f"sqlite:///{tmp_path}").deliver([study_started()])


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("this is not a database, but it is longer than one's header")

    with pytest.raises(TrackerUnavailable, match="file is not a database"):
        await MlflowTracker(f"sqlite:///{path}").deliver([study_started()])


async def test_a_database_of_a_newer_mlflow_is_unavailable(mlflow_uri: str) -> None:
    path = mlflow_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'from the future'")
        database.commit()

    with pytest.raises(TrackerUnavailable):
        await MlflowTracker(mlflow_uri).deliver([study_started()])


async def test_a_database_whose_schema_somebody_else_is_making_is_waited_for(
    mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.01)
    path = mlflow_uri.removeprefix("sqlite:///")

    with FileLock(f"{path}.lock"), pytest.raises(TrackerUnavailable, match="could not be acquired"):
        await MlflowTracker(mlflow_uri).deliver([study_started()])


async def test_what_was_unavailable_is_delivered_later(mlflow_uri: str) -> None:
    path = Path(mlflow_uri.removeprefix("sqlite:///"))
    hidden = path.rename(path.with_name("hidden.db"))
    path.mkdir()
    tracker = MlflowTracker(mlflow_uri)
    with pytest.raises(TrackerUnavailable):
        await tracker.deliver(a_whole_life())
    path.rmdir()
    hidden.rename(path)

    await tracker.deliver(a_whole_life())

    assert len(Store(mlflow_uri).runs()) == 2

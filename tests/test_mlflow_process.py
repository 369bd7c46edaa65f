"""The process that delivers to MLflow for an orchestrator."""

import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.trackers import mlflow
from mcp_automl.trackers.mlflow import MlflowTracker
from tests.entries_for_tests import a_whole_life, study_started


def die(*_: object) -> None:
    """Stands in for a delivery whose process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


async def test_a_process_of_its_own_delivers_what_a_thread_would(
    mlflow_uri: str, tmp_path: Path
) -> None:
    tracker = MlflowTracker(mlflow_uri, process_lock=tmp_path / "tracking.lock")

    await tracker.deliver(a_whole_life())
    await tracker.deliver(a_whole_life())

    client = MlflowClient(mlflow_uri)
    experiment = client.get_experiment_by_name("mnist-training")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "FINISHED"]


async def test_why_mlflow_is_unavailable_is_told_across_the_process_border(tmp_path: Path) -> None:
    tracker = MlflowTracker(f"sqlite:///{tmp_path}", process_lock=tmp_path / "tracking.lock")

    with pytest.raises(TrackerUnavailable, match="unable to open database file"):
        await tracker.deliver([study_started()])


async def test_a_process_that_was_killed_is_unavailable_and_not_the_end(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = MlflowTracker(mlflow_uri, process_lock=tmp_path / "tracking.lock")
    with monkeypatch.context() as patched:
        patched.setattr(mlflow, "deliver_locked", die)
        with pytest.raises(TrackerUnavailable, match="was killed"):
            await tracker.deliver([study_started()])

    await tracker.deliver([study_started()])


def test_a_delivery_that_an_earlier_owner_left_behind_is_waited_for(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow, "LOCK_SECONDS", 0.01)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    lock = tmp_path / "tracking.lock"

    with FileLock(lock), pytest.raises(TrackerUnavailable, match="has not ended yet"):
        mlflow.deliver_locked((mlflow_uri, ""), lock, [study_started()])

"""Models on their way to MLflow: killed midway, refused for good, or refused for now."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import run_key
from mcp_automl.trackers import log_model, publishing, runs
from mcp_automl.trackers.connection import ENVIRONMENT
from mcp_automl.trackers.runs import MODEL_TRIES, MlflowRuns
from tests.entries_for_tests import published, trial_started
from tests.test_readme import blocks

pytestmark = pytest.mark.timeout(120)

DIES_ONCE = """
import os, signal, torch
from pathlib import Path
from trainers.contract import Package

class Twice(torch.nn.Module):
    def forward(self, x):
        # Called to be exported: by then MLflow has named the model to its run.
        if not Path(__file__).with_name("died").exists():
            Path(__file__).with_name("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x * 2

def package(workdir, data_dir):
    example = torch.ones(2, 3).numpy()
    return Package(model=Twice(), example=example, output=2 * example)
"""

TELLS = """
import sys
def package(workdir, data_dir):
    raise PermissionError(f"{sys.orig_argv} http://ada:secret@host")
"""

NO_ARRAY = """
import torch
from trainers.contract import Package
def package(workdir, data_dir):
    return Package(model=torch.nn.Linear(2, 2), example=[[1.0, 2.0]])
"""

NO_FILES = """
def package(workdir, data_dir):
    raise OSError("no file named model.safetensors")
"""


@pytest.fixture(autouse=True)
def what_mlflow_was_told_ends_with_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging in this process is for MLflow to remember, in itself and in the environment.

    It has no way to forget: what is set back to its default is set, and holds for other stores.
    """
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    monkeypatch.setattr("mlflow.tracking._model_registry.utils._registry_uri", None)
    monkeypatch.setattr("mlflow.tracking.fluent._active_experiment_id", None)
    with patch.dict(os.environ):
        yield


def a_trainer(folder: Path, code: str) -> str:
    file = folder / "own.py"
    file.write_text(code)
    return str(file)


def an_order(uri: str, folder: Path, module: str, register: str = "") -> log_model.Order:
    """For the run of a trial that has started."""
    assert MlflowRuns(uri).deliver([trial_started()]) == ()
    return log_model.Order(
        uri=uri, run_id=a_run(uri), folder=str(folder), data_dir=str(folder), module=module,
        options={}, register=register,
    )  # fmt: skip


def a_run(uri: str) -> str:
    client = MlflowClient(uri)
    place = client.get_experiment_by_name("mnist-training")
    assert place is not None
    key = f'tags.`automl.key` = "{run_key("digits", 0)}"'
    (run,) = client.search_runs([place.experiment_id], key)
    return str(run.info.run_id)


@pytest.mark.slow
def test_a_model_whose_logging_is_killed_is_logged_again_and_loaded_as_the_readme_says(
    tmp_path: Path, mlflow_uri: str
) -> None:
    module = a_trainer(tmp_path, DIES_ONCE)
    with pytest.raises(TrackerUnavailable, match="code -9"):
        MlflowRuns(mlflow_uri).deliver([trial_started(), published(tmp_path, tmp_path, module)])
    client, run = MlflowClient(mlflow_uri), MlflowClient(mlflow_uri).get_run(a_run(mlflow_uri))
    (half,) = client.search_logged_models([run.info.experiment_id])
    assert half.status is LoggedModelStatus.PENDING

    assert log_model.status(an_order(mlflow_uri, tmp_path, module)) == 0

    (whole,) = client.search_logged_models([run.info.experiment_id])
    assert whole.status is LoggedModelStatus.READY and whole.source_run_id == run.info.run_id
    assert Path(whole.artifact_location.removeprefix("file://")).is_relative_to(tmp_path)
    model = loaded_as_the_readme_says(mlflow_uri, "digits/0")
    assert torch.equal(model(torch.ones(5, 3)), torch.full((5, 3), 2.0))


def loaded_as_the_readme_says(uri: str, key: str) -> Any:
    (block,) = (text for text in blocks("python") if "load_model(" in text)
    for shown, ours in (("sqlite:////path/to/workspace/mlflow.db", uri), ("mnist-opt-1/7", key)):
        assert shown in block
        block = block.replace(shown, ours)
    names: dict[str, Any] = {}
    exec(block, names)
    return names["model"]


@pytest.mark.parametrize("status", [LoggedModelStatus.PENDING, LoggedModelStatus.FAILED])
def test_half_a_model_is_none(mlflow_uri: str, status: LoggedModelStatus) -> None:
    MlflowRuns(mlflow_uri).deliver([trial_started()])
    client, run_id = MlflowClient(mlflow_uri), a_run(mlflow_uri)
    place = client.get_run(run_id).info.experiment_id
    model = client.create_logged_model(place, name="model", source_run_id=run_id)
    client.finalize_logged_model(model.model_id, status)
    assert log_model.logged(client, run_id) is None

    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    assert log_model.logged(client, run_id) == f"models:/{model.model_id}"


@pytest.mark.parametrize("code", [NO_ARRAY, NO_FILES], ids=["unexportable", "files gone"])
def test_what_is_not_mlflows_fault_is_not_tried_again(
    tmp_path: Path, mlflow_uri: str, code: str
) -> None:
    assert log_model.status(an_order(mlflow_uri, tmp_path, a_trainer(tmp_path, code))) == 1


def test_what_mlflow_cannot_store_now_is_tried_again(tmp_path: Path, mlflow_uri: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    order = an_order(mlflow_uri, tmp_path, "tests.trainers_for_tests", register="own")
    in_the_way = tmp_path / "mlflow-artifacts"
    in_the_way.write_text("no folder")
    assert log_model.status(order) == log_model.AWAY

    in_the_way.unlink()
    # Its file is kept, but there is nothing that could be registered, and that is told.
    assert log_model.status(order) == 1
    kept = MlflowClient(mlflow_uri).list_artifacts(order.run_id, "model")
    assert [it.path for it in kept] == ["model/model.safetensors"]


def test_what_it_is_told_is_no_argument_and_passwords_are_not_repeated(
    tmp_path: Path, mlflow_uri: str
) -> None:
    entry = published(tmp_path, tmp_path, a_trainer(tmp_path, TELLS))
    (told,) = MlflowRuns(mlflow_uri).deliver([trial_started(), entry])
    assert "mcp_automl.trackers.log_model" in told and "PermissionError" in told
    assert mlflow_uri not in told and "secret" not in told


def test_a_model_that_mlflow_does_not_take_though_it_answers_is_given_up(
    tmp_path: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(*_: object) -> None:
        raise publishing.NotSent("code 75: no space left on device")

    monkeypatch.setattr(runs, "publish", publish)
    tracker, entry = MlflowRuns(mlflow_uri), published(tmp_path, tmp_path, "own")
    for _ in range(MODEL_TRIES - 1):
        with pytest.raises(TrackerUnavailable, match="no space left"):
            tracker.deliver([trial_started(), entry])
    (told,) = tracker.deliver([trial_started(), entry])
    assert "given up after 5 tries" in told and "no space left" in told


def test_it_waits_for_a_server_as_long_as_mlflow_would_or_the_user_says() -> None:
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    assert publishing.environment_of(ENVIRONMENT)[name] == "120"
    assert publishing.environment_of({name: "7"})[name] == "7"
    assert publishing.environment_of(os.environ)["CUDA_VISIBLE_DEVICES"] == ""

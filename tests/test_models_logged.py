"""Models in MLflow: logged by real processes, and loaded back as MLflow loads them."""

import logging
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from mcp_automl.trackers.mlflow import MlflowTracker
from tests.entries_for_tests import published, trial_ended, trial_started
from tests.language_models_for_tests import write_model, write_text
from trainers import language_models, llm
from trainers.contract import Context

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def models_of(uri: str) -> list[str]:
    """The URIs of the models of the only run that has any."""
    client = MlflowClient(uri)
    places = [it.experiment_id for it in client.search_experiments()]
    outputs = [run.outputs.model_outputs for run in client.search_runs(places) if run.outputs]
    return [f"models:/{model.model_id}" for models in outputs for model in models]


async def test_a_language_model_is_logged_once_with_its_tokenizer_and_registered_once(
    tmp_path: Path, mlflow_uri: str
) -> None:
    folder, text = write_model(tmp_path / "model"), write_text(tmp_path / "text.txt")
    context = Context(workdir=tmp_path / "work", data_dir=tmp_path / "data")
    config = llm.Config(epochs=1, context=16, model=str(folder), text=str(text))
    list(llm.train(config, context))
    entry = published(context.workdir, context.data_dir, "trainers.llm", register="llm")
    tracker = MlflowTracker(mlflow_uri)
    await tracker.deliver([trial_started(), trial_ended(), entry])
    await tracker.deliver([entry])

    (model,) = models_of(mlflow_uri)
    (version,) = MlflowClient(mlflow_uri).search_model_versions()
    assert (version.name, version.source) == ("llm", model)
    tokens = language_models.find(str(folder)).tokenizer.encode("The ")
    mlflow.set_tracking_uri(mlflow_uri)
    pipeline = mlflow.transformers.load_model(model)
    assert pipeline.tokenizer("The ")["input_ids"] == list(tokens)
    pickles = [it for it in tmp_path.rglob("*") if it.suffix in (".pkl", ".pth", ".bin")]
    assert pickles == []


def test_the_embedded_models_tokens_are_bytes() -> None:
    text = "Grüße,\n\t€ ok"
    tokenizer = language_models.spelled()
    assert tokenizer(text)["input_ids"] == list(text.encode())
    assert tokenizer.decode(list(text.encode())) == text


async def test_of_a_trainer_that_packages_nothing_the_file_is_kept(
    tmp_path: Path, mlflow_uri: str
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    entry = published(tmp_path, tmp_path, "tests.trainers_for_tests")
    await MlflowTracker(mlflow_uri).deliver([trial_started(), entry])
    client = MlflowClient(mlflow_uri)
    runs = client.search_runs([it.experiment_id for it in client.search_experiments()])
    kept = [it.path for run in runs for it in client.list_artifacts(run.info.run_id, "model")]
    assert kept == ["model/model.safetensors"]


@pytest.mark.parametrize(
    ("module", "told"),
    [("gone", "its files are gone"), ("no.such.module", "ModuleNotFoundError: No module named")],
)
async def test_a_model_that_cannot_be_logged_is_told_and_holds_nothing_up(
    tmp_path: Path, mlflow_uri: str, caplog: pytest.LogCaptureFixture, module: str, told: str
) -> None:
    folder = tmp_path / "gone" if module == "gone" else tmp_path
    entry = published(folder, tmp_path, module)
    with caplog.at_level(logging.ERROR, logger="mcp_automl.trackers.mlflow"):
        await MlflowTracker(mlflow_uri).deliver([trial_started(), entry, replace(entry, trial=1)])
    assert [told in record.getMessage() for record in caplog.records] == [True, True]

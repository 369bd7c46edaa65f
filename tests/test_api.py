"""Tuning from Python: the seed's own snippet, and what it may be varied to."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import mcp_automl
from mcp_automl import SearchSpace, StudyConfig, Tuned, tune
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.stores.registry import SqliteRegistry
from tests.test_readme import README, blocks
from trainers import data, mnist
from trainers.contract import Context

SNIPPET = """
from mcp_automl import SearchSpace

custom_space = SearchSpace(
    lr_min=1e-4,
    lr_max=5e-3,
    batch_size_choices=[64, 128, 256, 512],
    epochs_min=2,
    epochs_max=8,
    weight_decay_min=0.001,
    weight_decay_max=0.05
)

# Use via StudyConfig
config = StudyConfig(
    study_name="custom-mnist",
    model_type="mnist",
    search_space=custom_space,
    n_trials=30
)
"""
"""The guide's, with its import line changed."""


@pytest.fixture
def home(tmp_path: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of this test's own that asks no network for MNIST."""
    folder = tmp_path / "data"
    data.prepare(folder, "digits")
    (folder / f"digits-{data.FORMAT}.safetensors").rename(
        folder / f"mnist-{data.FORMAT}.safetensors"
    )
    monkeypatch.setenv("MCP_AUTOML_DATA_DIR", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    monkeypatch.setenv("MCP_AUTOML_IDLE_SECONDS", "0.5")
    return tmp_path / "workspace"


def the_snippet() -> str:
    """The README's program that tunes."""
    (snippet,) = (block for block in blocks("python") if "import SearchSpace" in block)
    return snippet


def run(code: str) -> dict[str, object]:
    names: dict[str, object] = {"StudyConfig": StudyConfig}
    exec(compile(code, "snippet", "exec"), names)
    return names


@pytest.mark.slow
def test_the_snippet_of_the_readme_tunes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snippet = the_snippet()
    assert "n_trials=30" in snippet
    names = run(snippet.replace("n_trials=30", "n_trials=3"))

    tuned, config = names["tuned"], names["config"]
    assert isinstance(tuned, Tuned) and isinstance(config, StudyConfig)
    assert (tuned.study_name, tuned.state, tuned.trials) == ("custom-mnist", "COMPLETE", 3)
    assert tuned.best_value is not None and 0.5 < tuned.best_value <= 1
    assert str(tuned.best_value) in capsys.readouterr().out
    assert set(tuned.best_params) == {"lr", "batch_size", "epochs", "weight_decay"}
    stored = SqliteRegistry(home / "automl_studies.db").find("custom-mnist")
    assert stored is not None
    assert dict(stored.config.space.parameters) == {
        "lr": Float(low=1e-4, high=5e-3, log=True),
        "batch_size": Categorical(choices=(64, 128, 256, 512)),
        "epochs": Int(low=2, high=8),
        "weight_decay": Float(low=0.001, high=0.05),
    }
    assert tune(replace(config, n_trials=None)) == tuned, "nothing was left to run"


def test_the_snippet_of_the_guide_asks_for_what_the_readme_tunes() -> None:
    snippet = the_snippet()
    config = run(SNIPPET)["config"]
    assert isinstance(config, StudyConfig) and isinstance(config.search_space, SearchSpace)

    assert (config.study_name, config.model_type, config.n_trials) == ("custom-mnist", "mnist", 30)
    space = run(snippet.partition("tuned =")[0])["custom_space"]
    assert isinstance(space, SearchSpace) and space.asked == config.search_space.asked


@pytest.mark.slow
def test_a_trial_of_a_space_with_conditions_trains_what_it_says(home: Path) -> None:
    (shown,) = re.findall(r"--space '(.*?)'", README, re.DOTALL)
    space = {**json.loads(shown), "width": [8, 16], "epochs": 2}
    tuned = tune(StudyConfig(study_name="s", search_space=space, n_trials=4))

    registry = SqliteRegistry(home / "automl_studies.db")
    study = registry.find("s")
    assert study is not None and tuned.state == "COMPLETE"
    for trial in (registry.trial(study, number) for number in range(4)):
        assert ("momentum" in trial.params) is (trial.params["optimizer"] == "sgd")
    # The same anew, from what the best trial says of itself alone.
    config = mnist.Config(**{**tuned.best_params, **study.arguments})  # type: ignore[arg-type]
    context = Context(workdir=home / "again", data_dir=home.parent / "data", seed=study.config.seed)
    threads = torch.get_num_threads()
    *_, last = mnist.train(config, context)
    torch.set_num_threads(threads)
    assert last.metrics["val_accuracy"] == tuned.best_value


def test_a_space_is_written_by_suffixes_or_as_the_tool_takes_it() -> None:
    space = SearchSpace(
        lr_min=1e-4,
        lr_max=5e-3,
        lr_log=False,
        optimizer=["adamw", "sgd"],
        momentum_min=0.5,
        momentum_when={"optimizer": "sgd"},
        kernel=5,
        depth_step=2,
    )

    assert space.asked == {
        "lr": {"min": 1e-4, "max": 5e-3, "log": False},
        "optimizer": ["adamw", "sgd"],
        "momentum": {"min": 0.5, "when": {"optimizer": "sgd"}},
        "kernel": 5,
        "depth": {"step": 2},
    }
    assert "kernel=5" in repr(space)


def test_a_parameter_given_both_ways_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="lr is given twice: as lr and as lr_min, lr_max"):
        SearchSpace(lr=0.1, lr_min=0.1, lr_max=0.2)


def test_what_the_model_cannot_search_is_refused_when_it_is_tuned(home: Path) -> None:
    with pytest.raises(InvalidRequest, match="there is no parameter 'learning_rate'"):
        tune(StudyConfig(study_name="s", search_space=SearchSpace(learning_rate_min=0.1)))


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="module 'mcp_automl' has no attribute 'optimize'"):
        mcp_automl.optimize  # noqa: B018

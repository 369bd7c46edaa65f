"""Studies that plain Optuna made in our file."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import optuna
import pytest

from mcp_automl.domain.errors import InvalidRequest, NameTaken
from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.domain.study import Objective, StudyState, Target, TrialState
from mcp_automl.stores.registry import SqliteRegistry
from tests.stores_for_tests import CONFIG, real_pair

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    real_pair(tmp_path / "automl_studies.db")
    return tmp_path / "automl_studies.db"


@pytest.fixture
def registry(path: Path) -> SqliteRegistry:
    return SqliteRegistry(path)


def made(path: Path, name: str, *directions: Literal["minimize", "maximize"]) -> optuna.Study:
    ways = directions or ("minimize",)
    return optuna.create_study(study_name=name, storage=f"sqlite:///{path}", directions=ways)


def train(study: optuna.Study) -> None:
    """One complete, one pruned and one running trial."""
    for state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, None):
        trial = study.ask()
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        trial.suggest_int("width", 2, 8, step=2)
        trial.suggest_categorical("norm", [None, "batch", "layer"])
        trial.report(0.5, step=0)
        trial.report(0.25, step=100)
        if state is not None:
            value = 0.25 if state is optuna.trial.TrialState.COMPLETE else None
            study.tell(trial, value, state)


def test_they_are_listed_as_finished_and_read_only(registry: SqliteRegistry, path: Path) -> None:
    ours = registry.create(CONFIG)
    train(made(path, "by-hand"))

    listed = {study.config.name: study for study in registry.studies()}

    assert listed.keys() == {"Digits-1", "by-hand"}
    assert listed["Digits-1"] == ours
    plain = listed["by-hand"]
    assert plain.id < 0
    assert (plain.state, plain.config.model) == (StudyState.COMPLETE, "optuna")
    assert "can be read, but not run" in plain.reason
    assert plain.config.objectives == (Objective(name="value", maximize=False),)
    assert plain.config.n_trials == 3
    assert dict(plain.config.space.parameters) == {
        "lr": Float(low=1e-5, high=1e-1, log=True),
        "width": Int(low=2, high=8, step=2),
        "norm": Categorical(choices=(None, "batch", "layer")),
    }


def test_their_trials_are_read_like_ours(registry: SqliteRegistry, path: Path) -> None:
    plain = made(path, "by-hand")
    train(plain)
    study = registry.find("BY-hand")
    assert study is not None

    assert registry.progress(study).counts == {
        TrialState.COMPLETE: 1,
        TrialState.PRUNED: 1,
        TrialState.RUNNING: 1,
    }
    finished = registry.trials(study, [TrialState.COMPLETE, TrialState.PRUNED])
    assert [(t.number, t.value) for t in finished] == [(0, 0.25), (1, 0.25)]
    first = registry.trial(study, 0)
    assert dict(first.params) == plain.trials[0].params
    assert first.epoch == 2
    last = registry.last_measurement(study, 2)
    assert last is not None
    assert last.metrics == {"value": 0.25}
    started = plain.trials[0].datetime_start
    assert started is not None
    assert first.started_at == pytest.approx(started.timestamp())


def test_their_names_are_taken(registry: SqliteRegistry, path: Path) -> None:
    made(path, "by-hand")

    with pytest.raises(NameTaken, match="made by Optuna itself"):
        registry.create(replace(CONFIG, name="BY-HAND"))


def test_they_cannot_be_run(registry: SqliteRegistry, path: Path) -> None:
    made(path, "by-hand")
    study = registry.find("by-hand")
    assert study is not None

    with pytest.raises(InvalidRequest, match="made by Optuna itself"):
        registry.retarget(study.id, Target(n_trials=30))


def test_an_empty_one_has_no_known_space(registry: SqliteRegistry, path: Path) -> None:
    made(path, "empty")

    study = registry.find("empty")

    assert study is not None
    assert list(study.config.space.parameters) == ["unknown"]
    assert registry.trials(study, list(TrialState)) == []
    assert registry.last_measurement(study, 0) is None


def test_several_objectives_have_a_name_each(registry: SqliteRegistry, path: Path) -> None:
    study = made(path, "pareto", "maximize", "minimize")
    study.tell(study.ask(), (0.9, 3.0))

    found = registry.find("pareto")

    assert found is not None
    assert found.config.objectives == (
        Objective(name="value_0", maximize=True),
        Objective(name="value_1", maximize=False),
    )
    assert registry.trial(found, 0).value == 0.9


def test_values_that_are_not_finite_are_read(registry: SqliteRegistry, path: Path) -> None:
    study = made(path, "wild")
    study.tell(study.ask(), float("-inf"))

    found = registry.find("wild")

    assert found is not None
    assert registry.trial(found, 0).value == float("-inf")


@pytest.mark.parametrize("name", ["stood_in", "automl_stood_in"])
@pytest.mark.parametrize("noted", ["nobody", ["a", 1], {"who": "me"}, None])
def test_their_own_attributes_mean_nothing_to_us(
    registry: SqliteRegistry, path: Path, name: str, noted: object
) -> None:
    made(path, "by-hand").set_user_attr(name, noted)
    study = registry.find("by-hand")
    assert study is not None

    assert registry.progress(study).stood_in is None

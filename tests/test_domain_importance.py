"""PED-ANOVA beside Optuna's own, and what it says of grids."""

import math
import random
import warnings

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator

from mcp_automl.domain.importance import Column, Judge, grid_size
from mcp_automl.domain.insight import how_often
from mcp_automl.domain.space import Categorical, Float, Int, Parameter, Params

SPACE: dict[str, Parameter] = {
    "lr": Float(low=1e-5, high=1e-1, log=True),
    "x": Float(low=-2, high=3),
    "layers": Int(low=1, high=9, step=2),
    "units": Int(low=4, high=512, log=True),
    "n": Int(low=0, high=200),
    "act": Categorical(choices=("a", "b", "c")),
    "momentum": Float(low=0, high=1),
}


def value(trial: optuna.Trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    x = trial.suggest_float("x", -2, 3)
    trial.suggest_int("layers", 1, 9, step=2)
    trial.suggest_int("units", 4, 512, log=True)
    trial.suggest_int("n", 0, 200)
    act = trial.suggest_categorical("act", ["a", "b", "c"])
    more = 0.0 if act == "c" else trial.suggest_float("momentum", 0, 1) / 2
    return more - (math.log10(lr) + 3) ** 2 - 0.3 * (x - 1) ** 2 + 0.1 * (act == "b")


@pytest.mark.parametrize(("n", "good"), [(12, 5), (60, 24), (200, 20)])
def test_it_is_what_optuna_says(n: int, good: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.RandomSampler(seed=n)
        )
        study.optimize(value, n_trials=n)
        theirs = PedAnovaImportanceEvaluator(target_quantile=good / n).evaluate(study)
    ranked = sorted(study.trials, key=lambda trial: -float(trial.value or 0))
    points = [trial.params for trial in ranked]
    ours = {
        name: Judge(Column.of(name, p, points)).importance(range(good)) * (good / n) ** 2
        for name, p in SPACE.items()
    }
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_what_does_not_differ_has_no_importance() -> None:
    points = [{"x": random.Random(i).random()} for i in range(20)]
    judge = Judge(Column.of("x", SPACE["x"], points))
    assert judge.importance(range(20)) == pytest.approx(0, abs=1e-12)
    assert judge.importance(range(5)) > 0


def test_a_parameter_that_hardly_exists_is_not_judged() -> None:
    column = Column.of("x", SPACE["x"], [{"x": 1.0}, {}, {}])
    assert column.existing == 1
    assert Judge(column).importance([0]) == 0
    both = Judge(Column.of("x", SPACE["x"], [{"x": 1.0}, {"x": 2.0}, {}]))
    assert both.importance([2]) == 0


def test_values_from_other_bounds_are_counted_at_the_edge_or_not_at_all() -> None:
    points: list[Params] = [{"lr": 1e-9}, {"lr": 1.0}, {"lr": "high"}, {"act": "z"}, {"act": "c"}]
    assert Column.of("lr", SPACE["lr"], points).cells == [0, 49, None, None, None]
    assert Column.of("act", SPACE["act"], points).cells == [None, None, None, None, 2]
    assert Column.of("lr", Float(low=1, high=1), [{"lr": 1.0}]).cells == [0]


@pytest.mark.parametrize(
    ("parameter", "size"),
    [
        (Float(low=1, high=1), 1),
        (Int(low=3, high=3, log=True), 1),
        (Int(low=1, high=1024, log=True), 11),
        (Int(low=0, high=10, step=4), 3),
        (Int(low=0, high=999), 50),
        (Categorical(choices=(1, 2)), 2),
    ],
)
def test_values_are_counted_in_as_many_cells_as_there_are(parameter: Parameter, size: int) -> None:
    assert grid_size(parameter) == size


@pytest.mark.parametrize(
    ("parameters", "deals"),
    [(1, 199), (12, 199), (13, 99), (60, 39), (61, 39), (62, 19), (500, 19)],
)
def test_the_more_parameters_are_judged_the_fewer_deals_are_made(
    parameters: int, deals: int
) -> None:
    assert how_often(parameters) == deals

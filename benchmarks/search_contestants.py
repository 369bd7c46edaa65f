"""Who searches: the product, through its own search, and Optuna as somebody else would use it."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner

from benchmarks.search_optuna import OptunaSearch
from benchmarks.search_simulation import Problem, Search
from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Pruner, Sampler, SearchSettings
from mcp_automl.domain.space import Categorical, Float, Parameter, Params, Value
from mcp_automl.domain.study import Objective, StudyConfig, TrialState
from mcp_automl.stores.shadow import ShadowStudy
from trainers.specs import MNIST

Contestant: TypeAlias = Callable[[Problem, int], Search]
"""Makes the search of one study, which has a problem and a seed."""


def middle(problem: Problem) -> Params:
    """The middle of every range and the first of every choice: what a careful person begins with.

    No table has the default configuration that a trainer has.
    """
    return {name: _middle(parameter) for name, parameter in problem.space.parameters.items()}


def _middle(parameter: Parameter) -> Value:
    if isinstance(parameter, Categorical):
        return parameter.choices[(len(parameter.choices) - 1) // 2]
    if isinstance(parameter, Float):
        return parameter.clip(None)
    return parameter.low + (parameter.high - parameter.low) // 2


def usual(problem: Problem) -> Params:
    """The default configuration of the `mnist` trainer, in the space of its learning curves."""
    given = {parameter.name: parameter.default for parameter in MNIST.parameters}
    return {name: p.clip(given[name]) for name, p in problem.space.parameters.items()}


class ProductSearch:
    """The product's sampler and pruner, and what they are shown of the trials."""

    def __init__(self, config: StudyConfig, settings: SearchSettings) -> None:
        self._shadow = ShadowStudy(config, settings)

    def suggest(self, number: int) -> Params:
        return self._shadow.suggest(number).point

    def report(self, number: int, epoch: int, value: float) -> bool:
        return self._shadow.report(number, epoch, value) is not None

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        self._shadow.ended(number, TrialState.PRUNED if pruned else TrialState.COMPLETE, value)


def product(
    sampler: Sampler,
    pruner: Pruner,
    *,
    first: Callable[[Problem], Params] | None = middle,
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> Contestant:
    """The product with a sampler and a pruner; a study begins with a given configuration."""

    def search(problem: Problem, seed: int) -> ProductSearch:
        config = StudyConfig(
            name="study",
            model="table",
            objectives=(Objective(name="value", maximize=problem.maximize),),
            space=problem.space,
            default=first(problem) if first else {},
            n_trials=100,
            epochs_max=problem.epochs,
            sampler=sampler,
            pruner=pruner,
            seed=seed,
        )
        return ProductSearch(config, settings)

    return search


def plain(
    sampler: Callable[[int], optuna.samplers.BaseSampler],
    pruner: Callable[[], BasePruner] = NopPruner,
    *,
    first: Callable[[Problem], Params] | None = None,
) -> Contestant:
    """Optuna by itself, told where to begin or not."""

    def search(problem: Problem, seed: int) -> OptunaSearch:
        return OptunaSearch(
            problem.space,
            sampler(seed),
            maximize=problem.maximize,
            pruner=pruner(),
            first=first(problem) if first else None,
        )

    return search


OPTUNA, OPTUNA_FIRST = "Optuna's default", "Optuna's default, the middle first"
RANDOM = "random"
TPE, AUTO, CMAES = "tpe", "auto", "cmaes"
TPE_ALONE = "tpe, no first configuration"


def _optuna(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed)


CONTESTANTS: Mapping[str, Contestant] = {
    OPTUNA: plain(_optuna),
    OPTUNA_FIRST: plain(_optuna, first=middle),
    RANDOM: plain(lambda seed: optuna.samplers.RandomSampler(seed=seed)),
    TPE: product(Sampler.TPE, Pruner.NONE),
    TPE_ALONE: product(Sampler.TPE, Pruner.NONE, first=None),
    CMAES: product(Sampler.CMAES, Pruner.NONE),
    AUTO: product(Sampler.AUTO, Pruner.NONE),
}
"""Of the tables, where nothing can be pruned; there `gp` is what `auto` is."""

MEDIAN, UNPRUNED = "Optuna's default with MedianPruner", "Optuna's default, no pruner"
TPE_UNPRUNED = "tpe, no pruner"

ON_CURVES: Mapping[str, Contestant] = {
    UNPRUNED: plain(_optuna, first=usual),
    MEDIAN: plain(_optuna, MedianPruner, first=usual),
    TPE: product(Sampler.TPE, Pruner.MEDIAN, first=usual),
    TPE_UNPRUNED: product(Sampler.TPE, Pruner.NONE, first=usual),
    AUTO: product(Sampler.AUTO, Pruner.ASHA, first=usual),
}
"""Of the learning curves; the product's samplers come with their usual pruners. All begin with the
trainer's default configuration."""

"""Searches with plain Optuna: what somebody writes who uses it without this product."""

from collections.abc import Mapping

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from mcp_automl.domain.space import Categorical, Float, Int, Parameter, Params, SearchSpace

optuna.logging.set_verbosity(optuna.logging.WARNING)


def distribution(parameter: Parameter) -> BaseDistribution:
    """What Optuna calls a parameter's range."""
    match parameter:
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Int(low=low, high=high, step=step, log=log):
            return IntDistribution(low, high, log=log, step=step)
        case Categorical(choices=choices):
            return CategoricalDistribution(choices)


class OptunaSearch:
    """A study in memory that is asked and told; every pruned trial is one to Optuna, too."""

    def __init__(
        self,
        space: SearchSpace,
        sampler: optuna.samplers.BaseSampler,
        *,
        maximize: bool,
        pruner: optuna.pruners.BasePruner | None = None,
        first: Params | None = None,
    ) -> None:
        self._space: Mapping[str, BaseDistribution] = {
            name: distribution(parameter) for name, parameter in space.parameters.items()
        }
        self._study = optuna.create_study(
            direction="maximize" if maximize else "minimize",
            sampler=sampler,
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        if first is not None:
            self._study.enqueue_trial(dict(first))
        self._trials: dict[int, optuna.Trial] = {}

    def suggest(self, number: int) -> Params:
        trial = self._trials[number] = self._study.ask(dict(self._space))
        return trial.params

    def report(self, number: int, epoch: int, value: float) -> bool:
        trial = self._trials[number]
        trial.report(value, epoch)
        return trial.should_prune()

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        # Of a pruned trial Optuna takes the last reported value.
        self._study.tell(self._trials.pop(number), None if pruned else value, state=state)

"""An Optuna study in memory, whose trials' ids are their numbers."""

from collections.abc import Mapping
from datetime import datetime

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Objective, StudyConfig, TrialState


class View:
    """A study as a sampler or a pruner sees it.

    Args:
        space: every parameter's distribution.
    """

    def __init__(self, config: StudyConfig, space: Mapping[str, BaseDistribution]) -> None:
        self._name, self._space = config.name, space
        self._storage = optuna.storages.InMemoryStorage()
        self._id = self._storage.create_new_study([direction(config.objective)], self._name)

    def sampled(self, sampler: BaseSampler) -> optuna.Study:
        """For one suggestion: Optuna's study remembers its trials from one ask to the next.

        Without the pruner: Hyperband would divide its brackets in two threads at once, and might
        show a sampler those trials alone that are of the next one's bracket.
        """
        return optuna.Study(self._name, self._storage, sampler)

    def pruned(self, pruner: BasePruner) -> optuna.Study:
        """To judge its trials."""
        return optuna.Study(self._name, self._storage, pruner=pruner)

    def trials(self) -> list[FrozenTrial]:
        """All trials by number; they must not be changed."""
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def trial(self, number: int) -> FrozenTrial:
        """One trial; it must not be changed."""
        return self._storage.get_trial(number)

    def add(self, trial: FrozenTrial) -> None:
        """Adds the next trial.

        Raises:
            ValueError: its number is not the next one.
        """
        if trial.number != len(self.trials()):
            raise ValueError(f"trial #{trial.number} is not the next, #{len(self.trials())} is")
        self._storage.create_new_trial(self._id, trial)

    def begin(self, number: int, params: Params) -> None:
        """Makes the next trial, or one that waits, RUNNING with those parameters at least.

        Raises:
            ValueError: it has ended, or its number is beyond the next one.
        """
        if number >= len(self.trials()):
            self.add(frozen(number, TrialState.RUNNING, params, self._space))
            return
        known = self.trial(number)
        if known.state.is_finished():
            raise ValueError(f"trial #{number} has ended: {known.state.name}")
        if known.state is OptunaState.WAITING:
            self._storage.set_trial_state_values(number, OptunaState.RUNNING)
        for name in params.keys() - known.params.keys():
            stored = self._space[name].to_internal_repr(params[name])
            self._storage.set_trial_param(number, name, stored, self._space[name])

    def report(self, number: int, epoch: int, value: float) -> None:
        self._storage.set_trial_intermediate_value(number, epoch, value)

    def end(self, number: int, state: TrialState, value: float | None) -> None:
        ended = OptunaState[state.value]
        values = [value] if value is not None and ended.is_finished() else None
        self._storage.set_trial_state_values(number, ended, values)


def direction(objective: Objective) -> StudyDirection:
    return StudyDirection.MAXIMIZE if objective.maximize else StudyDirection.MINIMIZE


def frozen(
    number: int,
    state: TrialState,
    params: Params,
    space: Mapping[str, BaseDistribution],
    *,
    values: Mapping[int, float] | None = None,
    value: float | None = None,
) -> FrozenTrial:
    """A trial to be added to a study.

    Args:
        values: the objective by epoch.
    """
    now, optuna_state = datetime.now(), OptunaState[state.value]
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=optuna_state,
        value=value,
        datetime_start=None if optuna_state is OptunaState.WAITING else now,
        datetime_complete=now if optuna_state.is_finished() else None,
        params=dict(params),
        distributions={name: space[name] for name in params},
        user_attrs={},
        system_attrs={},
        intermediate_values=dict(values or {}),
    )

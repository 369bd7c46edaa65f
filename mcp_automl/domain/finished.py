"""A study's finished trials, as pictures and explanations look at them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mcp_automl.domain import leaderboard
from mcp_automl.domain.paging import thinned
from mcp_automl.domain.study import Objective, Study, Trial, TrialState


@dataclass(frozen=True, slots=True)
class Finished:
    """The COMPLETE and PRUNED trials that have a finite value, of which there is at least one."""

    study: Study
    ranked: tuple[Trial, ...]
    """Best first, as the leaderboard has them: COMPLETE before PRUNED."""

    @classmethod
    def of(cls, study: Study, trials: Iterable[Trial]) -> "Finished":
        return cls(study, tuple(leaderboard.ranked(trials, study.config.objective)))

    @property
    def objective(self) -> Objective:
        return self.study.config.objective

    @property
    def best(self) -> Trial:
        return self.ranked[0]

    @property
    def by_number(self) -> tuple[Trial, ...]:
        return tuple(sorted(self.ranked, key=lambda trial: trial.number))

    def thinned(self, most: int) -> "Finished":
        """The same with at most so many trials, evenly picked, best and worst among them."""
        return Finished(self.study, tuple(thinned(self.ranked, most)))

    def costing(self, costs: Mapping[int, float]) -> "Finished":
        """The same with what each trial has cost, by its number; the others cost nothing."""
        priced = (replace(trial, cost_usd=costs.get(trial.number, 0.0)) for trial in self.ranked)
        return Finished(self.study, tuple(priced))


def value_of(trial: Trial) -> float:
    """A finished trial's value."""
    assert trial.value is not None and math.isfinite(trial.value)
    return trial.value


def is_complete(trial: Trial) -> bool:
    return trial.state is TrialState.COMPLETE

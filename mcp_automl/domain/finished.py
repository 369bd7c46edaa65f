"""A study's finished trials, as pictures and explanations look at them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcp_automl.domain import leaderboard
from mcp_automl.domain.study import Objective, Study, Trial, TrialState

T = TypeVar("T")


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
        """The same with at most so many trials, evenly picked from the best to the worst."""
        return Finished(self.study, thinned(self.ranked, most))


def thinned(items: Sequence[T], most: int) -> tuple[T, ...]:
    """At most so many, evenly picked, the first among them."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[i * len(items) // most] for i in range(most))


def value_of(trial: Trial) -> float:
    """A finished trial's value."""
    assert trial.value is not None and math.isfinite(trial.value)
    return trial.value


def is_complete(trial: Trial) -> bool:
    return trial.state is TrialState.COMPLETE

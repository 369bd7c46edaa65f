"""Whose models are kept: those of the best finished trials, by the leaderboard's rules."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mcp_automl.domain.leaderboard import top
from mcp_automl.domain.study import Objective, Trial, TrialState
from mcp_automl.domain.training_job import TrainingJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What becomes of the models that trainings leave."""

    most: int = 3
    """Of how many of a study's best trials they are kept."""
    logged: bool = True
    """Whether the best one is logged to the tracker."""

    def of(self, job: TrainingJob | None) -> "Policy":
        """The same for a training job: its model is what it is for, unless it only verifies."""
        if job is None:
            return self
        return Policy(most=0 if job.verifies else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The best trials of a study so far; of all others no model is kept.

    Only these are remembered: who is not among the best now will not be when more have finished.
    """

    objective: Objective
    most: int
    """How many models are kept; 0 for none at all."""
    trials: tuple[Trial, ...] = ()
    """Best first."""

    def with_finished(self, trials: Iterable[Trial]) -> "Keeping":
        """What is kept once these have finished too; FAILed ones are never kept."""
        best = top((*self.trials, *trials), self.objective, self.most)
        return replace(self, trials=tuple(best))

    @property
    def best(self) -> Trial | None:
        """The one whose model is published: the best, if it is COMPLETE."""
        first = next(iter(self.trials), None)
        return first if first is not None and first.state is TrialState.COMPLETE else None

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(trial.number for trial in self.trials)

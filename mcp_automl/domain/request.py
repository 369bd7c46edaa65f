"""What somebody asks of a study, as it came: nothing of it has been checked but the sums."""

from dataclasses import dataclass

from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.study import Study, StudyConfig, StudyState, Target


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """A study to be started, or gone on with; what is None was not said."""

    name: str
    model: str | None = None
    n_trials: int | None = None
    """A total."""
    epochs_max: int | None = None
    cost_budget_usd: float | None = None
    max_cost_per_trial_usd: float | None = None
    search_space: object = None
    """Changes the trainer's default space; see `search.py`."""
    sampler: str | None = None
    pruner: str | None = None

    @property
    def target(self) -> Target:
        """How far the study shall go.

        Raises:
            InvalidRequest: a number is out of range, or a name unknown.
        """
        return Target(
            n_trials=self.n_trials,
            cost_budget_usd=self.cost_budget_usd,
            max_cost_per_trial_usd=self.max_cost_per_trial_usd,
            sampler=one_of(Sampler, self.sampler, "sampler"),
            pruner=one_of(Pruner, self.pruner, "pruner"),
        )


def runs_nothing(study: Study, wanted: StudyConfig, done: int) -> bool:
    """Whether going on with a study would run nothing, and so changes nothing.

    How it is searched is of no account where nothing is left to search.
    """
    finished = study.state is StudyState.COMPLETE and done >= wanted.n_trials
    return finished and wanted.ceilings == study.config.ceilings

"""The words of the house as values: study, trial, measurement, objective and their states."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum

from mcp_automl.domain.bounds import check_dollars, check_epochs_max, check_n_trials
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.pace import EpochTime
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.space import Params, SearchSpace
from mcp_automl.domain.training_job import Priority, TrainingJob

STOPPED_BY_USER = "stopped by the user"
"""The reason of a study, and of its interrupted trials, that somebody asked to stop."""


class TrialState(Enum):
    """Optuna's five states; the values are the names in its database."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"
    WAITING = "WAITING"

    @property
    def is_finished(self) -> bool:
        return self not in (TrialState.RUNNING, TrialState.WAITING)

    @property
    def counts(self) -> bool:
        """Whether a trial in this state is one of the `n_trials` asked for; a FAIL is replaced."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED)


COUNTED = tuple(state for state in TrialState if state.counts)


def counted(counts: Mapping[TrialState, int]) -> int:
    """Trials that count towards `n_trials`."""
    return sum(counts.get(state, 0) for state in COUNTED)


class StudyState(Enum):
    """Where a study's life stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"

    @property
    def should_run(self) -> bool:
        return self in (StudyState.QUEUED, StudyState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A metric to be made large or small."""

    name: str
    maximize: bool

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`."""
        return one > other if self.maximize else one < other

    def rank_key(self, value: float) -> float:
        """A number that is smaller the better the value is."""
        return -value if self.maximize else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is known after one finished epoch."""

    epoch: int
    """1-based number of the epoch that has just finished."""
    metrics: Mapping[str, float]
    """Every metric of this epoch, the objective among them."""
    seconds: float
    """How long this epoch took."""

    def __post_init__(self) -> None:
        if self.epoch < 1:
            raise InvalidRequest(f"epochs are counted from 1, not {self.epoch}")

    def value(self, objective: Objective) -> float | None:
        """The objective's value, or None where it is missing or not finite."""
        value = self.metrics.get(objective.name)
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """One search as it was asked for."""

    name: str
    model: str
    """The trainer's name."""
    objectives: tuple[Objective, ...]
    space: SearchSpace
    default: Params
    """The trainer's default configuration clipped into the space: the first trial."""
    n_trials: int
    """A total: COMPLETE and PRUNED trials count towards it."""
    epochs_max: int
    constants: Params = field(default_factory=dict)
    """What every trial is trained with beside what is searched."""
    cost_budget_usd: float | None = None
    """What the study may spend over its whole life; None for no ceiling."""
    max_cost_per_trial_usd: float | None = None
    """What each trial may cost, all its attempts together; None for no ceiling."""
    sampler: Sampler = Sampler.TPE
    """What suggests trials; it may change while the study lives, as may the pruner."""
    pruner: Pruner = Pruner.MEDIAN
    seed: int = 0
    owner: str = ""
    job: TrainingJob | None = None
    """What makes it a training job: nothing is suggested, pruned, or trained in another's place."""

    def __post_init__(self) -> None:
        check_n_trials(self.n_trials)
        check_epochs_max(self.epochs_max)
        check_dollars("cost_budget_usd", self.cost_budget_usd)
        check_dollars("max_cost_per_trial_usd", self.max_cost_per_trial_usd)
        if not self.objectives:
            raise InvalidRequest("a study needs at least one objective")
        both = self.constants.keys() & self.space.parameters.keys()
        if both:
            raise InvalidRequest(f"{', '.join(sorted(both))} cannot be both fixed and searched")

    @property
    def objective(self) -> Objective:
        """The objective that decides while there is one only."""
        return self.objectives[0]

    @property
    def first(self) -> tuple[Params, ...]:
        """The trials that are trained before any is suggested."""
        return (self.default,) if self.job is None else self.job.points

    @property
    def known(self) -> Params:
        """What its data may depend on: all that is known of every trial beforehand."""
        return self.constants if self.job is None else self.job.points[0]

    @property
    def priority(self) -> Priority:
        """Trials are normal."""
        return Priority.NORMAL if self.job is None else self.job.priority

    @property
    def ceilings(self) -> tuple[float | None, float | None]:
        """What the study, and each of its trials, may cost in US dollars."""
        return self.cost_budget_usd, self.max_cost_per_trial_usd

    @property
    def is_final(self) -> bool:
        """Whether training and validation data are trained on together."""
        return self.job is not None and self.job.final

    def seed_of(self, trial: int) -> int:
        """One for all trials, so that they differ by their parameters; a job's are its own."""
        return self.seed if self.job is None else self.job.seeds[trial % len(self.job.seeds)]

    @property
    def has_epochs(self) -> bool:
        """Whether it is known beforehand how many epochs a trial trains."""
        return "epochs" in self.space.parameters or "epochs" in self.constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How far a study shall go, and how it is searched from now on; None for what was not said."""

    n_trials: int | None = None
    cost_budget_usd: float | None = None
    max_cost_per_trial_usd: float | None = None
    sampler: Sampler | None = None
    pruner: Pruner | None = None

    def __post_init__(self) -> None:
        if self.n_trials is not None:
            check_n_trials(self.n_trials)
        check_dollars("cost_budget_usd", self.cost_budget_usd)
        check_dollars("max_cost_per_trial_usd", self.max_cost_per_trial_usd)

    @property
    def has_ceiling(self) -> bool:
        """Whether it says what may be spent."""
        return self.cost_budget_usd is not None or self.max_cost_per_trial_usd is not None

    def applied_to(self, config: StudyConfig) -> StudyConfig:
        """The configuration that holds when the target does: what was not said stays."""
        said = {name: value for name in TARGETS if (value := getattr(self, name)) is not None}
        return replace(config, **said)


TARGETS = tuple(field.name for field in fields(Target))


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study as it is stored."""

    id: int
    config: StudyConfig
    state: StudyState
    reason: str
    """Why it is in this state: one sentence, or empty while it runs."""
    data: str
    """The data set its trials train on, in words; empty until that is known."""
    arguments: Params
    """What every trial gets beside its parameters, found with its data; stronger than `auto`."""
    created_at: float
    """Seconds since the epoch, like every `_at` here."""
    started_at: float | None
    ended_at: float | None
    revision: int
    """Grows with every intention written; who finishes a study names the one it acted on."""
    stop_requested: bool = False
    """Whether it was asked to stop, and has not stopped yet; asking for it again withdraws that."""
    namesakes: int = 0
    """How many studies of its name had been deleted when it was created."""

    def elapsed_s(self, now: float) -> float:
        """Seconds since it first began, until it ended or now."""
        if self.started_at is None:
            return 0.0
        return max(0.0, (self.ended_at or now) - self.started_at)

    def followed_by(self, newer: "Study") -> "Study":
        """The study under a newer intention, which may have been read before its data was known."""
        return replace(
            newer, data=newer.data or self.data, arguments=newer.arguments or self.arguments
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One point of the space, trained and judged, or on its way there."""

    number: int
    state: TrialState
    params: Params
    """What it is trained with: the parameters that exist in this point, and the constants."""
    value: float | None = None
    """The last epoch's objective."""
    epoch: int = 0
    """Finished epochs."""
    cost_usd: float = 0.0
    """All its attempts' cost."""
    reason: str = ""
    """Why it was pruned, failed or interrupted."""
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A trial that was interrupted and will go on under its number."""

    epoch: int = 0
    """Its last measured epoch."""
    value: float | None = None
    """That epoch's objective."""
    spent_usd: float = 0.0
    """What its attempts have cost."""
    barren: int = 0
    """Its latest attempts in a row that brought no new epoch."""
    alone: bool = False
    """Whether it ran out of memory on a shared device and shall have one for itself."""
    trained_s: float = 0.0
    """How long its attempts have trained."""
    longest_s: float = 0.0
    """How long the longest of those has trained that somebody stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a study's run needs to know of its past."""

    counted: int = 0
    """COMPLETE and PRUNED trials."""
    waiting: Mapping[int, Waiting]
    """Interrupted trials by number; the lowest is asked for first."""
    spent_usd: float = 0.0
    """All attempts so far."""
    epochs: tuple[EpochTime, ...] = ()
    """How long its latest epochs took, newest last."""
    earlier_epochs: tuple[EpochTime, ...] = ()
    """The same of other studies with its trainer."""
    failures: tuple[str, ...] = ()
    """Reasons of the latest FAILs in a row, oldest first."""
    wanted: bool = True
    """False if the study was asked to stop, or deleted, before it was opened: nothing shall run."""

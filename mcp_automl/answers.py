"""What the use cases answer, in domain words; texts and schemas are made from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mcp_automl.domain.bounds import one_of
from mcp_automl.domain.outlook import Allowance, allowance
from mcp_automl.domain.paging import Page
from mcp_automl.domain.quote import Quote
from mcp_automl.domain.savings import Savings
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement, Study, StudyConfig, Trial, TrialState, counted
from mcp_automl.domain.tracking import TrackedRun
from mcp_automl.domain.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What `start_study` did and what holds now."""

    study: Study
    """As it is stored now."""
    done: int
    """COMPLETE and PRUNED trials so far."""
    created: bool
    nothing_to_run: bool
    """Whether the study had all its trials already, so that nothing was changed."""
    expected_data: str
    """The data set in words: the study's own, or that of the model's latest study; may be empty."""
    max_parallel: int
    devices: str
    notes: tuple[str, ...]
    """Sentences a reader should know: settings that hold, an orchestrator that is not well."""
    search: str = ""
    """Which sampler works and why, and the pruner; empty where none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What a study would cost and take; nothing was started or stored."""

    config: StudyConfig
    """As it would be stored."""
    exists: bool
    done: int
    """COMPLETE and PRUNED trials so far."""
    spent_usd: float
    quote: Quote
    max_parallel: int
    devices: str
    search: str
    """Which sampler would work and why, and the pruner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What `stop_study` did and what holds now."""

    study: Study
    """As it is stored now."""
    ran: bool
    """Whether there was anything to stop; if not, nothing was changed."""
    counts: Mapping[TrialState, int]
    notes: tuple[str, ...]

    @property
    def done(self) -> int:
        """Trials that count towards the total."""
        return counted(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What `delete_study` did."""

    study: Study
    """As it was."""
    trials: int
    """How many it had, in whatever state."""
    cost_usd: float
    """What it has cost, which is still counted."""
    notes: tuple[str, ...]
    """Sentences about files that could not be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog:
    """The end of what a job has printed."""

    path: Path
    size: int
    """Bytes, all of it."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTrial:
    """A trial in flight."""

    trial: Trial
    last: Measurement | None

    @property
    def epochs(self) -> int | None:
        """How many it will train, where it has that parameter."""
        epochs = self.trial.params.get("epochs")
        return epochs if isinstance(epochs, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStatus:
    """Where a study stands."""

    study: Study
    counts: Mapping[TrialState, int]
    best: Trial | None
    best_measured: Measurement | None = None
    """The best trial's last epoch."""
    running: tuple[RunningTrial, ...]
    elapsed_s: float
    """Since it first began, until it ended or now."""
    remaining_s: float | None
    """Expected, from the trials finished so far; None while there are none or when it has ended."""
    cost_usd: float
    pruned_for_cost: int = 0
    """PRUNED trials that the budget ended, and not the pruner."""
    interrupted: int = 0
    """WAITING trials that were begun and can go on."""
    savings: Savings | None = None
    """What the pruner saved, once the study has ended."""
    next_look_s: int | None
    """When to look again; None when nothing will change."""
    notes: tuple[str, ...]
    search: str = ""
    """Which sampler works and why, and the pruner; empty where none does."""

    @property
    def other_metrics(self) -> Mapping[str, float]:
        """The best trial's last metrics, the objective excepted."""
        measured = self.best_measured.metrics if self.best_measured else {}
        objective = self.study.config.objective.name
        return {name: value for name, value in measured.items() if name != objective}

    @property
    def done(self) -> int:
        """Trials that count towards the total."""
        return counted(self.counts)

    @property
    def never_started(self) -> int:
        """Trials that were asked for and never begun."""
        return max(0, self.study.config.n_trials - self.done - self.interrupted)

    @property
    def allowance(self) -> Allowance | None:
        """How much of the budget is spent; None without one."""
        budget = self.study.config.cost_budget_usd
        return None if budget is None else allowance(budget, self.cost_usd, self.done)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """One line of the list of studies."""

    study: Study
    counts: Mapping[TrialState, int]
    best: Trial | None
    """Without its parameters."""
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyList:
    """A page of the studies, newest first."""

    studies: tuple[StudySummary, ...]
    total: int
    page: Page

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None if this is the last."""
        return self.page.after(self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The best trials of a study, best first."""

    study: Study
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestParams:
    """A study's best trial, for training again, and where what it has made is."""

    study: Study
    trial: Trial
    runs_alone: bool = True
    """Whether its trainer can be run from a terminal by its name."""
    model_file: Path | None = None
    """None if it is not kept, or not on this machine."""
    run: TrackedRun | None = None
    """Where it is tracked; None for a study that is not ours."""
    verification: Verification | None = None
    """Whether it is really better than the second best, where that was looked into."""

    @property
    def params(self) -> Params:
        return self.trial.params


class ExportFormat(Enum):
    """What a study can be written as."""

    SCRIPT = "script"
    CSV = "csv"
    JSON = "json"

    @classmethod
    def of(cls, word: str | None) -> "ExportFormat":
        """The format of that name; a script where none is named. Raises InvalidRequest."""
        return one_of(cls, word, "format") or cls.SCRIPT


SUFFIXES = {ExportFormat.SCRIPT: "py", ExportFormat.CSV: "csv", ExportFormat.JSON: "json"}
"""What their files end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that a study was written to."""

    study: Study
    format: ExportFormat
    path: Path
    trials: int
    """How many trials are in it; a script has one."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPage:
    """Some of a study's trials, by number."""

    study: Study
    trials: tuple[Trial, ...]
    page: Page
    total: int
    """How many there are in all pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialShown:
    """One trial."""

    study: Study
    trial: Trial
    measurements: tuple[Measurement, ...]
    """Its epochs; evenly spread ones where there are many."""
    epochs: int
    """How many were measured."""
    log: tuple[str, ...]
    """What its trainings have printed last."""

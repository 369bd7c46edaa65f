"""What the use cases about training jobs and the queue answer, in domain words."""

from dataclasses import dataclass
from pathlib import Path

from mcp_automl.domain.queue import Holding, Turn
from mcp_automl.domain.quote import Quote
from mcp_automl.domain.study import Measurement, Study, Trial
from mcp_automl.domain.tracking import TrackedRun
from mcp_automl.domain.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """A training job that was put into the queue."""

    job: Study
    quote: Quote
    """What it will cost and take."""
    data: str
    """What it trains on, in words; empty until that is chosen."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShown:
    """Where a training job stands, and what it has brought."""

    job: Study
    runs: tuple[Trial, ...]
    """Its trainings by number."""
    last: Measurement | None
    """The last epoch of its one training; None while there is none, or if it has several."""
    cost_usd: float
    elapsed_s: float
    model_file: Path | None
    run: TrackedRun
    verification: Verification | None
    """What it has found out about the study's win, once it is COMPLETE."""
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float | None:
        """What its one training has come to."""
        alone = len(self.job.config.first) == 1
        return next((run.value for run in self.runs), None) if alone else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What was done about a job that somebody wants no more."""

    job: Study
    ran: bool
    """Whether there was anything to cancel; if not, nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A training in its slot, with a forecast."""

    holding: Holding
    elapsed_s: float
    remaining_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Who holds slots, who waits, and what has ended lately."""

    slots: int
    devices: str
    held: tuple[Held, ...]
    turns: tuple[Turn, ...]
    """In the order in which they will be served."""
    ended: tuple[JobShown, ...]
    """The latest training jobs that have ended, newest first."""
    notes: tuple[str, ...]

"""A study in virtual time: three workers that never wait for one another, as in the product.

Whoever is free asks for a trial at once, while the others still train; a trial takes as long as its
training was recorded to take. Nothing else takes time. The trials of a study of 20 are the first 20
of a study of 50, because no sampler is told how many there will be.
"""

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mcp_automl.domain.space import Params, SearchSpace

WORKERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What one trial goes through, an entry per epoch."""

    values: Sequence[float]
    seconds: Sequence[float]
    regret: float
    """Of its configuration, trained to the end."""


class Problem(Protocol):
    """Something to search."""

    @property
    def name(self) -> str: ...

    @property
    def space(self) -> SearchSpace: ...

    @property
    def maximize(self) -> bool: ...

    @property
    def epochs(self) -> int: ...

    @property
    def mean_seconds(self) -> float:
        """What a configuration drawn at random takes."""
        ...

    def train(self, params: Params, seed: int) -> Training:
        """What becomes of a point in the study with this seed."""
        ...


class Search(Protocol):
    """A sampler and a pruner at work on one study; trials are numbered from 0."""

    def suggest(self, number: int) -> Params:
        """The point of the next trial."""
        ...

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Takes what was measured after an epoch, and says whether to stop the trial."""
        ...

    def ended(self, number: int, value: float, seconds: float, *, pruned: bool) -> None:
        """Takes what became of a trial, and how long it trained."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One trial as it went."""

    number: int
    pruned: bool
    value: float
    """As it was observed at the end."""
    regret: float
    epochs: int
    seconds: float
    total_epochs: int
    """Epochs that all workers had finished when it ended."""
    total_seconds: float
    """Seconds of all trials that had ended by then, this one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A study from its start to its end."""

    maximize: bool
    trials: tuple[Ended, ...]
    """In the order in which they ended."""
    ask_ms: float
    """CPU milliseconds of a suggestion; the mean."""

    def regret(self, trials: Iterable[Ended]) -> float:
        """Of the incumbent among them: the complete trial whose observed value is best.

        Where none is complete there is no model, which is worth what the median one is.
        """
        complete = [trial for trial in trials if not trial.pruned]
        if not complete:
            return 1.0
        sign = -1 if self.maximize else 1
        return min(complete, key=lambda trial: sign * trial.value).regret

    def after_trials(self, count: int) -> float:
        """The regret of a study of so many trials."""
        return self.regret(trial for trial in self.trials if trial.number < count)

    def after_seconds(self, seconds: float) -> float:
        """The regret of a study that may pay for so much training, and stops what costs more."""
        return self.regret(trial for trial in self.trials if trial.total_seconds <= seconds)

    def after_epochs(self, epochs: int) -> float:
        """The regret of what was complete when so many epochs had been trained."""
        return self.regret(trial for trial in self.trials if trial.total_epochs <= epochs)


@dataclass(slots=True)
class _Job:
    number: int
    training: Training
    epoch: int = 0


@dataclass(slots=True)
class _Study:
    problem: Problem
    search: Search
    seed: int
    due: list[tuple[float, int, _Job]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    asked: int = 0
    ask_s: float = 0.0
    epochs: int = 0
    seconds: float = 0.0

    def start(self, now: float) -> None:
        began = time.process_time()
        params = self.search.suggest(self.asked)
        self.ask_s += time.process_time() - began
        job = _Job(self.asked, self.problem.train(params, self.seed))
        self.asked += 1
        self.train(job, now)

    def train(self, job: _Job, now: float) -> None:
        seconds = job.training.seconds[job.epoch]
        job.epoch += 1
        heapq.heappush(self.due, (now + seconds, job.number, job))

    def measure(self, job: _Job) -> bool:
        """Whether the trial has come to its end."""
        self.epochs += 1
        value, last = job.training.values[job.epoch - 1], job.epoch == self.problem.epochs
        # A single value has no course, and what is trained to the end is not pruned.
        stop = self.problem.epochs > 1 and self.search.report(job.number, job.epoch, value)
        if last or stop:
            self.end(job, value, pruned=not last)
        return last or stop

    def end(self, job: _Job, value: float, *, pruned: bool) -> None:
        seconds = sum(job.training.seconds[: job.epoch])
        self.search.ended(job.number, value, seconds, pruned=pruned)
        self.seconds += seconds
        ended = Ended(
            number=job.number,
            pruned=pruned,
            value=value,
            regret=job.training.regret,
            epochs=job.epoch,
            seconds=seconds,
            total_epochs=self.epochs,
            total_seconds=self.seconds,
        )
        self.ended.append(ended)


def simulate(
    problem: Problem,
    search: Search,
    seed: int,
    *,
    trials: int,
    epochs: int | None = None,
) -> Simulated:
    """Runs a study until all its trials have ended, or until so many epochs have been trained."""
    study = _Study(problem, search, seed)
    for _ in range(min(WORKERS, trials)):
        study.start(0.0)
    while study.due and (epochs is None or study.epochs < epochs):
        now, _, job = heapq.heappop(study.due)
        if not study.measure(job):
            study.train(job, now)
        elif study.asked < trials:
            study.start(now)
    return Simulated(
        maximize=problem.maximize,
        trials=tuple(study.ended),
        ask_ms=1000 * study.ask_s / study.asked,
    )

"""What simulated studies came to: a line of JSON each, so that an interrupted run goes on."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.search_simulation import Problem, Simulated

TRIALS = (10, 20, 50)
BUDGETS = (10, 20, 40)
"""In costs of a configuration drawn at random."""

Key: TypeAlias = tuple[str, str, int]
"""Contestant, problem, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One study."""

    contestant: str
    problem: str
    seed: int
    trials: int
    """How many the study had at most."""
    by_trials: Mapping[str, float]
    """Normalized regret of the study's first 10, 20, 50 trials."""
    by_cost: Mapping[str, float]
    """Normalized regret at the cost of 10, 20, 40 random trials; or of all trials, if less."""
    cost: float
    """Mean cost of a trial, over that of a random one."""
    ask_ms: float
    """CPU time of a suggestion."""

    @property
    def key(self) -> Key:
        return self.contestant, self.problem, self.seed


def result(contestant: str, problem: Problem, seed: int, trials: int, study: Simulated) -> Result:
    """What is kept of a simulated study."""
    mean = problem.mean_seconds
    return Result(
        contestant=contestant,
        problem=problem.name,
        seed=seed,
        trials=trials,
        by_trials={str(n): round(study.after_trials(n), 4) for n in TRIALS if n <= trials},
        by_cost={str(n): round(study.after_seconds(n * mean), 4) for n in BUDGETS},
        cost=round(statistics.fmean(trial.seconds for trial in study.trials) / mean, 3),
        ask_ms=round(study.ask_ms, 1),
    )


def read(path: Path) -> list[Result]:
    """What was written so far."""
    if not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, done: Result) -> None:
    """Adds a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(done)) + "\n")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its standard error."""

    mean: float
    error: float
    count: int

    @property
    def upper(self) -> float:
        """The upper end of the 95 % interval."""
        return self.mean + 1.96 * self.error

    @property
    def lower(self) -> float:
        """The lower end of the 95 % interval."""
        return self.mean - 1.96 * self.error

    @property
    def signed(self) -> str:
        """As a difference is written."""
        return f"{self.mean:+.3f} ± {self.error:.3f}"

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f}"


def estimate(values: Iterable[float]) -> Estimate:
    """Of values that do not depend on one another; an error of NaN if there is but one."""
    found = list(values)
    error = statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Estimate(statistics.fmean(found), error, len(found))


def paired(one: Mapping[Key, float], other: Mapping[Key, float]) -> Estimate | None:
    """The mean difference of two contestants over the problems and seeds that both have."""
    others = {key[1:]: value for key, value in other.items()}
    both = [value - others[key[1:]] for key, value in one.items() if key[1:] in others]
    return estimate(both) if both else None


def by_trials(results: Sequence[Result], contestant: str, trials: int) -> dict[Key, float]:
    """A contestant's regrets after so many trials."""
    return {
        each.key: each.by_trials[str(trials)]
        for each in results
        if each.contestant == contestant and str(trials) in each.by_trials
    }


def by_cost(
    results: Sequence[Result], contestant: str, budget: int, family: str, trials: int
) -> dict[Key, float]:
    """A contestant's regrets when so many random trials' costs were spent, or so many trials."""
    return {
        each.key: each.by_cost[str(budget)]
        for each in results
        if (each.contestant, each.trials) == (contestant, trials)
        and each.problem.startswith(family)
    }

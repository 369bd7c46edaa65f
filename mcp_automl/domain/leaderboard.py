"""Which trial is best: ranks over finished trials."""

import math
from collections.abc import Iterable
from itertools import islice

from mcp_automl.domain.study import Objective, Trial, TrialState


def ranked(trials: Iterable[Trial], objective: Objective) -> list[Trial]:
    """Trials that have a value, best first.

    COMPLETE trials come before PRUNED ones, whose value is that of the epoch they were stopped at;
    equal values keep the order of their numbers.
    """
    judged = [t for t in trials if t.state.counts and _finite(t.value)]
    return sorted(judged, key=lambda t: (_class(t), objective.rank_key(_value(t)), t.number))


def best(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """The best COMPLETE trial; where there is none, the best PRUNED one; else None."""
    return next(iter(ranked(trials, objective)), None)


def top(trials: Iterable[Trial], objective: Objective, k: int) -> list[Trial]:
    """The k best trials."""
    return list(islice(ranked(trials, objective), k))


def _class(trial: Trial) -> int:
    return 0 if trial.state is TrialState.COMPLETE else 1


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _value(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value

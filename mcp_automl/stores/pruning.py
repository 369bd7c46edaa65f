"""When a trial is hopeless, in Optuna's words and then in ours."""

import math
import statistics

import optuna
from optuna.trial import FrozenTrial, TrialState

from mcp_automl.domain.study import Objective, StudyConfig

STARTUP_TRIALS = 5
"""Complete trials before anything is pruned."""


def warmup_epochs(epochs_max: int) -> int:
    """The first epoch, counted from 1, at which a trial may be pruned.

    Never the first epoch, and a tenth of them on long trainings: pruning earlier is worse than no
    pruning.
    """
    return max(2, 1 + math.ceil(epochs_max / 10))


def make_pruner(config: StudyConfig) -> optuna.pruners.BasePruner:
    if config.job is not None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=STARTUP_TRIALS, n_warmup_steps=warmup_epochs(config.epochs_max)
    )


def describe_pruner(config: StudyConfig) -> str:
    if config.job is not None:
        return "none"
    first = warmup_epochs(config.epochs_max)
    return f"median of at least {STARTUP_TRIALS} complete trials, from epoch {first}"


def verdict(study: optuna.Study, trial: FrozenTrial, objective: Objective) -> str | None:
    """The reason to stop the trial at its last epoch, or None.

    The pruner alone decides; the numbers are computed again as it computes them, to be shown.
    """
    if not study.pruner.prune(study, trial):
        return None
    epoch = trial.last_step
    assert epoch is not None
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = [t.intermediate_values[epoch] for t in complete if epoch in t.intermediate_values]
    best = (max if objective.maximize else min)(trial.intermediate_values.values())
    shown, median = _apart(best, statistics.median(known))
    side = "below" if objective.maximize else "above"
    trials = "1 complete trial" if len(known) == 1 else f"{len(known)} complete trials"
    return (
        f"pruned at epoch {epoch}: its best {objective.name} {shown} is {side} {median}, "
        f"the median of {trials} at that epoch"
    )


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two different numbers as texts that differ: with four decimals where these are enough."""
    short = f"{one:.4f}", f"{other:.4f}"
    return short if short[0] != short[1] else (repr(one), repr(other))

"""When a trial is hopeless, in Optuna's words and then in ours."""

import math
from collections.abc import Sequence
from typing import assert_never

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.trial import FrozenTrial, TrialState

from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Pruner, SearchSettings
from mcp_automl.domain.study import Objective, StudyConfig

_RUNG = "completed_rung_"
"""Optuna's mark on a trial that was compared at a rung, with its value there."""


def warmup_epochs(epochs_max: int, settings: SearchSettings = DEFAULT_SETTINGS) -> int:
    """The first epoch, counted from 1, at which the median and the percentile may prune.

    Never the first epoch, and a tenth of them on long trainings: pruning earlier is worse than no
    pruning.
    """
    return max(2, 1 + math.ceil(epochs_max * settings.warmup_share))


def make_pruner(config: StudyConfig, settings: SearchSettings = DEFAULT_SETTINGS) -> BasePruner:
    """The study's pruner; of a training job none."""
    if config.job is not None:
        return NopPruner()
    first, factor = settings.rung_epoch, settings.rung_factor
    match config.pruner:
        case Pruner.MEDIAN | Pruner.PERCENTILE:
            return PercentilePruner(
                _kept_percent(config.pruner, settings),
                n_startup_trials=settings.pruner_startup_trials,
                n_warmup_steps=warmup_epochs(config.epochs_max, settings),
            )
        case Pruner.ASHA:
            return SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
        case Pruner.HYPERBAND:
            longest = max(first, config.epochs_max)
            return HyperbandPruner(first, longest, factor)
        case Pruner.NONE:
            return NopPruner()
        case _:
            assert_never(config.pruner)


def _kept_percent(pruner: Pruner, settings: SearchSettings) -> float:
    # Optuna's MedianPruner is its PercentilePruner at 50.
    return 50.0 if pruner is Pruner.MEDIAN else settings.percentile


def describe_pruner(config: StudyConfig, settings: SearchSettings = DEFAULT_SETTINGS) -> str:
    """The pruner in a few words."""
    if config.job is not None:
        return "none"
    complete = f"of at least {settings.pruner_startup_trials} complete trials"
    warmup = f"{complete}, from epoch {warmup_epochs(config.epochs_max, settings)}"
    rungs = f"the best of every {settings.rung_factor} go on, from epoch {settings.rung_epoch}"
    match config.pruner:
        case Pruner.MEDIAN:
            return f"median {warmup}"
        case Pruner.PERCENTILE:
            return f"percentile {settings.percentile:g} {warmup}"
        case Pruner.ASHA:
            return f"ASHA: {rungs}"
        case Pruner.HYPERBAND:
            return f"Hyperband: {rungs}, in brackets"
        case Pruner.NONE:
            return "none"
        case _:
            assert_never(config.pruner)


def rungs(
    study: optuna.Study, trial: FrozenTrial, settings: SearchSettings = DEFAULT_SETTINGS
) -> dict[str, float]:
    """What Optuna marks a trial with at the rungs that it reaches.

    It follows from the trial's values, and so is stored nowhere.
    """
    values = trial.intermediate_values
    first = settings.rung_epoch
    match study.pruner:
        case HyperbandPruner() as pruner:
            first *= settings.rung_factor ** _bracket(pruner, study, trial)
        case SuccessiveHalvingPruner():
            pass
        case _:
            return {}
    marks: dict[str, float] = {}
    while reached := [epoch for epoch in values if epoch >= first]:
        marks[f"{_RUNG}{len(marks)}"] = values[min(reached)]
        first *= settings.rung_factor
    return marks


def verdict(
    study: optuna.Study,
    trial: FrozenTrial,
    config: StudyConfig,
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> str | None:
    """The reason to stop the trial at its last epoch, or None.

    The pruner alone decides; the numbers are computed again as it computes them, to be shown.
    """
    if not study.pruner.prune(study, trial):
        return None
    if isinstance(study.pruner, PercentilePruner):
        kept = _kept_percent(config.pruner, settings)
        return _fell_behind(study, trial, config.objective, kept)
    return _lost_at_a_rung(study, trial, config.objective, settings)


def _fell_behind(study: optuna.Study, trial: FrozenTrial, objective: Objective, kept: float) -> str:
    epoch = _epoch(trial)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = [t.intermediate_values[epoch] for t in complete if epoch in t.intermediate_values]
    best = (max if objective.maximize else min)(trial.intermediate_values.values())
    percent = 100 - kept if objective.maximize else kept
    shown, other = _apart(best, _percentile(known, percent))
    side = "below" if objective.maximize else "above"
    name = "median" if percent == 50 else f"{percent:g}th percentile"
    trials = "1 complete trial" if len(known) == 1 else f"{len(known)} complete trials"
    return (
        f"pruned at epoch {epoch}: its best {objective.name} {shown} is {side} {other}, "
        f"the {name} of {trials} at that epoch"
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    """As numpy has it: between two neighbours, in proportion."""
    ordered = sorted(values)
    below, part = divmod((len(ordered) - 1) * percent / 100, 1)
    above = ordered[min(int(below) + 1, len(ordered) - 1)]
    return ordered[int(below)] + (above - ordered[int(below)]) * part


def _lost_at_a_rung(
    study: optuna.Study, trial: FrozenTrial, objective: Objective, settings: SearchSettings
) -> str:
    trials = rivals = study.get_trials(deepcopy=False)
    among = "trials that got there"
    if isinstance(study.pruner, HyperbandPruner):
        mine = _bracket(study.pruner, study, trial)
        rivals = [t for t in trials if _bracket(study.pruner, study, t) == mine]
        among = "trials of its bracket that got there"
    # As the pruner has just marked it.
    marked = trials[trial.number].system_attrs
    rung = max(
        (key for key in marked if key.startswith(_RUNG)),
        key=lambda key: int(key.removeprefix(_RUNG)),
    )
    values = [t.system_attrs[rung] for t in rivals if rung in t.system_attrs]
    own = marked[rung]
    rank = 1 + sum(objective.better(value, own) for value in values)
    kept = max(1, len(values) // settings.rung_factor)
    return (
        f"pruned at epoch {_epoch(trial)}: its {objective.name} {own:.4f} is number {rank} of "
        f"{len(values)} {among}, and {'only the best goes' if kept == 1 else f'the best {kept} go'}"
        " on"
    )


def _bracket(pruner: HyperbandPruner, study: optuna.Study, trial: FrozenTrial) -> int:
    """Which of Hyperband's brackets a trial belongs to: the study's name and its number decide."""
    if not pruner._pruners:
        pruner._try_initialization(study)
    return pruner._get_bracket_id(study, trial)


def _epoch(trial: FrozenTrial) -> int:
    assert trial.last_step is not None
    return trial.last_step


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two different numbers as texts that differ: with four decimals where these are enough."""
    short = f"{one:.4f}", f"{other:.4f}"
    return short if short[0] != short[1] else (repr(one), repr(other))

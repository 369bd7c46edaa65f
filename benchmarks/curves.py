"""What does pruning save, and cost? `python -m benchmarks curves`

Studies of the product's own `mnist` trainer on digits, replayed on recorded learning curves
(`curves_table`) by three workers in virtual time. All begin with the trainer's default
configuration. Two questions:

- The default sampler with the default pruner beside the same sampler with none, 20 trials each,
  seed by seed with 30 seeds: is what it finds as good, and how many epochs fewer does it train?
- How many epochs does each train until it is as good, on the mean of 16 seeds, as Optuna's default
  sampler without a pruner after 540 epochs, that is 20 complete trainings? `auto` is stopped at
  half of them, and who does not get there by 1,080 epochs is said not to.

The regret is that of the best complete trial, 0 the best recorded and 1 the median one; before
there is one it counts as 1.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.curves_table import EPOCHS
from benchmarks.search_contestants import AUTO, MEDIAN, ON_CURVES, TPE, TPE_UNPRUNED, UNPRUNED
from benchmarks.search_problems import CURVES, problem
from benchmarks.search_results import Estimate, estimate
from benchmarks.search_simulation import Simulated, simulate
from benchmarks.table import Goal, Row

SEEDS, AUTO_SEEDS = 30, 16
TRIALS = 20
WHOLE = TRIALS * EPOCHS
STEP = 9
"""Epochs between two looks at who is best."""

FEWER_GOAL = Goal(bound=0.9, unit="×")
HALF_GOAL = Goal(bound=0.5, unit="×")

LIMITS = {AUTO: WHOLE // 2, UNPRUNED: WHOLE, MEDIAN: 2 * WHOLE}
"""Epochs after which it is enough."""


@dataclass(frozen=True, slots=True)
class Course:
    """One study: how good it was after so many epochs, and what 20 trials came to."""

    regrets: tuple[float, ...]
    final: float
    epochs: int
    pruned: float


def course(name: str, seed: int, *, epochs: int | None = None) -> Course:
    """Simulates one study of 20 trials, or of as many as so many epochs allow."""
    known = problem(CURVES)
    search = ON_CURVES[name](known, seed)
    trials = TRIALS if epochs is None else epochs
    study = simulate(known, search, seed, trials=trials, epochs=epochs)
    looks = range(STEP, (epochs or WHOLE) + 1, STEP)
    return Course(
        regrets=tuple(study.after_epochs(look) for look in looks),
        final=study.regret(study.trials),
        epochs=sum(trial.epochs for trial in study.trials),
        pruned=_pruned(study),
    )


def _pruned(study: Simulated) -> float:
    return sum(trial.pruned for trial in study.trials) / len(study.trials)


def _course(plan: tuple[str, int, int | None]) -> Course:
    name, seed, epochs = plan
    return course(name, seed, epochs=epochs)


def courses(limits: Mapping[str, int | None], seeds: int = SEEDS) -> dict[str, list[Course]]:
    """All studies of these contestants, by contestant, in the order of the seeds."""
    os.environ["OMP_NUM_THREADS"] = "1"
    plans = [(name, seed, limits[name]) for name, seed in product(limits, range(seeds))]
    with ProcessPoolExecutor() as pool:
        done = list(pool.map(_course, plans))
    return {name: done[place * seeds : (place + 1) * seeds] for place, name in enumerate(limits)}


def reached(found: Sequence[Course], target: float) -> int | None:
    """After how many epochs the mean regret is down to the target; None if it never is."""
    means = np.mean([each.regrets for each in found], axis=0)
    below = np.flatnonzero(means <= target + 1e-9)
    return (int(below[0]) + 1) * STEP if len(below) else None


def default_rows(found: Mapping[str, Sequence[Course]]) -> list[Row]:
    """The default pruner beside none."""
    with_it, without = found[TPE], found[TPE_UNPRUNED]
    apart = estimate(a.final - b.final for a, b in zip(with_it, without, strict=True))
    trained, untouched = (sum(each.epochs for each in some) for some in (with_it, without))
    ratio = trained / untouched
    pruned = estimate(each.pruned for each in with_it).mean
    equal = apart.lower <= 0
    return [
        Row(
            question=f"regret on learning curves, {TRIALS} trials: the default pruner",
            ours=f"{_final(with_it)}, paired with no pruner {apart.signed} ({apart.count} seeds)",
            beside=f"no pruner {_final(without)}",
            goal="the 95 % interval of the difference reaches 0 or below",
            met=equal,
            reason="" if equal else f"the interval begins at {apart.lower:+.3f}",
        ),
        Row(
            question=f"epochs trained on learning curves, {TRIALS} trials: the default pruner",
            ours=f"{trained / len(with_it):.0f} of {WHOLE} ({pruned:.0%} of the trials pruned)",
            beside=f"no pruner {untouched / len(without):.0f}",
            ratio=ratio,
            goal=f"{FEWER_GOAL} the epochs without a pruner",
            met=FEWER_GOAL.is_met(ratio),
            reason=FEWER_GOAL.distance(ratio),
        ),
    ]


def _final(found: Sequence[Course]) -> Estimate:
    return estimate(each.final for each in found)


def auto_row(found: Mapping[str, Sequence[Course]]) -> Row:
    """Epochs until equal quality."""
    target = float(np.mean([each.regrets[-1] for each in found[UNPRUNED]]))
    epochs = {name: reached(found[name], target) for name in LIMITS}
    fewest = min(epochs[name] or LIMITS[name] for name in (UNPRUNED, MEDIAN))
    mine = epochs[AUTO]
    ratio = (mine or LIMITS[AUTO]) / fewest
    met = mine is not None and HALF_GOAL.is_met(ratio)
    why = "" if mine else f"not by {LIMITS[AUTO]} epochs, where it was stopped"
    return Row(
        question=f"epochs trained until a mean regret of {target:.3f} on learning curves: `auto`",
        ours=_epochs(mine, LIMITS[AUTO]),
        beside=", ".join(f"{n} {_epochs(epochs[n], LIMITS[n])}" for n in (UNPRUNED, MEDIAN)),
        ratio=ratio,
        goal=f"{HALF_GOAL} the fewer of the two beside",
        met=met,
        reason="" if met else why or HALF_GOAL.distance(ratio),
    )


def _epochs(count: int | None, limit: int) -> str:
    return f"> {limit}" if count is None else str(count)


def rows() -> list[Row]:
    """What goes into the table."""
    pruned = courses({TPE: None, TPE_UNPRUNED: None})
    return [*default_rows(pruned), auto_row(courses(LIMITS, AUTO_SEEDS))]

"""How well three slots are used by trials that only wait, with everything else real.

    python -m benchmarks utilization

Counted from the first trial's first line, because what is loaded once, such as torch, is not the
cost of a trial. Beside it, Optuna runs the same in threads, which isolate nothing; peers that start
processes stand stored, see `benchmarks/peers.py`.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.stored import beside, load
from benchmarks.table import Goal, Row, figure

SLOTS, TRIALS = 3, 30
GOALS = {
    0.5: Goal(bound=0.90, least=True),
    2.0: Goal(bound=0.97, least=True),
}
"""By the seconds that a trial waits."""


def rows() -> list[Row]:
    """One for each wait."""
    return [row(wait, goal) for wait, goal in GOALS.items()]


def row(wait: float, goal: Goal) -> Row:
    from benchmarks.waiting_study import run

    with tempfile.TemporaryDirectory() as home:
        ours = run(Path(home), slots=SLOTS, trials=TRIALS, wait=wait)
    used = ideal(wait) / ours.seconds
    threads = ideal(wait) / in_threads(wait)
    peers = [it for it in load() if it.question == question(wait) and it.ratio is not None]
    better = [it.peer for it in peers if it.ratio is not None and it.ratio >= used]
    return Row(
        question=f"slot utilisation: {TRIALS} trials that wait {wait:g} s, three at a time",
        ours=figure(used),
        beside=f"`study.optimize(n_jobs=3)`: {figure(threads)}{beside(question(wait))}",
        ratio=used / threads,
        goal=f"{goal}; above all that isolate trials in processes",
        met=goal.is_met(used) and not better,
        reason=goal.distance(used) or ", ".join(f"{peer} is above" for peer in better),
    )


def question(wait: float) -> str:
    """As it is stored of peers."""
    return f"utilization {wait:g} s"


def ideal(wait: float) -> float:
    return TRIALS * wait / SLOTS


def in_threads(wait: float) -> float:
    """Seconds that Optuna takes for the same in threads of one process, with a SQLite file."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        time.sleep(wait)
        trial.report(x, 1)
        trial.should_prune()
        return x

    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", direction="maximize")
        began = time.perf_counter()
        study.optimize(objective, n_trials=TRIALS, n_jobs=SLOTS)
        return time.perf_counter() - began

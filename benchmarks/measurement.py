"""What a measurement costs a trainer: from its `yield` until it goes on.

    python -m benchmarks measurement

Meanwhile it is stored, Optuna is told, and the pruner asked; three trials at a time.
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks.table import Goal, Row

SLOTS, TRIALS, EPOCHS, WAIT = 3, 12, 20, 0.1

MIDDLE, MOST = Goal(bound=5, unit="ms p50"), Goal(bound=20, unit="ms p95")


def rows() -> list[Row]:
    from benchmarks.waiting_study import run

    with tempfile.TemporaryDirectory() as home:
        ran = run(Path(home), slots=SLOTS, trials=TRIALS, wait=WAIT, epochs=EPOCHS)
    taken = [seconds * 1000 for it in ran.times for seconds in it.measurements]
    middle, most = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    told = (MIDDLE.distance(middle), MOST.distance(most))
    return [
        Row(
            question="a measurement, from `yield` until the trainer goes on, three at a time",
            ours=f"{middle:.1f} ms (p95 {most:.1f}, {len(taken)} of them)",
            goal=f"{MIDDLE}, {MOST}",
            met=MIDDLE.is_met(middle) and MOST.is_met(most),
            reason=", ".join(it for it in told if it),
        )
    ]

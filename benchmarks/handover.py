"""How long a slot lies idle: from a trial's last line to the next one's first line of training.

    python -m benchmarks handover

Each trial has a process of its own, into which torch is loaded, and nothing is suggested ahead: the
next configuration may use what the last trial has brought. Store, sampler, pruner and MLflow are
real.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Goal, Row

GOAL = Goal(bound=50, unit="ms p50")
WAIT = 0.5
TRIALS = {3: 30, 1: 12}
"""By the number of slots."""

STUDIES = 3
"""All handovers of so many count: where three trials end at once, one study's vary by a third."""

FRESH_STARTS = 5


def rows() -> list[Row]:
    """One for three slots, as the product runs, and one for a slot alone."""
    torch = statistics.median(fresh_torch() for _ in range(FRESH_STARTS))
    return [row(slots, trials, torch) for slots, trials in TRIALS.items()]


def row(slots: int, trials: int, torch: float) -> Row:
    taken = [it * 1000 for _ in range(STUDIES) for it in handovers(slots, trials)]
    middle = statistics.median(taken)
    at_a_time = "one at a time" if slots == 1 else f"{slots} at a time"
    return Row(
        question=f"from a trial's end to the next one's first line, torch loaded, {at_a_time}",
        ours=f"{middle:.0f} ms (largest {max(taken):.0f} of {len(taken)})",
        beside=f'`python -c "import torch"`: {torch:.0f} ms',
        ratio=middle / torch,
        goal=str(GOAL),
        met=GOAL.is_met(middle),
        reason=GOAL.distance(middle),
    )


def handovers(slots: int, trials: int) -> Sequence[float]:
    """Seconds of each, of one study in a workspace of its own."""
    from benchmarks.waiting_study import run

    with tempfile.TemporaryDirectory() as home:
        return run(Path(home), slots=slots, trials=trials, wait=WAIT).handovers


def fresh_torch() -> float:
    """Milliseconds of a process that does nothing but load torch."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return (time.perf_counter() - began) * 1000

"""How well three slots are used: 12 trials of a trainer that only waits 1 s, everything else real.

Prints ideal over real time (goal 0.90), and the gap between one trial's last line and the first
line of the next one's trainer in the same slot (goal under 0.10 s), with torch loaded in the
workers' parent. Real are the database, the sampler, the pruner, MLflow and the processes. Counted
from the first trial's first line, because loading torch once is not a trial's cost.

    python -m benchmarks.utilization [trials]
"""

import sqlite3
import statistics
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.waiting import SPEC, times_of

# multiprocessing imports a program's main module again in every worker, which costs the product
# nothing (`mcp_automl.__main__` is left out) and must not be counted here: so this one is light.
if TYPE_CHECKING:
    from mcp_automl.settings import Settings

SLOTS = 3
SECONDS = 1.0


def main(trials: int) -> None:
    """Runs the study and prints the figures."""
    from mcp_automl.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), max_parallel_trials=SLOTS, idle_seconds=1.0)
        run_study(settings, trials)
        report(settings, trials)


def run_study(settings: "Settings", trials: int) -> None:
    from mcp_automl.catalog import Catalog
    from mcp_automl.composition import run_orchestrator
    from mcp_automl.stores.registry import SqliteRegistry

    catalog = Catalog([SPEC])
    config = catalog.config("waiting", "waiting", n_trials=trials, epochs_max=1, seed=0, owner="")
    SqliteRegistry(settings.database).create(config)
    run_orchestrator(settings, catalog)


def report(settings: "Settings", trials: int) -> None:
    times = [times_of(path) for path in sorted(settings.studies_dir.glob("*/trials/*"))]
    assert len(times) == trials, f"{len(times)} of {trials} trials ran"
    real = max(ended for _, ended in times) - min(began for began, _ in times)
    ideal = trials * SECONDS / SLOTS
    gaps = gaps_between(settings)
    print(f"{trials} trials of {SECONDS:g} s in {SLOTS} slots")
    print(f"ideal / real: {ideal:.2f} s / {real:.2f} s = {ideal / real:.3f} (goal 0.90)")
    print(
        f"gap between trials: median {statistics.median(gaps) * 1000:.0f} ms, "
        f"largest {max(gaps) * 1000:.0f} ms of {len(gaps)} (goal under 100 ms)"
    )


def gaps_between(settings: "Settings") -> list[float]:
    """Seconds from a trial's last line to the next one's first in the same slot."""
    with closing(sqlite3.connect(settings.database)) as database:
        rows = database.execute("SELECT study_id, trial, slot FROM automl_attempts").fetchall()
    by_slot: dict[str, list[tuple[float, float]]] = {}
    for study, trial, slot in rows:
        workdir = settings.studies_dir / str(study) / "trials" / str(trial)
        by_slot.setdefault(slot, []).append(times_of(workdir))
    ordered = [sorted(times) for times in by_slot.values()]
    return [
        after[0] - before[1]
        for times in ordered
        for before, after in zip(times, times[1:], strict=False)
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)

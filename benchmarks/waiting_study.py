"""Studies of a trainer that only waits; store, sampler, pruner, MLflow and processes are real.

An orchestrator runs in this process. It first runs a small study to its end, so that what is loaded
once, such as torch and MLflow's tables, is not counted as the cost of a trial.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.waiting import SPEC, Times, times_of
from mcp_automl.catalog import Catalog
from mcp_automl.composition import run_orchestrator
from mcp_automl.domain.sampling import Sampler
from mcp_automl.settings import Settings
from mcp_automl.stores.registry import SqliteRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The trials of a study that has run, by slot and in order."""

    by_slot: Mapping[str, list[Times]]

    @property
    def times(self) -> list[Times]:
        return [it for times in self.by_slot.values() for it in times]

    @property
    def seconds(self) -> float:
        """From the first trial's first line to the last one's last."""
        return max(it.ended for it in self.times) - min(it.began for it in self.times)

    @property
    def handovers(self) -> list[float]:
        """Seconds from each trial's last line to the next one's first in the same slot."""
        return [
            after.began - before.ended
            for times in self.by_slot.values()
            for before, after in zip(times, times[1:], strict=False)
        ]


def run(home: Path, *, slots: int, trials: int, wait: float, epochs: int = 1) -> Ran:
    """Runs a study after a small one.

    Args:
        wait: seconds of each epoch of each trial.
    """
    # Of trials whose models are not kept, the folders are cleared.
    settings = Settings(
        home=home, max_parallel_trials=slots, idle_seconds=0.0, keep_models=trials, log_models=False
    )
    create(settings, "warm-up", trials=slots, wait=0.1)
    orchestrate(settings)
    study = create(settings, "waiting", trials=trials, wait=wait, epochs=epochs)
    orchestrate(settings)
    ran = _times(settings, study)
    if len(ran.times) != trials:
        raise RuntimeError(f"{len(ran.times)} of {trials} trials ran")
    return ran


def create(
    settings: Settings,
    name: str,
    *,
    trials: int,
    wait: float,
    epochs: int = 1,
    sampler: Sampler = Sampler.TPE,
) -> int:
    """Queues a study and returns its id."""
    config = Catalog([SPEC]).config(
        name,
        SPEC.name,
        n_trials=trials,
        epochs_max=epochs,
        seed=0,
        owner="",
        search_space={"wait": wait, "epochs": epochs},
    )
    return SqliteRegistry(settings.database).create(replace(config, sampler=sampler)).id


def orchestrate(settings: Settings) -> None:
    """Runs what is queued, and returns after the settings' idle seconds."""
    run_orchestrator(settings, Catalog([SPEC]))


def _times(settings: Settings, study: int) -> Ran:
    query = "SELECT trial, slot FROM automl_attempts WHERE study_id = ?"
    with closing(sqlite3.connect(settings.database)) as database:
        rows = database.execute(query, (study,)).fetchall()
    by_slot: dict[str, list[Times]] = {}
    for trial, slot in rows:
        workdir = settings.studies_dir / str(study) / "trials" / str(trial)
        by_slot.setdefault(slot, []).append(times_of(workdir))
    for times in by_slot.values():
        times.sort(key=lambda it: it.began)
    return Ran(by_slot=by_slot)

"""How much more a GPU trains when three trials share it: the same study, one at a time and three.

The rate is epochs of 60,000 images per second, from the first trial's first step to the last
trial's last: trials differ in what they are, and the pruner in when it stops them, but with one
batch size an epoch is the same work. How busy the GPU is, is NVML's own share of time.
"""

import os
import sqlite3
import statistics
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

# multiprocessing imports a program's main module again in every worker: so this one is light.
if TYPE_CHECKING:
    from mcp_automl.settings import Settings

TRIALS = 20
EPOCHS = 2

SAMPLING_SECONDS = 0.2
"""How often NVML is asked; it averages over up to a second itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """What came of one study."""

    epochs_per_second: float
    busy: float | None
    """Median share of time in which the GPU did anything, 0 to 1; None where there is no GPU."""


def run_study(data_dir: Path, dataset: str, slots: int, trials: int = TRIALS) -> Studied:
    """Runs a study with so many slots on the first GPU, or on the CPU where there is none."""
    from mcp_automl.composition import find_devices, run_orchestrator
    from mcp_automl.settings import Settings

    uuid = find_devices()[0].uuid
    with TemporaryDirectory() as home, alone(uuid), sampled(uuid) as samples:
        settings = Settings(
            home=Path(home), data_dir=data_dir, max_parallel_trials=slots, idle_seconds=1.0
        )
        create(settings, dataset, trials)
        run_orchestrator(settings)
        return Studied(
            epochs_per_second=rate(settings.database),
            busy=statistics.median(samples) if samples else None,
        )


def create(settings: "Settings", dataset: str, trials: int) -> None:
    from mcp_automl.catalog import Catalog
    from mcp_automl.stores.registry import SqliteRegistry

    space = {"lr": [1e-4, 1e-2], "batch_size": 64, "epochs": EPOCHS, "dataset": dataset}
    config = Catalog().config(
        "speed",
        "mnist",
        n_trials=trials,
        epochs_max=EPOCHS,
        seed=0,
        owner="",
        search_space=space,
    )
    SqliteRegistry(settings.database).create(config)


def rate(path: Path) -> float:
    """Epochs per second of the only study in this database."""
    query = "SELECT count(*), min(at - seconds), max(at) FROM automl_measurements"
    with closing(sqlite3.connect(path)) as database:
        epochs, began, ended = database.execute(query).fetchone()
    return float(epochs / (ended - began))


@contextmanager
def alone(uuid: str | None) -> Iterator[None]:
    """Hides all GPUs but this one from what starts meanwhile."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if uuid is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = uuid
    try:
        yield
    finally:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if before is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


@contextmanager
def sampled(uuid: str | None) -> Iterator[list[float]]:
    """Fills the list with the GPU's busy share, 0 to 1; it stays empty where there is none."""
    samples: list[float] = []
    if uuid is None:
        yield samples
        return
    import pynvml

    handle, over = pynvml.nvmlDeviceGetHandleByUUID(uuid), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLING_SECONDS):
            samples.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        over.set()
        sampler.join()

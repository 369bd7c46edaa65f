"""Do trials in flight at the same time try nearly the same? `python -m benchmarks.near_duplicates`

Simulated studies run through the product's store, three trials in flight, once with the sampler
reckoning with what still runs (`constant_liar`) and once without. A new trial is a near-duplicate
of one in flight if both have the same batch size and epochs and learning rates within 10 %.

The goal: at most a tenth as many with `constant_liar` as without.
"""

import argparse
import heapq
import math
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef, Slot
from mcp_automl.domain.sampling import SearchSettings
from mcp_automl.domain.space import Categorical, Float, Int, Params, SearchSpace
from mcp_automl.domain.study import Measurement, Objective, Study, StudyConfig, TrialState
from mcp_automl.ports import Suggestion
from mcp_automl.stores.optuna import OptunaStore
from mcp_automl.stores.registry import SqliteRegistry

IN_FLIGHT = 3
SPACE = SearchSpace(
    {
        "lr": Float(low=1e-5, high=1e-2, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=5),
    }
)
SLOT = Slot(id="0", device="cpu", label="cpu", threads=1, usd_per_hour=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Near-duplicates among pairs of a new trial and one in flight."""

    near: int
    pairs: int

    @property
    def share(self) -> float:
        return self.near / self.pairs


def accuracy(params: Params, epoch: int) -> float:
    """Smooth, best at a learning rate of 2e-3, a batch of 64 and many epochs."""
    lr, batch = float(str(params["lr"])), float(str(params["batch_size"]))
    off = abs(math.log10(lr / 2e-3)) / 2 + abs(math.log2(batch / 64)) / 20
    return max(0.1, 0.99 - off**2) * (1 - 0.5 ** (epoch + 1))


def is_near(one: Params, other: Params) -> bool:
    same = all(one[name] == other[name] for name in ("batch_size", "epochs"))
    ratio = math.log(float(str(one["lr"])) / float(str(other["lr"])))
    return same and abs(ratio) <= math.log(1.1)


@dataclass(slots=True)
class Simulation:
    """One study; time is simulated, the store is real."""

    store: OptunaStore
    study: Study
    rng: random.Random
    near: int = 0
    pairs: int = 0
    flying: dict[int, Params] = field(default_factory=dict)
    epochs: list[tuple[float, int, Suggestion, int]] = field(default_factory=list)
    """When which trial will have finished which epoch, as a heap; the second item breaks ties."""
    ties: Iterator[int] = field(default_factory=count)

    async def run(self) -> None:
        n_trials = self.study.config.n_trials
        for _ in range(min(IN_FLIGHT, n_trials)):
            await self.launch(0.0)
        launched = len(self.flying)
        while self.epochs:
            now, _, suggestion, epoch = heapq.heappop(self.epochs)
            if await self.goes_on(suggestion, epoch):
                self.schedule(now, suggestion, epoch + 1)
            elif launched < n_trials:
                launched += 1
                await self.launch(now)

    async def launch(self, now: float) -> None:
        suggestion = await self.store.ask(self.study)
        self.near += sum(is_near(suggestion.params, other) for other in self.flying.values())
        self.pairs += len(self.flying)
        self.flying[suggestion.trial] = suggestion.params
        process = ProcessRef(pid=0, started=0.0)
        start = AttemptStart(trial=suggestion.trial, slot=SLOT, process=process, at=time.time())
        await self.store.open_attempt(self.study, start)
        self.schedule(now, suggestion, 1)

    def schedule(self, now: float, suggestion: Suggestion, epoch: int) -> None:
        at = now + self.rng.uniform(0.8, 1.2)
        heapq.heappush(self.epochs, (at, next(self.ties), suggestion, epoch))

    async def goes_on(self, suggestion: Suggestion, epoch: int) -> bool:
        """Reports an epoch; False if it was the trial's last one."""
        value = accuracy(suggestion.params, epoch)
        measurement = Measurement(epoch=epoch, metrics={"val_accuracy": value}, seconds=1.0)
        reason = await self.store.report(self.study, suggestion.trial, measurement)
        is_last = epoch == suggestion.params["epochs"]
        if reason is None and not is_last:
            return True
        state = TrialState.COMPLETE if is_last else TrialState.PRUNED
        record = Record(suggestion.trial, state, value, 0.0, reason or "")
        outcome = Outcome.COMPLETED if is_last else Outcome.STOPPED
        await self.store.record(self.study, record, outcome)
        del self.flying[suggestion.trial]
        return False


def config(seed: int, n_trials: int) -> StudyConfig:
    return StudyConfig(
        name=f"simulated-{seed}",
        model="mnist",
        objectives=(Objective(name="val_accuracy", maximize=True),),
        space=SPACE,
        default={"lr": 1e-3, "batch_size": 64, "epochs": 5},
        n_trials=n_trials,
        epochs_max=5,
        seed=seed,
    )


async def near_duplicates(path: Path, studies: int, n_trials: int, *, constant_liar: bool) -> Count:
    settings = SearchSettings(constant_liar=constant_liar)
    store = OptunaStore(path, kill=lambda process: None, settings=settings)
    registry = SqliteRegistry(path)
    near = pairs = 0
    for seed in range(studies):
        study = await to_thread.run_sync(registry.create, config(seed, n_trials))
        await store.open(study)
        simulation = Simulation(store, study, random.Random(seed))
        await simulation.run()
        near, pairs = near + simulation.near, pairs + simulation.pairs
    return Count(near=near, pairs=pairs)


async def main(studies: int, n_trials: int) -> None:
    print(f"{studies} studies of {n_trials} trials, {IN_FLIGHT} in flight")
    counts: dict[bool, Count] = {}
    with tempfile.TemporaryDirectory() as folder:
        for liar in (False, True):
            path = Path(folder) / f"{liar}.db"
            found = await near_duplicates(path, studies, n_trials, constant_liar=liar)
            counts[liar] = found
            name = f"constant_liar={liar}"
            print(f"{name:20} {found.near:5} of {found.pairs} pairs ({found.share:.2%})")
    without = counts[False].share
    ratio = counts[True].share / without if without else math.nan
    print(f"ratio {ratio:.3f} (goal: 0.100 or less)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Near-duplicates among trials in flight.")
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--trials", type=int, default=20)
    arguments = parser.parse_args()
    anyio.run(main, arguments.studies, arguments.trials)

"""Both sides of one study database, real or in memory, and what tests put into it."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef, Slot
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.study import Measurement, Objective, Study, StudyConfig, TrialState
from mcp_automl.domain.tracking import TrackingEntry
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.ports import StudyRegistry, StudyStore, Suggestion
from mcp_automl.stores.database import Database
from mcp_automl.stores.engine import open_storage
from mcp_automl.stores.optuna import OptunaStore
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_database import FakeDatabase
from tests.fakes_store import FakeRegistry, FakeStore

NOW = 1_800_000_000.0
HOURLY = 3.6
"""Dollars per hour: a second costs a tenth of a cent."""

SPACE = SearchSpace(
    {
        "lr": Float(low=1e-5, high=1e-2, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=5),
    }
)

CONFIG = StudyConfig(
    name="Digits-1",
    model="mnist",
    objectives=(Objective(name="val_accuracy", maximize=True),),
    space=SPACE,
    default={"lr": 1e-3, "batch_size": 64, "epochs": 3},
    n_trials=10,
    epochs_max=5,
    seed=7,
    owner="ada",
)

SIGN = OrchestratorSign(
    host="here",
    pid=42,
    version="0.1.0",
    started_at=NOW,
    alive_at=NOW,
    settings={"MCP_AUTOML_GPU_USD_PER_HOUR": "0.25"},
)


@dataclass(slots=True, kw_only=True)
class Clock:
    """A wall clock that goes when it is told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True, kw_only=True)
class Pair:
    """A registry and a store on one database, a clock, and the processes that were killed."""

    registry: StudyRegistry
    store: StudyStore
    pass_time: Callable[[float], None]
    killed: list[ProcessRef] = field(default_factory=list)

    async def started(self, **changes: object) -> Study:
        """A study that was created, opened and prepared; `changes` are to its configuration."""
        config = replace(CONFIG, **changes)  # type: ignore[arg-type]
        study = self.registry.create(config)
        await self.store.open(study)
        return await self.store.prepared(study, data="digits", arguments={"dataset": "digits"})

    async def attempted(self, study: Study, *, shared: bool = False) -> Suggestion:
        """The next trial, with an attempt opened for it."""
        suggestion = await self.store.ask(study)
        await self.store.open_attempt(study, start(suggestion.trial, shared=shared))
        return suggestion

    async def measure(self, study: Study, trial: int, values: Mapping[int, float]) -> list[str]:
        """Reports the objective by epoch; returns the pruner's reasons."""
        reports = [
            await self.store.report(study, trial, measurement(epoch, value))
            for epoch, value in values.items()
        ]
        return [reason for reason in reports if reason is not None]

    async def completed(self, study: Study, *values: float, cost: float = 0.01) -> int:
        """The number of a trial that was trained through, with these values."""
        trial = (await self.attempted(study)).trial
        await self.measure(study, trial, dict(enumerate(values, start=1)))
        record = Record(trial, TrialState.COMPLETE, values[-1], cost, "")
        await self.store.record(study, record, Outcome.COMPLETED)
        return trial

    async def interrupted(
        self, study: Study, outcome: Outcome, *epochs: int, shared: bool = False
    ) -> int:
        """The number of a trial that ended WAITING after these epochs."""
        trial = (await self.attempted(study, shared=shared)).trial
        await self.measure(study, trial, dict.fromkeys(epochs, 0.5))
        record = Record(trial, TrialState.WAITING, None, 0.01, outcome.value)
        await self.store.record(study, record, outcome)
        return trial

    async def failed(self, study: Study, reason: str) -> int:
        """The number of a trial whose trainer raised."""
        trial = (await self.attempted(study)).trial
        record = Record(trial, TrialState.FAIL, None, 0.01, reason)
        await self.store.record(study, record, Outcome.RAISED)
        return trial

    async def entries(self) -> list[TrackingEntry]:
        return [entry for _, entry in await self.store.undelivered(10_000)]


def start(trial: int, *, at: float = NOW, shared: bool = False) -> AttemptStart:
    slot = Slot(
        id="slot-0",
        device="cuda",
        label="cuda:0",
        threads=1,
        usd_per_hour=HOURLY,
        shared=shared,
    )
    process = ProcessRef(pid=1000 + trial, started=at)
    return AttemptStart(trial=trial, slot=slot, process=process, at=at)


def measurement(epoch: int, value: float) -> Measurement:
    return Measurement(epoch=epoch, metrics={"val_accuracy": value, "val_loss": 0.1}, seconds=2.0)


class InThread:
    """A registry whose calls run in a thread: they block, and tests have an event loop."""

    def __init__(self, registry: StudyRegistry) -> None:
        self._registry = registry
        self._threads = ThreadPoolExecutor(1)

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._registry, name)
        return lambda *args, **kwargs: self._threads.submit(method, *args, **kwargs).result()


@cache
def _empty_database() -> bytes:
    """Optuna takes 0.4 s to make its tables: they are made once and copied."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        open_storage(Database(path)).engine.dispose()
        return path.read_bytes()


def real_pair(path: Path) -> Pair:
    """On a file; two pairs on the same file are two processes to each other."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(1) as thread:
            path.write_bytes(thread.submit(_empty_database).result())
    clock, killed = Clock(), list[ProcessRef]()

    def pass_time(seconds: float) -> None:
        clock.now += seconds

    return Pair(
        registry=cast("StudyRegistry", InThread(SqliteRegistry(path, clock=clock))),
        store=OptunaStore(path, kill=killed.append, clock=clock),
        pass_time=pass_time,
        killed=killed,
    )


def fake_pair() -> Pair:
    database = FakeDatabase(now=NOW)

    def pass_time(seconds: float) -> None:
        database.now += seconds

    return Pair(
        registry=FakeRegistry(database),
        store=FakeStore(database),
        pass_time=pass_time,
        killed=database.killed,
    )

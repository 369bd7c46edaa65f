"""A workspace in memory, for tests of the orchestrator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from mcp_automl.clocks import Clocks
from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, TrainerRef
from mcp_automl.domain.keeping import Policy
from mcp_automl.domain.study import StudyConfig, StudyState, TrialState
from mcp_automl.domain.tracking import TrackingEntry
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.folders import Folders
from mcp_automl.orchestrator import Orchestrator
from tests.fakes_database import FakeDatabase
from tests.fakes_executor import FakeExecutor
from tests.fakes_store import FakeChanges, FakeRegistry, FakeStore
from tests.studies_for_tests import a_config

SIGN = OrchestratorSign(host="here", pid=1, version="0", started_at=0.0, alive_at=0.0, settings={})


@dataclass(slots=True)
class FakeTracker:
    """Keeps what is delivered; unavailable as often as told."""

    unavailable: int = 0
    got: list[TrackingEntry] = field(default_factory=list)

    async def deliver(self, entries: Sequence[TrackingEntry]) -> None:
        if self.unavailable:
            self.unavailable -= 1
            raise TrackerUnavailable("connection refused")
        self.got += entries


@dataclass(slots=True)
class House:
    """A workspace in memory and one orchestrator after the other."""

    executor: FakeExecutor = field(default_factory=FakeExecutor)
    tracker: FakeTracker = field(default_factory=FakeTracker)
    database: FakeDatabase = field(default_factory=FakeDatabase)
    max_parallel: int = 3
    keep_models: int = 3
    idle_seconds: float = 0.0
    studies: Path = Path("studies")

    @property
    def registry(self) -> FakeRegistry:
        return FakeRegistry(self.database)

    def orchestrator(self) -> Orchestrator:
        return Orchestrator(
            store=FakeStore(self.database),
            executor=self.executor,
            tracker=self.tracker,
            changes=FakeChanges(self.database),
            trainer_of=lambda model: TrainerRef(name=model, module=model),
            folders=Folders(studies=self.studies, data=Path("data")),
            clocks=Clocks(monotonic=anyio.current_time, wall=anyio.current_time),
            sign=SIGN,
            max_parallel=self.max_parallel,
            models=Policy(most=self.keep_models),
            idle_seconds=self.idle_seconds,
        )

    async def run(self) -> bool:
        with anyio.fail_after(10):
            return await self.orchestrator().run()

    @property
    def signed(self) -> OrchestratorSign:
        sign = self.registry.orchestrator()
        assert sign is not None
        return sign

    def states(self, name: str = "digits") -> list[str]:
        study = self.registry.find(name)
        assert study is not None
        trials = self.registry.trials(study, tuple(TrialState))
        return [trial.state.value for trial in trials]

    def state(self, name: str = "digits") -> StudyState:
        study = self.registry.find(name)
        assert study is not None
        return study.state


@dataclass(slots=True)
class AtJob:
    """Does something when the job of that number, counted from 1, starts."""

    number: int
    act: Callable[[], object]
    jobs: int = 0

    def __call__(self, job: object) -> Ended:
        self.jobs += 1
        if self.jobs == self.number:
            self.act()
        return Ended(outcome=Outcome.COMPLETED)


def named(name: str, n_trials: int) -> StudyConfig:
    return replace(a_config(n_trials=n_trials), name=name)

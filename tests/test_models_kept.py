"""Model files on a disk while an orchestrator runs studies: the best stay, the others go."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Job, Slot
from mcp_automl.domain.study import Target, TrialState
from mcp_automl.executors.leftovers import clear
from tests.fakes_executor import FakeAttempt, FakeExecutor
from tests.house_for_tests import House
from tests.studies_for_tests import a_config

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class DiskExecutor(FakeExecutor):
    """Its jobs leave files, and what shall be cleared is, unless it is broken off before."""

    fails: frozenset[str] = frozenset()
    """The trials that fail."""
    breaks: anyio.CancelScope | None = None

    def __post_init__(self) -> None:
        self.last_word = self._last_word

    def _last_word(self, job: Job) -> Ended:
        if job.workdir.name in self.fails:
            return Ended(outcome=Outcome.RAISED, reason="ValueError: no")
        return Ended(outcome=Outcome.COMPLETED)

    @asynccontextmanager
    async def launch(self, job: Job, slot: Slot) -> AsyncIterator[FakeAttempt]:
        await anyio.to_thread.run_sync(leave_files, job.workdir)
        async with FakeExecutor.launch(self, job, slot) as attempt:
            yield attempt

    async def clear(self, workdirs: Iterable[Path]) -> None:
        folders = await anyio.to_thread.run_sync(list, workdirs)
        if self.breaks is not None and folders:
            self.breaks.cancel()
            await anyio.sleep_forever()
        await anyio.to_thread.run_sync(clear, folders)


def leave_files(workdir: Path) -> None:
    workdir.mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "tokenizer.json", "log.txt"):
        (workdir / name).write_text(name)


def a_house(tmp_path: Path, *, keep_models: int = 3, fails: frozenset[str] = frozenset()) -> House:
    executor = DiskExecutor(fails=fails)
    return House(executor=executor, max_parallel=1, studies=tmp_path, keep_models=keep_models)


def with_model(tmp_path: Path) -> set[int]:
    return {int(path.parent.name) for path in tmp_path.glob("1/trials/*/model.safetensors")}


def best(house: House, most: int = 3) -> set[int]:
    """What the leaderboard says, from what is stored: epochs decide what a fake job is worth."""
    study = house.registry.find("digits")
    assert study is not None
    finished = house.registry.trials(study, (TrialState.COMPLETE,))
    ranked = sorted(finished, key=lambda t: (-(t.value or 0.0), t.number))
    return {trial.number for trial in ranked[:most]}


async def test_the_models_of_the_three_best_trials_stay_and_every_log(tmp_path: Path) -> None:
    house = a_house(tmp_path, fails=frozenset({"2"}))
    house.registry.create(a_config(n_trials=8))
    await house.run()
    assert with_model(tmp_path) == best(house) and len(best(house)) == 3
    folders = list((tmp_path / "1" / "trials").iterdir())
    assert len(folders) == 9 and all((folder / "log.txt").exists() for folder in folders)
    assert len(list(tmp_path.rglob("tokenizer.json"))) == 3


async def test_as_many_are_kept_as_the_setting_says(tmp_path: Path) -> None:
    house = a_house(tmp_path, keep_models=1)
    house.registry.create(a_config(n_trials=4))
    await house.run()
    assert with_model(tmp_path) == best(house, 1)
    house.keep_models = 0
    house.registry.retarget(1, Target(n_trials=5))
    await house.run()
    assert with_model(tmp_path) == set()


async def test_models_that_a_kill_left_are_deleted_when_the_study_goes_on(tmp_path: Path) -> None:
    house = a_house(tmp_path, keep_models=1)
    executor = house.executor
    assert isinstance(executor, DiskExecutor)
    house.registry.create(a_config(n_trials=4))
    with anyio.fail_after(10), anyio.CancelScope() as killed:
        executor.breaks = killed
        await house.orchestrator().run()
    assert len(with_model(tmp_path)) > 1, "it was broken off before it could delete"
    executor.breaks = None
    await house.run()
    assert house.states() == ["COMPLETE"] * 4
    assert with_model(tmp_path) == best(house, 1)


@dataclass(slots=True)
class SlowDisk(DiskExecutor):
    """Deletes nothing before its second job has begun."""

    begun: int = 0
    second: anyio.Event = field(default_factory=anyio.Event)

    @asynccontextmanager
    async def launch(self, job: Job, slot: Slot) -> AsyncIterator[FakeAttempt]:
        self.begun += 1
        if self.begun == 2:
            self.second.set()
        async with DiskExecutor.launch(self, job, slot) as attempt:
            yield attempt

    async def clear(self, workdirs: Iterable[Path]) -> None:
        folders = await anyio.to_thread.run_sync(list, workdirs)
        if folders:
            await self.second.wait()
        await DiskExecutor.clear(self, folders)


async def test_no_slot_stands_empty_while_the_files_of_its_last_trial_are_deleted(
    tmp_path: Path,
) -> None:
    house = House(executor=SlowDisk(), max_parallel=1, studies=tmp_path, keep_models=0)
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert house.states() == ["COMPLETE"] * 2 and with_model(tmp_path) == set()

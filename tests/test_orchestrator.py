"""The orchestrator over fakes: what is taken up, handed out, interrupted and delivered.

Its decisions are tested in `test_domain_run*.py`; here is what happens around them.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from mcp_automl.domain.errors import TrackerUnavailable, TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Prepared, TrainerRef
from mcp_automl.domain.study import Study, StudyConfig, StudyState, TrialState
from mcp_automl.domain.tracking import EntryKind, TrackingEntry
from mcp_automl.orchestrator import Orchestrator
from mcp_automl.performer import Clocks, Folders
from mcp_automl.ports import OrchestratorSign
from tests.fakes_database import FakeDatabase
from tests.fakes_executor import FakeExecutor
from tests.fakes_store import FakeChanges, FakeRegistry, FakeStore
from tests.studies_for_tests import a_config

pytestmark = pytest.mark.anyio

SIGN = OrchestratorSign(host="here", pid=1, version="0", started_at=0.0, alive_at=0.0, settings={})


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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
    idle_seconds: float = 0.0

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
            folders=Folders(studies=Path("studies"), data=Path("data")),
            clocks=Clocks(monotonic=anyio.current_time, wall=anyio.current_time),
            sign=SIGN,
            max_parallel=self.max_parallel,
            idle_seconds=self.idle_seconds,
        )

    async def run(self) -> bool:
        with anyio.fail_after(10):
            return await self.orchestrator().run()

    def states(self, name: str = "digits") -> list[str]:
        study = self.registry.find(name)
        assert study is not None
        trials = self.registry.trials(study, tuple(TrialState))
        return [trial.state.value for trial in trials]

    def state(self, name: str = "digits") -> StudyState:
        study = self.registry.find(name)
        assert study is not None
        return study.state


def named(name: str, n_trials: int) -> StudyConfig:
    return replace(a_config(n_trials=n_trials), name=name)


async def test_a_study_is_run_to_its_total_and_the_orchestrator_leaves_when_idle() -> None:
    house = House()
    house.registry.create(a_config(n_trials=7))
    assert await house.run() is False
    assert house.state() is StudyState.COMPLETE
    assert house.states() == ["COMPLETE"] * 7
    assert house.executor.all_free


async def test_three_trials_are_in_flight_at_once_and_never_four() -> None:
    house = House(executor=FakeExecutor(slots=8))
    house.registry.create(a_config(n_trials=9))
    await house.run()
    assert house.executor.most_in_flight == 3


async def test_two_studies_share_the_slots() -> None:
    house = House()
    for name in ("one", "two"):
        house.registry.create(named(name, 6))
    await house.run()
    assert house.states("one") == house.states("two") == ["COMPLETE"] * 6
    first_six = {job.workdir.parts[1] for job in house.executor.launched[:6]}
    assert first_six == {"1", "2"}


async def test_every_trial_gets_the_data_set_that_was_chosen_once_for_the_study() -> None:
    house = House()
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert [job.params["dataset"] for job in house.executor.launched] == ["fake", "fake"]
    study = house.registry.find("digits")
    assert study is not None
    assert study.data == "made-up data"


async def test_a_trainer_that_cannot_be_used_fails_its_study_with_that_reason() -> None:
    house = House(executor=FakeExecutor(data=TrainerUnavailable("pip install it")))
    house.registry.create(a_config())
    await house.run()
    study = house.registry.find("digits")
    assert study is not None
    assert (study.state, study.reason) == (StudyState.FAILED, "pip install it")


async def test_trials_that_fail_alike_end_the_study_after_five() -> None:
    raised = Ended(outcome=Outcome.RAISED, reason="ValueError: no such layer")
    house = House(executor=FakeExecutor(last_word=lambda _: raised), max_parallel=1)
    house.registry.create(a_config(n_trials=20))
    await house.run()
    study = house.registry.find("digits")
    assert study is not None
    assert study.state is StudyState.FAILED
    assert "no such layer" in study.reason
    assert house.states().count("FAIL") == 5


async def test_asked_to_leave_it_interrupts_what_runs_and_the_next_one_finishes_the_study() -> None:
    leave = AtJob(2, lambda: signal.raise_signal(signal.SIGTERM))
    house = House(executor=FakeExecutor(last_word=leave), idle_seconds=60.0)
    house.registry.create(a_config(n_trials=6))
    assert await house.run() is True
    assert house.state() is StudyState.RUNNING
    assert "RUNNING" not in house.states()
    assert house.executor.all_free
    house.idle_seconds = 0.0
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.states() == ["COMPLETE"] * 6


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


async def test_a_stopped_study_is_interrupted_and_goes_on_under_the_same_numbers() -> None:
    house = House()
    study = house.registry.create(a_config(n_trials=9))
    house.executor.last_word = AtJob(4, lambda: house.registry.stop(study.id))

    await house.run()

    stopped = house.registry.find("digits")
    assert stopped is not None
    assert (stopped.state, stopped.reason) == (StudyState.STOPPED, "stopped by the user")
    assert not stopped.stop_requested
    assert set(house.states()) == {"COMPLETE", "WAITING"}
    assert house.executor.all_free
    waiting = [str(n) for n, state in enumerate(house.states()) if state == "WAITING"]
    before = len(house.executor.launched)

    house.registry.retarget(study.id, n_trials=9, cost_budget_usd=None)
    await house.run()

    assert house.states() == ["COMPLETE"] * 9
    after = [job.workdir.name for job in house.executor.launched[before:]]
    assert waiting and after[: len(waiting)] == waiting


async def test_a_study_that_is_asked_for_again_while_it_stops_just_goes_on() -> None:
    house = House()
    study = house.registry.create(a_config(n_trials=6))

    def stop_and_start() -> None:
        house.registry.stop(study.id)
        house.registry.retarget(study.id, n_trials=7, cost_budget_usd=None)

    house.executor.last_word = AtJob(2, stop_and_start)
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.states() == ["COMPLETE"] * 7


async def test_a_study_that_is_asked_for_again_in_the_instant_in_which_it_ends_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(idle_seconds=60.0)
    study = house.registry.create(a_config(n_trials=2))
    finish = FakeStore.finish

    async def finish_late(store: FakeStore, ending: Study, state: StudyState, why: str) -> bool:
        if ending.config.n_trials == 2:
            house.registry.retarget(study.id, n_trials=4, cost_budget_usd=None)
            # Until the watch has told the run, which no longer listens.
            await anyio.wait_all_tasks_blocked()
        else:
            signal.raise_signal(signal.SIGTERM)
        return await finish(store, ending, state, why)

    monkeypatch.setattr(FakeStore, "finish", finish_late)
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.states() == ["COMPLETE"] * 4


async def test_a_study_whose_stop_nobody_lived_to_carry_out_is_stopped_by_the_next_one() -> None:
    house = House()
    study = house.registry.create(a_config(n_trials=6))
    await FakeStore(house.database).open(study)
    house.registry.stop(study.id)
    await house.run()
    assert house.state() is StudyState.STOPPED
    assert house.executor.launched == []


async def test_a_study_that_is_stopped_while_its_data_is_fetched_starts_no_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    study = house.registry.create(a_config(n_trials=6))

    async def stopped_meanwhile(*_: object) -> Prepared:
        house.registry.stop(study.id)
        return Prepared(arguments={}, description="made-up data")

    monkeypatch.setattr(FakeExecutor, "prepare", stopped_meanwhile)
    await house.run()
    assert house.state() is StudyState.STOPPED
    assert house.executor.launched == []


async def test_asked_to_make_way_it_interrupts_what_runs_and_leaves_the_rest_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_automl.orchestrator.BEAT_SECONDS", 0.0)
    house = House(idle_seconds=60.0)
    house.registry.create(a_config(n_trials=600))
    house.executor.last_word = AtJob(4, lambda: house.registry.ask_to_leave(_signed(house), "2"))
    assert await house.run() is True
    assert house.state() is StudyState.RUNNING
    assert "RUNNING" not in house.states()


def _signed(house: House) -> OrchestratorSign:
    sign = house.registry.orchestrator()
    assert sign is not None
    return sign


async def test_asked_to_leave_while_it_has_nothing_to_do_it_leaves_at_once() -> None:
    house = House(idle_seconds=3600.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.run)
            await anyio.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGTERM)


async def test_a_cancelled_orchestrator_leaves_nothing_that_the_next_one_cannot_finish() -> None:
    house = House(idle_seconds=60.0)
    house.registry.create(a_config(n_trials=5))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.orchestrator().run)
            await house.executor.full.wait()
            tasks.cancel_scope.cancel()
    assert house.executor.all_free
    house.idle_seconds = 0.0
    await house.run()
    assert house.states() == ["COMPLETE"] * 5


async def test_a_study_that_arrives_while_another_runs_is_taken_up() -> None:
    house = House(idle_seconds=0.05)
    house.registry.create(named("first", 3))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.run)
            await house.executor.full.wait()
            house.registry.create(named("second", 2))
    assert house.states("second") == ["COMPLETE"] * 2


async def test_what_the_tracker_cannot_take_waits_and_arrives_later_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_automl.orchestrator.TRACK_RETRY_SECONDS", (0.0, 0.0))
    house = House(tracker=FakeTracker(unavailable=3))
    house.registry.create(a_config(n_trials=2))
    await house.run()
    kinds = [entry.kind for entry in house.tracker.got]
    assert (kinds[0], kinds[-1]) == (EntryKind.STUDY_STARTED, EntryKind.STUDY_ENDED)
    assert kinds.count(EntryKind.TRIAL_ENDED) == 2
    assert not house.database.outbox


async def test_a_dead_tracker_stops_neither_the_study_nor_the_leaving() -> None:
    house = House(tracker=FakeTracker(unavailable=10**6))
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.database.outbox


async def test_the_orchestrators_sign_says_why_entries_wait_and_no_longer_than_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_automl.orchestrator.BEAT_SECONDS", 0.0)
    monkeypatch.setattr("mcp_automl.orchestrator.TRACK_RETRY_SECONDS", (0.0, 0.0))
    house = House(tracker=FakeTracker(unavailable=10**9), idle_seconds=60.0)
    house.registry.create(a_config(n_trials=1))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.run)
            while (house.registry.orchestrator() or SIGN).tracking == "":
                await anyio.lowlevel.checkpoint()
            assert _signed(house).tracking == "connection refused"
            house.tracker.unavailable = 0
            while _signed(house).tracking:
                await anyio.lowlevel.checkpoint()
            signal.raise_signal(signal.SIGTERM)

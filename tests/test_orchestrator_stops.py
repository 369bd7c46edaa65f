"""The orchestrator over fakes when studies, or itself, are asked to stop."""

import signal

import anyio
import anyio.lowlevel
import pytest

from mcp_automl.domain.jobs import Prepared
from mcp_automl.domain.study import Study, StudyState, Target
from mcp_automl.domain.tracking import Publication
from tests.fakes_executor import FakeExecutor
from tests.fakes_store import FakeStore
from tests.house_for_tests import SIGN, AtJob, FakeTracker, House
from tests.studies_for_tests import a_config

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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

    house.registry.retarget(study.id, Target(n_trials=9))
    await house.run()

    assert house.states() == ["COMPLETE"] * 9
    after = [job.workdir.name for job in house.executor.launched[before:]]
    assert waiting and after[: len(waiting)] == waiting


async def test_a_study_that_is_asked_for_again_while_it_stops_just_goes_on() -> None:
    house = House()
    study = house.registry.create(a_config(n_trials=6))

    def stop_and_start() -> None:
        house.registry.stop(study.id)
        house.registry.retarget(study.id, Target(n_trials=7))

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

    async def finish_late(
        store: FakeStore, ending: Study, state: StudyState, why: str, model: Publication | None
    ) -> bool:
        if ending.config.n_trials == 2:
            house.registry.retarget(study.id, Target(n_trials=4))
            # Until the watch has told the run, which no longer listens.
            await anyio.wait_all_tasks_blocked()
        else:
            signal.raise_signal(signal.SIGTERM)
        return await finish(store, ending, state, why, model)

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
    house.executor.last_word = AtJob(4, lambda: house.registry.ask_to_leave(house.signed, "2"))
    assert await house.run() is True
    assert house.state() is StudyState.RUNNING
    assert "RUNNING" not in house.states()


async def test_asked_to_leave_while_it_has_nothing_to_do_it_leaves_at_once() -> None:
    house = House(idle_seconds=3600.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.run)
            await anyio.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGTERM)


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
            assert house.signed.tracking == "connection refused"
            house.tracker.unavailable = 0
            while house.signed.tracking:
                await anyio.lowlevel.checkpoint()
            signal.raise_signal(signal.SIGTERM)

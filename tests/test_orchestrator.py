"""The orchestrator over fakes: what is taken up, handed out, interrupted and delivered.

Its decisions are tested in `test_domain_run*.py`; here is what happens around them.
"""

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_automl.domain.errors import InvalidRequest, TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Prepared, TrainerRef
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study, StudyState
from mcp_automl.domain.tracking import EntryKind
from mcp_automl.ports import Suggestion
from tests.fakes_executor import FakeExecutor
from tests.fakes_store import FakeStore
from tests.house_for_tests import AtJob, FakeTracker, House, named
from tests.studies_for_tests import a_config

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def names(folders: Iterable[Path]) -> list[str]:
    """In a thread, as an executor goes through them."""
    return sorted(path.name for path in await anyio.to_thread.run_sync(list, folders))


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


@dataclass(slots=True)
class Together(FakeExecutor):
    """Two studies have their data at the same moment: jobs here take no time at all."""

    both: anyio.Event = field(default_factory=anyio.Event)

    async def prepare(self, trainer: TrainerRef, data_dir: Path, constants: Params) -> Prepared:
        prepared = await FakeExecutor.prepare(self, trainer, data_dir, constants)
        if len(self.prepared_for) == 2:
            self.both.set()
        await self.both.wait()
        return prepared


async def test_two_studies_share_the_slots() -> None:
    house = House(executor=Together())
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


async def test_what_a_study_fixes_reaches_its_trainer_and_every_trial() -> None:
    fixed: Params = {"dataset": "auto", "kernel": 5}
    house = House()
    house.registry.create(replace(a_config(n_trials=2), constants=fixed))
    await house.run()
    assert house.executor.prepared_for == [fixed]
    for job in house.executor.launched:
        assert job.params["kernel"] == 5
        assert job.params["dataset"] == "fake", "the data that was prepared, not `auto` again"


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
    house = House(executor=FakeExecutor(last_word=_leave_once()), idle_seconds=0.1)
    house.registry.create(a_config(n_trials=6))
    assert await house.run() is True
    assert house.state() is StudyState.RUNNING
    assert "RUNNING" not in house.states()
    assert house.executor.all_free
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.states() == ["COMPLETE"] * 6


def _leave_once() -> "_LeaveOnce":
    return _LeaveOnce()


class _LeaveOnce:
    """Sends this process SIGTERM when the second job starts."""

    def __init__(self) -> None:
        self.jobs = 0

    def __call__(self, job: object) -> Ended:
        self.jobs += 1
        if self.jobs == 2:
            signal.raise_signal(signal.SIGTERM)
        return Ended(outcome=Outcome.COMPLETED)


async def test_it_leaves_at_once_when_asked_although_it_would_wait_long_for_work() -> None:
    house = House(executor=FakeExecutor(last_word=_leave_once()), idle_seconds=3600.0)
    house.registry.create(a_config(n_trials=6))
    assert await house.run() is True


async def test_a_study_whose_trainer_is_gone_fails_alone() -> None:
    def trainer_of(model: str) -> TrainerRef:
        if model == "gone":
            raise InvalidRequest("there is no model 'gone'")
        return TrainerRef(name=model, module=model)

    house = House()
    house.registry.create(replace(named("bad", 2), model="gone"))
    house.registry.create(named("good", 2))
    orchestrator = house.orchestrator()
    orchestrator.trainer_of = trainer_of
    with anyio.fail_after(10):
        await orchestrator.run()
    assert house.state("bad") is StudyState.FAILED
    assert house.state("good") is StudyState.COMPLETE


async def test_no_slot_is_lost_when_a_study_ends_with_an_offer_on_its_way() -> None:
    raised = Ended(outcome=Outcome.RAISED, reason="ValueError: no such layer")
    for parallel in (2, 3):
        executor = FakeExecutor(last_word=lambda _: raised)
        house = House(executor=executor, max_parallel=parallel)
        house.registry.create(a_config(n_trials=20))
        await house.run()
        assert house.state() is StudyState.FAILED
        assert executor.all_free


async def test_a_worker_that_dies_before_it_gets_its_reply_ends_nothing_but_its_attempt() -> None:
    house = House(executor=FakeExecutor(dies_unanswered=True), max_parallel=1)
    house.registry.create(a_config(n_trials=1))
    await house.run()
    assert house.states().count("FAIL") == 5


async def test_a_process_that_cannot_be_had_counts_as_an_attempt() -> None:
    house = House(executor=FakeExecutor(no_process=True), max_parallel=1)
    house.registry.create(a_config(n_trials=1))
    await house.run()
    study = house.registry.find("digits")
    assert study is not None
    assert study.state is StudyState.FAILED
    assert "could not be started" in study.reason


async def test_a_tracker_that_is_broken_stops_no_study(monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(entries: object) -> None:
        raise ImportError("no module named mlflow")

    house = House()
    monkeypatch.setattr("mcp_automl.orchestrator.TRACK_RETRY_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(FakeTracker, "deliver", lambda self, entries: break_down(entries))
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert house.state() is StudyState.COMPLETE


async def test_a_dead_ones_attempts_are_settled_before_anybody_signs_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    for name in ("recover", "sign"):
        real = getattr(FakeStore, name)

        async def noted(self: FakeStore, *args: object, _real=real, _name=name) -> None:  # type: ignore[no-untyped-def]
            calls.append(_name)
            await _real(self, *args)

        monkeypatch.setattr(FakeStore, name, noted)
    house = House()
    house.registry.create(a_config(n_trials=1))
    await house.run()
    assert calls[0] == "recover"
    assert "sign" in calls


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


async def test_checkpoints_of_a_trial_are_deleted_once_it_has_ended_and_not_while_it_waits() -> (
    None
):
    interrupted = iter([Ended(outcome=Outcome.KILLED, reason="killed")])
    house = House(
        executor=FakeExecutor(
            last_word=lambda _: next(interrupted, Ended(outcome=Outcome.COMPLETED))
        ),
        max_parallel=1,
    )
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert [job.workdir.name for job in house.executor.launched] == ["0", "0", "1"]
    assert [await names(call) for call in house.executor.discarded] == [[], ["0"], ["1"]]


async def test_checkpoints_that_a_killed_orchestrator_left_are_deleted_when_the_study_goes_on(
    tmp_path: Path,
) -> None:
    house = House(max_parallel=1)
    house.studies = tmp_path
    house.registry.create(a_config(n_trials=3))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            house.executor.last_word = AtJob(2, tasks.cancel_scope.cancel)
            await house.orchestrator().run()
    assert house.states() == ["COMPLETE", "RUNNING"]
    for number in ("0", "1"):
        (tmp_path / "1" / "trials" / number).mkdir(parents=True)
    house.executor.discarded.clear()
    await house.run()
    assert await names(house.executor.discarded[0]) == ["0"]


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


async def test_a_dead_tracker_stops_neither_the_study_nor_the_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_automl.orchestrator.TRACK_RETRY_SECONDS", (0.0, 0.0))
    house = House(tracker=FakeTracker(unavailable=10**6))
    house.registry.create(a_config(n_trials=2))
    await house.run()
    assert house.state() is StudyState.COMPLETE
    assert house.database.outbox


async def test_a_study_whose_jobs_can_never_start_has_failed_with_the_reason() -> None:
    misfit = "no job of 'mnist' can ever start here: it declares gpus = 2"
    house = House(executor=FakeExecutor(misfit=misfit))
    house.registry.create(a_config())
    await house.run()
    study = house.registry.find("digits")
    assert study is not None
    assert (study.state, study.reason) == (StudyState.FAILED, misfit)
    assert house.executor.launched == []


async def test_a_trials_end_is_stored_while_a_sampler_thinks_about_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask, record, recorded, asked = FakeStore.ask, FakeStore.record, anyio.Event(), list[int]()

    async def thinking(store: FakeStore, study: Study) -> Suggestion:
        asked.append(study.id)
        if len(asked) == 2:
            await recorded.wait()
        return await ask(store, study)

    async def recording(store: FakeStore, *of: Any) -> None:
        await record(store, *of)
        recorded.set()

    monkeypatch.setattr(FakeStore, "ask", thinking)
    monkeypatch.setattr(FakeStore, "record", recording)
    house = House(max_parallel=2)
    house.registry.create(a_config(n_trials=3))
    await house.run()
    assert house.states() == ["COMPLETE"] * 3

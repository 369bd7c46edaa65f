"""Who gets the slots when several want them: studies and training jobs over fakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_automl import orchestrator
from mcp_automl.domain.events import Event, Outcome
from mcp_automl.domain.jobs import (
    Ended,
    Job,
    Need,
    NoSlot,
    Prepared,
    Slot,
    TrainerRef,
)
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Study, StudyConfig, StudyState
from mcp_automl.domain.training_job import Priority, TrainingJob
from tests.fakes_executor import FakeExecutor
from tests.house_for_tests import AtJob, House, named
from tests.studies_for_tests import a_config

pytestmark = pytest.mark.anyio

SERVED = 8
"""Slots given out before a test has seen enough."""


def a_job(priority: Priority, *, seeds: tuple[int, ...] = (11,)) -> StudyConfig:
    points = ({"lr": 0.01, "epochs": 1},) * len(seeds)
    job = TrainingJob(points=points, seeds=seeds, priority=priority)
    config = replace(a_config(n_trials=len(seeds)), name="job-9", space=job.space, default={})
    return replace(config, job=job)


def studies_of(jobs: list[Job]) -> list[str]:
    """The ids of the studies that trained, in the order in which they began."""
    return [job.workdir.parts[1] for job in jobs]


@pytest.mark.parametrize(
    ("priority", "order"),
    [(Priority.URGENT, ["1", "2", "1", "1"]), (Priority.BACKGROUND, ["1", "1", "1", "2"])],
)
async def test_the_next_slot_goes_by_priority(priority: Priority, order: list[str]) -> None:
    house = House(executor=FakeExecutor(slots=1))
    house.registry.create(named("digits", 3))
    house.executor.last_word = AtJob(1, lambda: house.registry.create(a_job(priority)))
    await house.run()
    assert studies_of(house.executor.launched) == order
    assert house.state("job-9") is StudyState.COMPLETE


@dataclass(slots=True)
class Together(FakeExecutor):
    """Two studies have their data at the same moment: jobs here take no time at all."""

    both: anyio.Event = field(default_factory=anyio.Event)

    async def prepare(self, trainer: TrainerRef, data_dir: object, constants: Params) -> Prepared:
        prepared = await FakeExecutor.prepare(self, trainer, data_dir, constants)  # type: ignore[arg-type]
        if len(self.prepared_for) == 2:
            self.both.set()
        await self.both.wait()
        return prepared


async def test_two_studies_hold_as_many_slots_each() -> None:
    house = House(executor=Together(slots=2))
    for name in ("one", "two"):
        house.registry.create(named(name, 4))
    await house.run()
    began = studies_of(house.executor.launched)
    pairs = [set(began[n : n + 2]) for n in range(0, len(began), 2)]
    assert pairs == [{"1", "2"}] * 4


async def test_each_training_of_a_job_has_a_seed_of_its_own_and_a_study_one_for_all() -> None:
    house = House()
    house.registry.create(a_job(Priority.NORMAL, seeds=(5, 5, 6)))
    await house.run()
    assert sorted(job.seed for job in house.executor.launched) == [5, 5, 6]


async def test_a_training_that_raises_ends_its_job_and_is_not_tried_again() -> None:
    house = House()
    house.executor.last_word = lambda _: Ended(outcome=Outcome.RAISED, reason="ValueError: no")
    house.registry.create(a_job(Priority.NORMAL))
    await house.run()
    assert house.state("job-9") is StudyState.FAILED
    assert house.states("job-9") == ["FAIL"]


@dataclass(slots=True)
class OneWhole(FakeExecutor):
    """Jobs of `whole` need all that there is; what is handed out to others, nobody waits for."""

    def acquire(self, need: Need, ahead: Sequence[Need] = ()) -> Slot | NoSlot:
        if ahead or (need.trainer == "whole" and not self.all_free):
            return NoSlot(reason="others have it", ours=True)
        return FakeExecutor.acquire(self, need)


async def test_an_urgent_job_that_needs_more_room_than_is_free_is_not_passed_over() -> None:
    house = House(executor=OneWhole(slots=2))
    house.registry.create(named("digits", 20))
    urgent = replace(a_job(Priority.URGENT), model="whole")
    house.executor.last_word = AtJob(1, lambda: house.registry.create(urgent))
    await house.run()
    order = studies_of(house.executor.launched)
    assert order.index("2") < 10, "it did not wait for the end of the other study"
    assert house.states() == ["COMPLETE"] * 20


@dataclass(slots=True)
class Insatiable:
    """A study that wants the next slot the moment it has been given one, and holds it one step."""

    study: Study
    executor: FakeExecutor
    moved: Callable[[], None]
    served: list[str]
    need: Need = Need(trainer="mnist")
    wants: bool = True
    held: int = 0
    _slot: Slot | None = None

    async def perform(self) -> None:
        while len(self.served) < SERVED:
            if self._slot is not None:
                self.executor.release(self._slot)
                self._slot = None
            self.moved()
            await anyio.lowlevel.checkpoint()

    def offer(self, slot: Slot) -> None:
        self.served.append(self.study.config.name)
        self._slot = slot

    def follow(self, study: Study) -> None: ...

    def tell(self, event: Event) -> None: ...


async def test_who_wants_the_next_slot_at_once_has_its_turn_after_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[str] = []

    def performer(*, study: Study, executor: FakeExecutor, moved: Any, **_: object) -> Insatiable:
        return Insatiable(study, executor, moved, served)

    monkeypatch.setattr(orchestrator, "StudyPerformer", performer)
    house = House(executor=FakeExecutor(slots=1))
    for name in ("one", "two"):
        house.registry.create(named(name, 4))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.orchestrator().run)
            while len(served) < SERVED:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert served[:SERVED] == ["one", "two"] * (SERVED // 2)

"""A trial that takes its orchestrator with it each time is given up, and its study goes on."""

from pathlib import Path

import pytest

from mcp_automl.domain.events import Finish, Outcome, Record
from mcp_automl.domain.failures import second_chance
from mcp_automl.domain.jobs import AttemptStart
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import Study, StudyState, Target, TrialState, Waiting
from tests.fakes_executor import FakeExecutor
from tests.fakes_store import FakeStore
from tests.house_for_tests import House
from tests.stores_for_tests import Pair, real_pair
from tests.studies_for_tests import a_config, a_run, launch

pytestmark = pytest.mark.anyio

FAIL = TrialState.FAIL
REASON = (
    "given up: 3 attempts in a row ended without one new epoch, "
    "the last when its orchestrator vanished"
)
HOPELESS = Waiting(epoch=1, barren=3)


# --- decided -----------------------------------------------------------------------------------


def test_a_waiting_trial_is_given_up_after_three_attempts_without_a_new_epoch_and_not_before() -> (
    None
):
    run = a_run(waiting={4: HOPELESS, 1: Waiting(barren=2), 3: HOPELESS})

    assert run.begin() == [Record(n, FAIL, None, 0.0, REASON) for n in (3, 4)]
    assert run.begin() == []
    launch(run, 1)


def test_a_trial_that_was_given_up_is_replaced_by_another() -> None:
    run = a_run(n_trials=1, waiting={0: HOPELESS})
    run.begin()

    assert run.wants_slot
    assert not run.wants_alone
    launch(run, 1)


def test_five_trials_given_up_in_a_row_end_the_study_as_failed() -> None:
    run = a_run(n_trials=20, failures=(REASON,) * 3, waiting={3: HOPELESS, 4: HOPELESS})

    *records, finish = run.begin()

    assert [record.trial for record in records if isinstance(record, Record)] == [3, 4]
    assert finish == Finish(StudyState.FAILED, f"5 trials in a row failed: {REASON}")


@pytest.mark.parametrize(
    ("failures", "counting"),
    [(4, 4), (5, 0), (6, 0), (7, 0), (8, 1), (11, 4), (12, 0), (14, 0), (15, 1)],
)
def test_each_time_a_study_failed_and_was_asked_for_again_five_more_failures_are_waited_for(
    failures: int, counting: int
) -> None:
    # Two more trials were in flight whenever the study ended.
    assert second_chance(["no"] * failures, max_parallel=3) == ["no"] * counting


# --- stored ------------------------------------------------------------------------------------


async def begun(pair: Pair, study: Study) -> list[Record]:
    """What an orchestrator that has just started records before it trains anything."""
    await pair.store.recover()
    commands = StudyRun(study.config, await pair.store.open(study), 1).begin()
    records = [command for command in commands if isinstance(command, Record)]
    for record in records:
        await pair.store.record(study, record, None)
    return records


async def test_a_trial_that_lost_three_orchestrators_in_a_row_is_stored_as_failed(
    tmp_path: Path,
) -> None:
    pair = real_pair(tmp_path / "s.db")
    study = await pair.started()
    for _ in range(2):
        await pair.attempted(study)
        assert await begun(pair, study) == []
    await pair.attempted(study)

    assert await begun(pair, study) == [Record(0, FAIL, None, 0.0, REASON)]

    trial = pair.registry.trial(study, 0)
    assert (trial.state, trial.reason) == (FAIL, REASON)
    assert await begun(pair, study) == []
    assert (await pair.attempted(study)).trial == 1


async def test_a_new_epoch_begins_the_count_of_lost_attempts_anew(tmp_path: Path) -> None:
    pair = real_pair(tmp_path / "s.db")
    study = await pair.started()
    for epochs in ([], [], [1], [], []):
        trial = (await pair.attempted(study)).trial
        await pair.measure(study, trial, dict.fromkeys(epochs, 0.5))
        assert await begun(pair, study) == []


async def test_attempts_that_were_stopped_on_purpose_do_not_count_however_many(
    tmp_path: Path,
) -> None:
    pair = real_pair(tmp_path / "s.db")
    study = await pair.started()
    for _ in range(2):
        await pair.attempted(study)
        assert await begun(pair, study) == []
        for _ in range(3):
            await pair.interrupted(study, Outcome.STOPPED)
            assert await begun(pair, study) == []


# --- lived through -----------------------------------------------------------------------------


class Killed(Exception):
    """Stands in for SIGKILL."""


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Trials whose attempts kill the orchestrator as soon as they have begun."""
    trials: set[int] = set()
    really_open = FakeStore.open_attempt

    async def open_attempt(self: FakeStore, study: Study, start: AttemptStart) -> None:
        await really_open(self, study, start)
        if start.trial in trials:
            raise Killed

    monkeypatch.setattr(FakeStore, "open_attempt", open_attempt)
    return trials


async def kills_in(house: House) -> int:
    """Runs one orchestrator after the other until one lives to its end; how many did not."""
    for kills in range(100):
        try:
            await house.run()
        except* Killed:
            # What the dead one's executor held is free again.
            house.executor = FakeExecutor(launched=house.executor.launched)
        else:
            return kills
    raise AssertionError("the same study kills for ever")


async def test_a_trial_that_kills_three_orchestrators_is_replaced_and_its_study_completes(
    deadly: set[int],
) -> None:
    deadly.add(0)
    house = House(max_parallel=1)
    house.registry.create(a_config(n_trials=2))

    assert await kills_in(house) == 3

    assert house.states() == ["FAIL", "COMPLETE", "COMPLETE"]
    assert house.state() is StudyState.COMPLETE


async def test_a_study_whose_every_trial_kills_its_orchestrator_fails_each_time_it_is_asked_for(
    deadly: set[int],
) -> None:
    deadly.update(range(100))
    house = House(max_parallel=1)
    study = house.registry.create(a_config(n_trials=20))

    assert await kills_in(house) == 15
    assert house.states() == ["FAIL"] * 5
    assert house.state() is StudyState.FAILED

    house.registry.retarget(study.id, Target(n_trials=20))
    assert await kills_in(house) == 15
    assert house.states() == ["FAIL"] * 10

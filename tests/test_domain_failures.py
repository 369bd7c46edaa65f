"""What becomes of a trial whose attempts end badly, by the kind of the end."""

import math

import pytest

from mcp_automl.domain.events import Command, Launch, Outcome, Record, Stop
from mcp_automl.domain.failures import MAX_FAILURES, common_failure, common_reason
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import TrialState, Waiting
from tests.studies_for_tests import a_run, a_suggestion, an_offer, complete, ended, launch, measured

COMPLETE, FAIL, WAITING = TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING

AT_ONCE = [
    (Outcome.RAISED, "ValueError: no such layer"),
    (Outcome.TIMED_OUT, "timed out after 3600 s"),
]
AFTER_THREE = [
    (Outcome.KILLED, "killed by signal 9 (SIGKILL) from outside"),
    (Outcome.STALLED, "sent nothing for 900 s"),
    (Outcome.OUT_OF_MEMORY, "torch.OutOfMemoryError: CUDA out of memory."),
    (Outcome.OUT_OF_MEMORY, "out of host memory: killed by the kernel (SIGKILL)"),
]


def recorded(commands: list[Command]) -> tuple[TrialState, str]:
    [record] = [command for command in commands if isinstance(command, Record)]
    return record.state, record.reason


def attempt(run: StudyRun, outcome: Outcome, reason: str, *epochs: int) -> tuple[TrialState, str]:
    launch(run, 0)
    for epoch in epochs:
        run.handle(measured(0, epoch))
    return recorded(run.handle(ended(0, outcome, reason=reason)))


@pytest.mark.parametrize(("outcome", "reason"), AT_ONCE)
@pytest.mark.parametrize("epochs", [(), (1,), (1, 2)])
def test_what_would_end_the_same_way_again_fails_the_trial_at_once_with_its_reason(
    outcome: Outcome, reason: str, epochs: tuple[int, ...]
) -> None:
    assert attempt(a_run(), outcome, reason, *epochs) == (FAIL, reason)


@pytest.mark.parametrize(("outcome", "reason"), AFTER_THREE)
def test_what_may_go_well_the_next_time_fails_the_trial_after_three_attempts_in_a_row(
    outcome: Outcome, reason: str
) -> None:
    run = a_run()

    states = [attempt(run, outcome, reason) for _ in range(3)]

    assert states == [(WAITING, reason), (WAITING, reason), (FAIL, reason)]


@pytest.mark.parametrize(("outcome", "reason"), AFTER_THREE)
def test_one_new_epoch_an_attempt_keeps_a_trial_going(outcome: Outcome, reason: str) -> None:
    run = a_run()
    epochs: list[tuple[int, ...]] = [(1,), (1,), (1, 2), (2,), (2,)]

    assert [attempt(run, outcome, reason, *e)[0] for e in epochs] == [WAITING] * 5
    assert attempt(run, outcome, reason, 2) == (FAIL, reason)


def test_attempts_in_a_row_may_end_in_different_ways_and_the_last_reason_stands() -> None:
    run = a_run()

    states = [attempt(run, outcome, reason) for outcome, reason in AFTER_THREE[:3]]

    assert states[-1] == (FAIL, AFTER_THREE[2][1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_trial_that_diverges_is_stopped_and_fails_at_once_naming_the_epoch(value: float) -> None:
    run = a_run()
    launch(run, 0)
    run.handle(measured(0, 1))
    reason = f"diverged at epoch 2: val_accuracy is {value}"

    assert run.handle(measured(0, 2, value)) == [Stop(0, reason)]
    assert recorded(run.handle(ended(0, Outcome.STOPPED))) == (FAIL, reason)


def test_a_trial_that_is_timed_out_after_its_last_epoch_is_complete() -> None:
    assert attempt(a_run(), Outcome.TIMED_OUT, "timed out after 9 s", 1, 2, 3) == (COMPLETE, "")


def test_an_attempt_knows_how_long_those_before_it_have_trained() -> None:
    run = a_run(waiting={0: Waiting(epoch=1, trained_s=100.0)})
    launch(run, 0, at=10.0)
    run.handle(ended(0, Outcome.KILLED, at=17.0))

    run.handle(an_offer(0))
    [again] = run.handle(a_suggestion(0, at=20.0))

    assert again == Launch(0, {"epochs": 3}, "slot-0", trained_s=107.0)


@pytest.mark.parametrize(
    "reasons",
    [
        ["sent nothing for 900 s"] * 5,
        ["timed out after 3600 s"] * 5,
        [f"diverged at epoch {n}: val_accuracy is nan" for n in range(1, 6)],
        [f"CUDA out of memory. Tried to allocate {n}.50 GiB" for n in range(5)],
    ],
)
def test_five_failures_of_one_kind_in_a_row_are_a_common_reason(reasons: list[str]) -> None:
    assert common_reason(reasons[: MAX_FAILURES - 1]) is None
    assert common_reason(reasons) == reasons[-1]


def test_failures_of_several_kinds_are_not() -> None:
    mixed = ["sent nothing for 900 s"] * 4 + ["ValueError: no such layer"]

    assert common_reason(mixed) is None


def test_a_success_between_them_starts_the_count_anew() -> None:
    run = a_run(n_trials=20, failures=("no",) * 4)
    launch(run, 4)
    complete(run, 4)
    launch(run, 5)
    run.handle(ended(5, Outcome.RAISED, reason="no"))

    assert run.wants_slot


def test_where_nothing_takes_its_place_one_failure_is_the_end() -> None:
    assert common_failure(["out of memory"], replaced=False) == "out of memory"
    assert common_failure([], replaced=False) is None

"""One study's life when nobody interferes: counting, verdicts, failures, interruptions."""

import math

import pytest

from mcp_automl.domain.events import (
    Decline,
    Finish,
    GoOn,
    Launch,
    Measured,
    Outcome,
    Record,
    Stop,
    Suggest,
)
from mcp_automl.domain.study import Measurement, StudyState, TrialState, Waiting
from tests.studies_for_tests import (
    a_run,
    a_suggestion,
    an_offer,
    complete,
    ended,
    launch,
    measured,
)

COMPLETE, PRUNED = TrialState.COMPLETE, TrialState.PRUNED
FAIL, WAITING = TrialState.FAIL, TrialState.WAITING


def test_a_trial_goes_from_a_slot_to_a_record() -> None:
    run = a_run(n_trials=2)

    assert run.handle(an_offer(0)) == [Suggest("slot-0")]
    assert run.handle(a_suggestion(0)) == [Launch(0, {"epochs": 3}, "slot-0")]
    assert run.handle(measured(0, 1, 0.7)) == [GoOn(0)]
    assert run.handle(ended(0, Outcome.COMPLETED, at=2.0)) == [Record(0, COMPLETE, 0.7, 2.0, "")]


def test_the_last_record_is_followed_by_the_finish() -> None:
    run = a_run(n_trials=1)
    launch(run, 0)

    assert complete(run, 0)[-1] == Finish(StudyState.COMPLETE, "its only trial is done")
    assert run.finished


def test_a_study_with_nothing_left_to_do_finishes_at_once() -> None:
    assert a_run(n_trials=20, counted=20).begin() == [
        Finish(StudyState.COMPLETE, "all 20 trials are done")
    ]


def test_a_study_with_trials_left_begins_with_nothing() -> None:
    run = a_run(n_trials=20, counted=19)

    assert run.begin() == []
    assert run.wants_slot


def test_after_the_finish_a_slot_is_declined_and_all_else_is_answered_with_nothing() -> None:
    run = a_run(n_trials=1, counted=1)
    run.begin()

    assert run.handle(an_offer(1)) == [Decline("slot-1")]
    assert run.handle(measured(0, 1)) == []
    assert run.handle(ended(0, Outcome.COMPLETED)) == []
    assert not run.wants_slot


def test_no_more_trials_are_in_flight_than_are_missing() -> None:
    run = a_run(n_trials=10, counted=8)
    launch(run, 8)
    run.handle(an_offer(9))

    assert not run.wants_slot
    assert run.handle(an_offer(10)) == [Decline("slot-10")]


def test_no_more_trials_are_in_flight_than_may_run_at_once() -> None:
    run = a_run(n_trials=10, max_parallel=2)
    launch(run, 0)
    launch(run, 1)

    assert run.handle(an_offer(2)) == [Decline("slot-2")]


def test_a_failed_trial_is_replaced() -> None:
    run = a_run(n_trials=1)
    launch(run, 0)

    commands = run.handle(ended(0, Outcome.RAISED, reason="ValueError: no"))

    assert commands == [Record(0, FAIL, None, 2.0, "ValueError: no")]
    assert run.wants_slot


def test_a_trial_that_the_pruner_gives_up_is_pruned_with_its_last_value() -> None:
    run = a_run(n_trials=2)
    launch(run, 0)

    assert run.handle(measured(0, 2, 0.4, prune="behind")) == [Stop(0, "behind")]
    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, PRUNED, 0.4, 2.0, "behind")]


def test_the_last_epoch_is_never_pruned() -> None:
    run = a_run(n_trials=2)
    launch(run, 0, epochs=3)

    assert run.handle(measured(0, 3, prune="behind")) == [GoOn(0)]


def test_a_trial_that_completes_although_it_was_pruned_is_complete() -> None:
    run = a_run(n_trials=2)
    launch(run, 0)
    run.handle(measured(0, 2, 0.4, prune="behind"))

    assert run.handle(ended(0, Outcome.COMPLETED)) == [Record(0, COMPLETE, 0.4, 2.0, "")]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_trial_that_diverges_is_a_failure_and_says_so(value: float) -> None:
    run = a_run()
    launch(run, 0)
    reason = f"diverged at epoch 2: val_accuracy is {value}"

    assert run.handle(measured(0, 2, value, prune="behind")) == [Stop(0, reason)]
    assert run.handle(ended(0, Outcome.COMPLETED)) == [Record(0, FAIL, None, 2.0, reason)]


def test_a_trainer_that_does_not_report_the_objective_fails() -> None:
    run = a_run()
    launch(run, 0)
    nameless = Measurement(epoch=1, metrics={"accuracy": 0.9}, seconds=1.0)

    reason = "the trainer reported no val_accuracy"
    assert run.handle(Measured(0, nameless, 1.0)) == [Stop(0, reason)]
    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, FAIL, None, 2.0, reason)]


def test_a_trainer_that_ends_without_one_measurement_fails() -> None:
    run = a_run()
    launch(run, 0)

    [record] = run.handle(ended(0, Outcome.COMPLETED))

    assert record == Record(0, FAIL, None, 2.0, "the trainer ended without one measurement")


def test_a_measurement_from_a_trial_that_is_not_in_flight_is_answered_with_nothing() -> None:
    run = a_run()

    assert run.handle(measured(7, 1)) == []
    assert run.handle(ended(7, Outcome.COMPLETED)) == []


def test_five_failures_in_a_row_with_one_reason_end_the_study_as_failed() -> None:
    run = a_run(
        n_trials=9, failures=("CUDA error 1", "CUDA error 2", "CUDA error 3", "CUDA error 4")
    )
    launch(run, 4)
    launch(run, 5)
    reason = "5 trials in a row failed: CUDA error 5"

    assert run.handle(ended(4, Outcome.RAISED, reason="CUDA error 5")) == [
        Record(4, FAIL, None, 2.0, "CUDA error 5"),
        Stop(5, reason),
    ]
    assert run.handle(ended(5, Outcome.STOPPED)) == [
        Record(5, WAITING, None, 2.0, reason),
        Finish(StudyState.FAILED, reason),
    ]


@pytest.mark.parametrize(
    "failures", [("no", "no", "no", "other"), ("other", "no", "no", "no"), ("no", "no", "no")]
)
def test_fewer_failures_or_different_ones_end_nothing(failures: tuple[str, ...]) -> None:
    run = a_run(failures=failures)
    launch(run, 4)

    run.handle(ended(4, Outcome.RAISED, reason="no"))

    assert run.wants_slot


def test_a_success_between_failures_begins_the_count_anew() -> None:
    run = a_run(failures=("no",) * 4)
    launch(run, 4)
    complete(run, 4)
    launch(run, 5)

    run.handle(ended(5, Outcome.RAISED, reason="no"))

    assert run.wants_slot


def test_a_failed_study_that_is_asked_for_again_gets_five_new_chances() -> None:
    run = a_run(failures=("no",) * 5)
    assert run.begin() == []
    for trial in range(5, 9):
        launch(run, trial)
        run.handle(ended(trial, Outcome.RAISED, reason="no"))

    assert run.wants_slot


@pytest.mark.parametrize("outcome", [Outcome.KILLED, Outcome.OUT_OF_MEMORY, Outcome.STOPPED])
def test_an_interrupted_trial_waits_under_its_number(outcome: Outcome) -> None:
    run = a_run(n_trials=1)
    launch(run, 0)
    run.handle(measured(0, 1))

    assert run.handle(ended(0, outcome)) == [Record(0, WAITING, None, 2.0, outcome.value)]
    launch(run, 0)


def test_three_attempts_without_a_new_epoch_fail_the_trial() -> None:
    run = a_run(n_trials=1)
    launch(run, 0)
    run.handle(measured(0, 1))
    records = [*run.handle(ended(0, Outcome.KILLED))]
    for _ in range(3):
        launch(run, 0)
        # What a resumed trainer yields first it has measured before.
        assert run.handle(measured(0, 1)) == [GoOn(0)]
        records += run.handle(ended(0, Outcome.KILLED, reason="killed by signal 9"))

    assert [r.state for r in records if isinstance(r, Record)] == [WAITING, WAITING, WAITING, FAIL]
    assert records[-1] == Record(0, FAIL, None, 2.0, "killed by signal 9")


def test_attempts_before_a_restart_of_the_orchestrator_count_as_well() -> None:
    run = a_run(waiting={0: Waiting(epoch=1, barren=2)})
    launch(run, 0)

    [record] = run.handle(ended(0, Outcome.KILLED))

    assert isinstance(record, Record)
    assert record.state is FAIL


def test_a_checkpoint_older_than_the_last_epoch_brings_no_new_epoch_when_it_catches_up() -> None:
    run = a_run(waiting={0: Waiting(epoch=3, barren=2)})
    launch(run, 0, epochs=9)
    run.handle(measured(0, 2))
    run.handle(measured(0, 3))

    [record] = run.handle(ended(0, Outcome.KILLED))

    assert isinstance(record, Record)
    assert record.state is FAIL


def test_a_new_epoch_forgives_the_attempts_before_it() -> None:
    run = a_run(waiting={0: Waiting(epoch=1, barren=2)})
    launch(run, 0)
    run.handle(measured(0, 2))

    run.handle(ended(0, Outcome.KILLED))
    launch(run, 0)

    [record] = run.handle(ended(0, Outcome.KILLED))
    assert isinstance(record, Record)
    assert record.state is WAITING


def test_running_out_of_memory_on_a_share_asks_for_a_device_alone() -> None:
    run = a_run()
    launch(run, 0, shared=True)
    assert not run.wants_alone

    run.handle(ended(0, Outcome.OUT_OF_MEMORY))

    assert run.wants_alone
    launch(run, 0, shared=False)
    assert not run.wants_alone


def test_running_out_of_memory_alone_is_an_interruption_like_others() -> None:
    run = a_run()
    launch(run, 0, shared=False)

    run.handle(ended(0, Outcome.OUT_OF_MEMORY))

    assert not run.wants_alone


def test_a_trial_that_needs_a_device_alone_is_not_launched_on_a_share() -> None:
    run = a_run(waiting={0: Waiting(alone=True)})
    run.handle(an_offer(0, shared=True))

    assert run.handle(a_suggestion(0)) == [
        Record(0, WAITING, None, 0.0, "not launched: it needs a device for itself"),
        Decline("slot-0"),
    ]
    assert run.wants_alone

"""One study's life when somebody interferes: stops, leaving, and new totals."""

import math

import pytest

from mcp_automl.domain.events import (
    Command,
    Decline,
    Event,
    Finish,
    GoOn,
    Outcome,
    Record,
    Retargeted,
    Stop,
    StopRequested,
)
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import StudyState, TrialState, Waiting
from tests.studies_for_tests import (
    a_config,
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
USER_STOP, LEAVE = StopRequested(by_user=True), StopRequested(by_user=False)
BY_USER, LEAVING = "stopped by the user", "the orchestrator is leaving"


def retargeted(n_trials: int, budget: float | None = None, at: float = 1.0) -> Retargeted:
    return Retargeted(a_config(n_trials=n_trials, budget=budget), at)


def states(commands: list[Command]) -> dict[int, TrialState]:
    return {c.trial: c.state for c in commands if isinstance(c, Record)}


def answers(run: StudyRun, *events: Event) -> list[Command]:
    return [command for event in events for command in run.handle(event)]


# --- stops -------------------------------------------------------------------------------------


def test_a_stop_interrupts_what_runs_and_finishes_once_nothing_does() -> None:
    run = a_run()
    launch(run, 0)
    launch(run, 1)

    assert run.handle(USER_STOP) == [Stop(0, BY_USER), Stop(1, BY_USER)]
    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, WAITING, None, 2.0, BY_USER)]
    assert run.handle(ended(1, Outcome.STOPPED)) == [
        Record(1, WAITING, None, 2.0, BY_USER),
        Finish(StudyState.STOPPED, BY_USER),
    ]


def test_a_stop_while_nothing_runs_finishes_at_once() -> None:
    assert a_run().handle(USER_STOP) == [Finish(StudyState.STOPPED, BY_USER)]


def test_two_stops_at_once_stop_every_trial_once() -> None:
    run = a_run()
    launch(run, 0)

    assert answers(run, USER_STOP, USER_STOP) == [Stop(0, BY_USER)]


def test_a_suggestion_after_the_stop_is_put_back_and_its_slot_given_back() -> None:
    run = a_run()
    run.handle(an_offer(0))

    assert run.handle(USER_STOP) == []
    assert run.handle(a_suggestion(0)) == [
        Record(0, WAITING, None, 0.0, f"not launched: {BY_USER}"),
        Decline("slot-0"),
        Finish(StudyState.STOPPED, BY_USER),
    ]


def test_a_slot_after_the_stop_is_declined() -> None:
    run = a_run()
    launch(run, 0)
    run.handle(USER_STOP)

    assert not run.wants_slot
    assert run.handle(an_offer(1)) == [Decline("slot-1")]


def test_a_measurement_from_a_trial_that_is_being_stopped_is_answered_with_stop() -> None:
    run = a_run()
    launch(run, 0)
    run.handle(USER_STOP)

    assert run.handle(measured(0, 1, prune="behind")) == [Stop(0, BY_USER)]


def test_a_late_measurement_is_the_value_that_a_pruned_trial_keeps() -> None:
    run = a_run()
    launch(run, 0)
    run.handle(measured(0, 1, 0.4, prune="behind"))
    run.handle(measured(0, 2, 0.6))

    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, PRUNED, 0.6, 2.0, "behind")]


def test_a_late_measurement_that_diverged_makes_the_trial_a_failure() -> None:
    run = a_run()
    launch(run, 0)
    run.handle(USER_STOP)
    reason = "diverged at epoch 1: val_accuracy is nan"

    assert run.handle(measured(0, 1, math.nan)) == [Stop(0, reason)]
    assert states(run.handle(ended(0, Outcome.STOPPED))) == {0: FAIL}


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.STOPPED])
def test_a_trial_that_is_stopped_after_its_last_epoch_is_complete(outcome: Outcome) -> None:
    run = a_run()
    launch(run, 0, epochs=2)
    run.handle(measured(0, 2, 0.8))
    run.handle(USER_STOP)

    assert run.handle(ended(0, outcome))[0] == Record(0, COMPLETE, 0.8, 2.0, "")


def test_a_stop_that_the_last_trial_outruns_leaves_the_study_complete() -> None:
    run = a_run(n_trials=1)
    launch(run, 0)
    run.handle(USER_STOP)

    finish = complete(run, 0)[-1]

    assert finish == Finish(StudyState.COMPLETE, "its only trial is done")


def test_a_stopped_attempt_is_not_a_barren_one() -> None:
    run = a_run(waiting={0: Waiting(epoch=1, barren=1)})
    launch(run, 0)
    answers(run, USER_STOP, retargeted(3), ended(0, Outcome.STOPPED))
    launch(run, 0)

    assert states(run.handle(ended(0, Outcome.KILLED))) == {0: WAITING}


def test_a_stopped_attempt_with_a_new_epoch_forgives_the_barren_ones_before_it() -> None:
    run = a_run(waiting={0: Waiting(epoch=1, barren=2)})
    launch(run, 0)
    answers(run, measured(0, 2), USER_STOP, retargeted(3), ended(0, Outcome.STOPPED))
    launch(run, 0)

    assert states(run.handle(ended(0, Outcome.KILLED))) == {0: WAITING}


# --- leaving -----------------------------------------------------------------------------------


def test_leaving_interrupts_what_runs_and_finishes_nothing() -> None:
    run = a_run()
    launch(run, 0)

    assert run.handle(LEAVE) == [Stop(0, LEAVING)]
    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, WAITING, None, 2.0, LEAVING)]
    assert not run.in_flight
    assert not run.wants_slot
    assert not run.finished


@pytest.mark.parametrize("order", [(LEAVE, USER_STOP), (USER_STOP, LEAVE)])
def test_leaving_before_or_after_a_stop_finishes_nothing(order: tuple[Event, ...]) -> None:
    run = a_run()
    launch(run, 0)

    answers(run, *order, ended(0, Outcome.STOPPED))

    assert not run.in_flight
    assert not run.finished


def test_a_suggestion_while_leaving_is_put_back() -> None:
    run = a_run()
    run.handle(an_offer(0))
    run.handle(LEAVE)

    assert run.handle(a_suggestion(0)) == [
        Record(0, WAITING, None, 0.0, f"not launched: {LEAVING}"),
        Decline("slot-0"),
    ]


def test_nothing_lifts_the_leaving() -> None:
    run = a_run()

    assert answers(run, LEAVE, retargeted(30)) == []
    assert not run.wants_slot


# --- asked for again ---------------------------------------------------------------------------


def test_a_larger_total_makes_room_for_the_difference_alone() -> None:
    run = a_run(n_trials=20, counted=19)
    launch(run, 19)
    assert not run.wants_slot

    run.handle(retargeted(21))

    assert run.wants_slot
    launch(run, 20)
    assert not run.wants_slot


def test_a_smaller_total_interrupts_the_newest_trials() -> None:
    run = a_run(n_trials=20, counted=10)
    for trial in (10, 11, 12):
        launch(run, trial)
    reason = "the study's total was lowered to 11"

    assert run.handle(retargeted(11)) == [Stop(12, reason), Stop(11, reason)]
    assert run.handle(measured(10, 1)) == [GoOn(10)]


def test_a_total_that_is_reached_already_finishes_when_nothing_runs() -> None:
    run = a_run(n_trials=20, counted=10)
    launch(run, 10)
    run.handle(retargeted(5))

    assert run.handle(ended(10, Outcome.STOPPED))[-1] == Finish(
        StudyState.COMPLETE, "all 5 trials are done"
    )


def test_a_suggestion_that_a_smaller_total_has_no_room_for_is_put_back() -> None:
    run = a_run(n_trials=3)
    launch(run, 0)
    run.handle(an_offer(1))
    run.handle(retargeted(1))

    assert run.handle(a_suggestion(1)) == [
        Record(1, WAITING, None, 0.0, "not launched: the study's total was lowered to 1"),
        Decline("slot-1"),
    ]


def test_a_trial_that_is_being_pruned_takes_its_place_in_a_smaller_total() -> None:
    run = a_run(n_trials=3)
    launch(run, 0)
    launch(run, 1)
    run.handle(an_offer(2))
    run.handle(measured(1, 1, prune="behind"))
    run.handle(retargeted(2))

    assert states(run.handle(a_suggestion(2))) == {2: WAITING}


def test_a_smaller_total_interrupts_no_more_than_the_pruner_leaves_over() -> None:
    run = a_run(n_trials=20, counted=10)
    for trial in (10, 11, 12):
        launch(run, trial)
    run.handle(measured(10, 1, prune="behind"))

    stops = run.handle(retargeted(12))

    assert stops == [Stop(12, "the study's total was lowered to 12")]


def test_a_study_that_is_asked_for_while_it_stops_goes_on() -> None:
    run = a_run(n_trials=1)
    launch(run, 0)
    run.handle(measured(0, 1))
    run.handle(USER_STOP)

    assert run.handle(retargeted(1)) == []
    assert run.handle(ended(0, Outcome.STOPPED)) == [Record(0, WAITING, None, 2.0, BY_USER)]
    launch(run, 0)


def test_a_study_that_is_stopped_asked_for_and_stopped_again_stops() -> None:
    run = a_run()
    launch(run, 0)

    assert answers(run, USER_STOP, retargeted(3), USER_STOP) == [Stop(0, BY_USER)]
    assert run.handle(ended(0, Outcome.STOPPED))[-1] == Finish(StudyState.STOPPED, BY_USER)


def test_a_study_that_is_asked_for_while_it_fails_gets_five_new_chances() -> None:
    run = a_run(failures=("no",) * 4)
    launch(run, 4)
    launch(run, 5)
    answers(run, ended(4, Outcome.RAISED, reason="no"), retargeted(3))

    assert states(run.handle(ended(5, Outcome.STOPPED))) == {5: WAITING}
    assert run.wants_slot
